// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

func (a *API) listMachines(w http.ResponseWriter, r *http.Request) error {
	list := a.list("machines")
	q, err := api.ParseQuery(r, "q", "platform", "source", "cursor", "limit")
	if err != nil {
		return err
	}
	wanted, err := filterOf(q.Text("q"))
	if err != nil {
		return err
	}
	f := store.MachineFilter{Platform: strings.ToUpper(q.Text("platform")), Source: q.Text("source")}
	if f.Limit, err = q.Limit(); err != nil {
		return err
	}
	if err := api.DecodeCursor(list, q.Text("cursor"), &f.After); err != nil {
		return err
	}
	if f.Scope, err = reachOf(r, wanted); err != nil {
		return err
	}
	page, err := a.find(r, wanted, f)
	if err != nil {
		return notBuilt(w, err)
	}
	answer := machineList{Machines: []machine{}, Total: &page.Total}
	if page.Total < 0 {
		answer.Total = nil
	}
	for _, m := range page.Machines {
		answer.Machines = append(answer.Machines, machineOf(m))
	}
	answer.NextCursor = nextCursor(list, len(page.Machines), f.Limit, func() any { return page.Machines[len(page.Machines)-1].SerialNumber })
	return answerJSON(w, r, answer)
}

// filterOf reads a filter of the query; what is wrong is a 400 that says where.
func filterOf(text string) (filter.Node, error) {
	wanted, err := filter.Parse(text)
	if position, ok := filter.PositionOf(err); ok {
		problem := api.Refuse(http.StatusBadRequest, "q: %v", err)
		problem.Position = &position
		return nil, problem
	}
	if err != nil {
		return nil, err
	}
	return wanted, checkSoftware(wanted)
}

// checkSoftware refuses kinds that are no software, and bounds that no version of the kind they are about could be compared with.
func checkSoftware(wanted filter.Node) error {
	for _, asset := range filter.Assets(wanted) {
		kind := ""
		for _, t := range asset {
			if exact, ok := t.Value.Exact(); ok && t.Field == filter.SoftwareKind && t.Op == filter.Matches {
				kind = exact
			}
		}
		if kind != "" && !slices.Contains(softwareKinds, kind) {
			return api.Refuse(http.StatusBadRequest, "q: software.kind: there is no %q; use one of %s", kind, strings.Join(softwareKinds, ", "))
		}
		for _, t := range asset {
			if kind == "" || t.Field != filter.SoftwareVersion || t.Op == filter.Matches || t.Op == filter.Differs {
				continue
			}
			if !version.Supports(kind) {
				return api.Refuse(http.StatusBadRequest, "q: versions of %s have no order; those of these kinds have one: %s",
					kind, strings.Join(version.Kinds(), ", "))
			}
			bound, _ := t.Value.Exact()
			if err := version.Check(kind, bound); err != nil {
				return api.Refuse(http.StatusBadRequest, "q: software.version%s: %v", t.Op, err)
			}
		}
	}
	return nil
}

// reachOf returns the machines that a filter may tell of: whoever asks for results of checks has to be allowed to see
// those too.
func reachOf(r *http.Request, wanted filter.Node) (auth.Scope, error) {
	ofChecks := false
	filter.Terms(wanted, func(t filter.Term) { ofChecks = ofChecks || t.Field == filter.Check || t.Field == filter.Status })
	if !ofChecks {
		return auth.ReachOf(r.Context()), nil
	}
	principal, _ := auth.PrincipalOf(r.Context())
	scope, ok := principal.ScopeOf(auth.ReadInventory, auth.ReadChecks)
	if !ok {
		return scope, api.Refuse(http.StatusForbidden, "q: check and status also need the permission %s.", auth.ReadChecks)
	}
	return scope, nil
}

// find asks the index. Until that is built the store answers what it can, without a total: then that is -1.
func (a *API) find(r *http.Request, wanted filter.Node, f store.MachineFilter) (index.Page, error) {
	err := a.freshIndex(r.Context())
	if err == nil {
		question := index.Question{Filter: narrowed(wanted, f), Now: time.Now(), Scope: f.Scope, After: f.After, Limit: f.Limit}
		if question.Names, err = a.namesFor(r, wanted); err != nil {
			return index.Page{}, err
		}
		var page index.Page
		if page, err = a.index.Find(question); err == nil {
			return page, nil
		}
	}
	if wanted != nil {
		text, ok := wanted.(filter.Term)
		if f.Query, _ = text.Value.Exact(); !ok || text.Field != filter.Text || f.Query == "" {
			return index.Page{}, err
		}
	}
	found, err := a.store.ListMachines(r.Context(), f)
	return index.Page{Machines: found, Total: -1}, err
}

// narrowed adds the other parameters of the list to a filter.
func narrowed(wanted filter.Node, f store.MachineFilter) filter.Node {
	var all filter.And
	for _, t := range []struct {
		field filter.Field
		text  string
	}{{filter.Platform, f.Platform}, {filter.Source, f.Source}} {
		if t.text != "" {
			all = append(all, filter.Term{Field: t.field, Op: filter.Matches, Value: filter.Exactly(t.text)})
		}
	}
	if wanted != nil {
		all = append(all, wanted)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}
