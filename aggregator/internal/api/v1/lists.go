// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Permissions of the outside contract for what these lists hold; with counts of machines they also need those of the
// inventory.
const (
	viewTag      auth.Permission = "inventory.view_tag"
	viewTaxonomy auth.Permission = "inventory.view_taxonomy"
	viewUnit     auth.Permission = "inventory.view_metabusinessunit"
)

// countedTag is a tag and how many machines in reach carry it.
type countedTag struct {
	store.Tag
	Machines int `json:"machines"`
}

// countedTaxonomy is a taxonomy and how many machines in reach carry one of its tags.
type countedTaxonomy struct {
	ID               int64  `json:"id"`
	Name             string `json:"name"`
	MetaBusinessUnit *int64 `json:"meta_business_unit"`
	Tags             int    `json:"tags"`
	Machines         int    `json:"machines"`
}

func (a *API) listTags(w http.ResponseWriter, r *http.Request) error {
	var after string
	page, err := a.countedPage(w, r, "tags", &after)
	if err != nil {
		return err
	}
	tags, err := a.store.Tags(r.Context())
	if err != nil {
		return err
	}
	sets := make([][]int64, len(tags))
	for i, t := range tags {
		sets[i] = []int64{t.ID}
	}
	counts, err := a.index.CountTagged(auth.ReachOf(r.Context()), sets)
	if err != nil {
		return notBuilt(w, err)
	}
	rows := make([]countedTag, len(tags))
	for i, t := range tags {
		rows[i] = countedTag{Tag: t, Machines: counts[i]}
	}
	sortBy(rows, func(t countedTag) string { return t.Name }) // the database may have another order
	rows, next := cut(page, rows, func(t countedTag) bool { return t.Name > after }, func(t countedTag) any { return t.Name })
	return answerJSON(w, r, map[string]any{"tags": rows, "next_cursor": next})
}

func (a *API) listTaxonomies(w http.ResponseWriter, r *http.Request) error {
	var after int64
	page, err := a.countedPage(w, r, "taxonomies", &after)
	if err != nil {
		return err
	}
	taxonomies, err := a.store.ListTaxonomies(r.Context(), "")
	if err != nil {
		return err
	}
	tags, err := a.store.Tags(r.Context())
	if err != nil {
		return err
	}
	of := map[int64][]int64{}
	for _, t := range tags {
		if t.Taxonomy != nil {
			of[*t.Taxonomy] = append(of[*t.Taxonomy], t.ID)
		}
	}
	sets := make([][]int64, len(taxonomies))
	for i, t := range taxonomies {
		sets[i] = of[t.ID]
	}
	counts, err := a.index.CountTagged(auth.ReachOf(r.Context()), sets)
	if err != nil {
		return notBuilt(w, err)
	}
	rows := make([]countedTaxonomy, len(taxonomies))
	for i, t := range taxonomies {
		rows[i] = countedTaxonomy{ID: t.ID, Name: t.Name, MetaBusinessUnit: t.MetaBusinessUnit, Tags: len(sets[i]), Machines: counts[i]}
	}
	sortBy(rows, func(t countedTaxonomy) int64 { return t.ID })
	rows, next := cut(page, rows, func(t countedTaxonomy) bool { return t.ID > after }, func(t countedTaxonomy) any { return t.ID })
	return answerJSON(w, r, map[string]any{"taxonomies": rows, "next_cursor": next})
}

// listMachineTags lists the tags of one machine by name.
func (a *API) listMachineTags(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	d, err := a.machine(r)
	if err != nil {
		return err
	}
	return answerJSON(w, r, map[string]any{"tags": append([]store.Tag{}, d.Tags...)})
}
