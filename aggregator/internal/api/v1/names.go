// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// namesFor reads the names that a filter asks for.
func (a *API) namesFor(r *http.Request, wanted filter.Node) (index.Names, error) {
	asked := map[filter.Field]bool{}
	filter.Terms(wanted, func(t filter.Term) { asked[t.Field] = true })
	var names index.Names
	var err error
	if asked[filter.Tag] || asked[filter.Taxonomy] {
		if names.Tags, names.Taxonomies, err = a.tagNames(r.Context()); err != nil {
			return names, err
		}
	}
	if asked[filter.BusinessUnit] {
		if names.Units, err = a.unitNames(r.Context()); err != nil {
			return names, err
		}
	}
	if asked[filter.Check] {
		if names.Checks, err = a.checkNames(r.Context()); err != nil {
			return names, err
		}
	}
	return names, err
}

func (a *API) tagNames(ctx context.Context) (tags, taxonomies map[int64]string, err error) {
	all, err := a.store.Tags(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, err := a.store.ListTaxonomies(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	byID := map[int64]string{}
	for _, t := range list {
		byID[t.ID] = t.Name
	}
	tags, taxonomies = map[int64]string{}, map[int64]string{}
	for _, t := range all {
		tags[t.ID] = t.Name
		if t.Taxonomy != nil {
			taxonomies[t.ID] = byID[*t.Taxonomy]
		}
	}
	return tags, taxonomies, nil
}

func (a *API) unitNames(ctx context.Context) (map[int64][]string, error) {
	names := map[int64][]string{}
	err := a.eachUnit(ctx, func(u store.FleetUnit) {
		names[u.ID] = []string{u.Reported.Name, u.Reported.Reference, u.Meta.Name}
	})
	return names, err
}

// eachUnit reads all business units.
func (a *API) eachUnit(ctx context.Context, fn func(store.FleetUnit)) error {
	after := int64(0)
	for {
		units, err := a.store.BusinessUnits(ctx, after, api.MaxLimit)
		if err != nil {
			return err
		}
		for _, u := range units {
			fn(u)
			after = u.ID
		}
		if len(units) < api.MaxLimit {
			return nil
		}
	}
}

func (a *API) checkNames(ctx context.Context) (map[int64]string, error) {
	checks, err := a.store.AllChecks(ctx)
	names := map[int64]string{}
	for _, c := range checks {
		names[c.ID] = c.Name
	}
	return names, err
}
