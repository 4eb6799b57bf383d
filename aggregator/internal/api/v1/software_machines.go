// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// softwareMachine is a machine that has the software.
type softwareMachine struct {
	SerialNumber string     `json:"serial_number"`
	ComputerName *string    `json:"computer_name"`
	Versions     []string   `json:"versions"`
	LastSeen     *time.Time `json:"last_seen"`
}

type softwareMachineList struct {
	Machines   []softwareMachine `json:"machines"`
	Total      int               `json:"total"` // on all pages
	Unordered  []string          `json:"unordered_versions"`
	NextCursor *string           `json:"next_cursor"`
}

// shownUnordered bounds how many versions without a place in the order an answer names.
const shownUnordered = 100

// listSoftwareMachines lists the machines that have a piece of software, in the wanted versions. Only the index can tell.
func (a *API) listSoftwareMachines(w http.ResponseWriter, r *http.Request) error {
	list := a.list("software machines")
	q, err := api.ParseQuery(r, "kind", "name", "version", "version_lt", "version_le", "version_gt", "version_ge",
		"platform", "type", "source", "cursor", "limit")
	if err != nil {
		return err
	}
	wanted, err := wantedOf(q)
	if err != nil {
		return err
	}
	if err := api.DecodeCursor(list, q.Text("cursor"), &wanted.After); err != nil {
		return err
	}
	wanted.Scope = auth.ReachOf(r.Context())
	if err := a.freshIndex(r.Context()); err != nil {
		return notBuilt(w, err)
	}
	found, err := a.index.With(wanted)
	if err != nil {
		return notBuilt(w, err)
	}
	answer := softwareMachineList{Machines: []softwareMachine{}, Total: found.Total, Unordered: []string{}}
	answer.Unordered = append(answer.Unordered, found.Unordered[:min(len(found.Unordered), shownUnordered)]...)
	for _, h := range found.Holders {
		answer.Machines = append(answer.Machines, softwareMachine{
			SerialNumber: h.Machine.SerialNumber, ComputerName: optional(h.Machine.ComputerName), Versions: h.Versions,
			LastSeen: moment(h.Machine.LastSeen),
		})
	}
	answer.NextCursor = nextCursor(list, len(found.Holders), wanted.Limit, func() any {
		return found.Holders[len(found.Holders)-1].Machine.SerialNumber
	})
	return answerJSON(w, r, answer)
}

// wantedOf reads the question.
func wantedOf(q api.Query) (index.Wanted, error) {
	wanted := index.Wanted{
		Kind: q.Text("kind"), Name: q.Text("name"), Version: q.Text("version"),
		LT: q.Text("version_lt"), LE: q.Text("version_le"), GT: q.Text("version_gt"), GE: q.Text("version_ge"),
		Platform: strings.ToUpper(q.Text("platform")), Type: strings.ToUpper(q.Text("type")), Source: q.Text("source"),
	}
	var err error
	if wanted.Limit, err = q.Limit(); err != nil {
		return wanted, err
	}
	for _, needed := range []string{"kind", "name"} {
		if q.Text(needed) == "" {
			return wanted, api.Refuse(http.StatusBadRequest, "%s: needed", needed)
		}
	}
	if _, err := kindsOf(wanted.Kind); err != nil {
		return wanted, err
	}
	for _, bound := range []string{"version_lt", "version_le", "version_gt", "version_ge"} {
		text := q.Text(bound)
		if text == "" {
			continue
		}
		if !version.Supports(wanted.Kind) {
			return wanted, api.Refuse(http.StatusBadRequest, "%s: versions of %s have no order; those of these kinds have one: %s",
				bound, wanted.Kind, strings.Join(version.Kinds(), ", "))
		}
		if err := version.Check(wanted.Kind, text); err != nil {
			return wanted, api.Refuse(http.StatusBadRequest, "%s: %v", bound, err)
		}
	}
	return wanted, nil
}

// notBuilt asks the client to come again when the index is ready.
func notBuilt(w http.ResponseWriter, err error) error {
	if !errors.Is(err, index.ErrBuilding) {
		return err
	}
	w.Header().Set("Retry-After", "10")
	return api.Refuse(http.StatusServiceUnavailable, "The aggregator has just started and reads the fleet: %v. Try again in a moment.", err)
}
