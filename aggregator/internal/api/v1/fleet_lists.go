// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// countedSource is a source and how many machines in reach it reports.
type countedSource struct {
	ID int32 `json:"id"`
	source
	Machines int `json:"machines"`
}

// countedUser is a principal user and how many machines in reach name it.
type countedUser struct {
	UniqueID      string `json:"unique_id"`
	PrincipalName string `json:"principal_name"`
	DisplayName   string `json:"display_name"`
	Machines      int    `json:"machines"`
}

// countedUnit is a business unit and how many machines in reach are of it.
type countedUnit struct {
	ID               int64    `json:"id"`
	Source           source   `json:"source"`
	Reference        string   `json:"reference"`
	Name             string   `json:"name"`
	MetaBusinessUnit metaUnit `json:"meta_business_unit"`
	Machines         int      `json:"machines"`
}

type metaUnit struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// listSources lists the sources; to whom not every machine is shown, only those that report one that is.
func (a *API) listSources(w http.ResponseWriter, r *http.Request) error {
	var after int32
	page, err := a.countedPage(w, r, "sources", &after)
	if err != nil {
		return err
	}
	sources, err := a.store.Sources(r.Context())
	if err != nil {
		return err
	}
	reach := auth.ReachOf(r.Context())
	counts, err := a.index.CountSources(reach)
	if err != nil {
		return notBuilt(w, err)
	}
	rows := []countedSource{}
	for _, s := range sources {
		if reach.All() || counts[s.ID] > 0 {
			rows = append(rows, countedSource{ID: s.ID, source: sourceOf(s), Machines: counts[s.ID]})
		}
	}
	sortBy(rows, func(s countedSource) int32 { return s.ID })
	rows, next := cut(page, rows, func(s countedSource) bool { return s.ID > after }, func(s countedSource) any { return s.ID })
	return answerJSON(w, r, map[string]any{"sources": rows, "next_cursor": next})
}

func (a *API) listPrincipalUsers(w http.ResponseWriter, r *http.Request) error {
	var after store.PrincipalUser
	page, err := a.countedPage(w, r, "principal users", &after)
	if err != nil {
		return err
	}
	found, err := a.index.Users(auth.ReachOf(r.Context()), after, page.limit)
	if err != nil {
		return notBuilt(w, err)
	}
	rows := []countedUser{}
	for _, u := range found {
		rows = append(rows, countedUser{
			UniqueID: u.User.UniqueID, PrincipalName: u.User.PrincipalName, DisplayName: u.User.DisplayName, Machines: u.Machines,
		})
	}
	next := nextCursor(page.list, len(found), page.limit, func() any { return found[len(found)-1].User })
	return answerJSON(w, r, map[string]any{"principal_users": rows, "next_cursor": next})
}

// listBusinessUnits lists the business units as sources name them; see listSources for whom.
func (a *API) listBusinessUnits(w http.ResponseWriter, r *http.Request) error {
	var after int64
	page, err := a.countedPage(w, r, "business units", &after)
	if err != nil {
		return err
	}
	reach := auth.ReachOf(r.Context())
	counts, err := a.index.CountUnits(reach)
	if err != nil {
		return notBuilt(w, err)
	}
	rows := []countedUnit{}
	err = a.eachUnit(r.Context(), func(u store.FleetUnit) {
		if reach.All() || counts[u.ID] > 0 {
			rows = append(rows, countedUnit{
				ID: u.ID, Source: sourceOf(u.Reported.Source), Reference: u.Reported.Reference, Name: u.Reported.Name,
				MetaBusinessUnit: metaUnit{ID: u.Meta.ID, Name: u.Meta.Name}, Machines: counts[u.ID],
			})
		}
	})
	if err != nil {
		return err
	}
	rows, next := cut(page, rows, func(u countedUnit) bool { return u.ID > after }, func(u countedUnit) any { return u.ID })
	return answerJSON(w, r, map[string]any{"business_units": rows, "next_cursor": next})
}
