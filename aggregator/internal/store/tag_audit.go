// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// tagRecord is a tag in the audit log: what it belongs to may be gone when somebody reads that.
type tagRecord struct {
	Tag
	TaxonomyName         string `json:"taxonomy_name,omitempty"`
	MetaBusinessUnitName string `json:"meta_business_unit_name,omitempty"`
}

// taxonomyRecord is a taxonomy in the audit log.
type taxonomyRecord struct {
	Taxonomy
	MetaBusinessUnitName string `json:"meta_business_unit_name,omitempty"`
}

// ownerNames are the names of what tags and taxonomies belong to, by their ids.
type ownerNames struct{ taxonomies, units map[int64]string }

const ownerNamesSQL = `
SELECT true, id, name FROM taxonomy WHERE id = ANY ($1)
UNION ALL
SELECT false, id, name FROM meta_business_unit WHERE id = ANY ($2)`

// readOwnerNames returns the names for ids, of which those that are nil stand for nothing.
func readOwnerNames(ctx context.Context, tx querier, taxonomies, units []*int64) (ownerNames, error) {
	names := ownerNames{taxonomies: map[int64]string{}, units: map[int64]string{}}
	wanted, of := idsOf(taxonomies), idsOf(units)
	if len(wanted)+len(of) == 0 {
		return names, nil
	}
	rows, _ := tx.Query(ctx, ownerNamesSQL, wanted, of) // its error comes back from ForEachRow
	var taxonomy bool
	var id int64
	var name string
	_, err := pgx.ForEachRow(rows, []any{&taxonomy, &id, &name}, func() error {
		if taxonomy {
			names.taxonomies[id] = name
		} else {
			names.units[id] = name
		}
		return nil
	})
	if err != nil {
		return names, fmt.Errorf("names for the audit log: %w", err)
	}
	return names, nil
}

func idsOf(pointers []*int64) []int64 {
	ids := []int64{}
	for _, id := range pointers {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

// auditTags returns the entries of changes of tags: before and after have one for each, nil where there is none.
func auditTags(ctx context.Context, tx querier, action string, before, after []*Tag) ([]Audit, error) {
	var taxonomies, units []*int64
	for _, tags := range [][]*Tag{before, after} {
		for _, t := range tags {
			if t != nil {
				taxonomies, units = append(taxonomies, t.Taxonomy), append(units, t.MetaBusinessUnit)
			}
		}
	}
	names, err := readOwnerNames(ctx, tx, taxonomies, units)
	if err != nil {
		return nil, err
	}
	entries := make([]Audit, len(before))
	for i := range before {
		known := after[i]
		if known == nil {
			known = before[i]
		}
		entries[i] = Audit{
			Action: action, Object: "tag", ObjectID: fmt.Sprint(known.ID), ObjectName: known.Name,
			Before: names.tag(before[i]), After: names.tag(after[i]),
		}
	}
	return entries, nil
}

// recordTag adds the change of one tag to the audit log; either side may be nil.
func recordTag(ctx context.Context, tx querier, action string, before, after *Tag) error {
	entries, err := auditTags(ctx, tx, action, []*Tag{before}, []*Tag{after})
	if err != nil {
		return err
	}
	return record(ctx, tx, entries...)
}

func (n *ownerNames) tag(t *Tag) any {
	if t == nil {
		return nil
	}
	r := tagRecord{Tag: *t}
	if t.Taxonomy != nil {
		r.TaxonomyName = n.taxonomies[*t.Taxonomy]
	}
	if t.MetaBusinessUnit != nil {
		r.MetaBusinessUnitName = n.units[*t.MetaBusinessUnit]
	}
	return r
}

// recordTaxonomy adds the change of a taxonomy to the audit log; either side may be nil.
func recordTaxonomy(ctx context.Context, tx querier, action string, before, after *Taxonomy) error {
	known, units := after, []*int64{}
	if known == nil {
		known = before
	}
	for _, t := range []*Taxonomy{before, after} {
		if t != nil {
			units = append(units, t.MetaBusinessUnit)
		}
	}
	names, err := readOwnerNames(ctx, tx, nil, units)
	if err != nil {
		return err
	}
	return record(ctx, tx, Audit{
		Action: action, Object: "taxonomy", ObjectID: fmt.Sprint(known.ID), ObjectName: known.Name,
		Before: names.taxonomy(before), After: names.taxonomy(after),
	})
}

func (n *ownerNames) taxonomy(t *Taxonomy) any {
	if t == nil {
		return nil
	}
	r := taxonomyRecord{Taxonomy: *t}
	if t.MetaBusinessUnit != nil {
		r.MetaBusinessUnitName = n.units[*t.MetaBusinessUnit]
	}
	return r
}
