// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	plannedTagsSQL = `
SELECT t.id, t.name, coalesce(t.taxonomy, 0), coalesce(x.name, '')
FROM tag t LEFT JOIN taxonomy x ON x.id = t.taxonomy WHERE t.id = ANY ($1)`
	tagsByNameSQL = `SELECT id FROM tag WHERE name = ANY ($1) ORDER BY id`
	taxonomiesSQL = `SELECT id FROM taxonomy WHERE name = ANY ($1) ORDER BY id`
)

// planTags makes the taxonomies and tags that are missing, in the order of their names, so that two who make the same
// ones do not wait for each other.
func (s *Store) planTags(ctx context.Context, operations []TagOperation) (*tagPlan, error) {
	operations = slices.Clone(operations)
	slices.SortStableFunc(operations, func(a, b TagOperation) int { return strings.Compare(a.Taxonomy, b.Taxonomy) })
	var plan *tagPlan
	err := s.inTxAgain(ctx, func(ctx context.Context, tx pgx.Tx) error { // names in order may have slugs that are not
		plan = &tagPlan{set: map[int64][]int64{}, tags: map[int64]namedTag{}}
		p := planner{tx: tx, plan: plan}
		return p.run(ctx, operations)
	})
	if errors.Is(err, ErrNoSuch) { // somebody has just deleted the taxonomy of a new tag
		err = ErrRetry
	}
	return plan, err
}

// planner turns operations into a plan within a transaction.
type planner struct {
	tx   pgx.Tx
	plan *tagPlan
}

func (p *planner) run(ctx context.Context, operations []TagOperation) error {
	taxonomies, err := p.taxonomies(ctx, operations)
	if err != nil {
		return err
	}
	ids, err := p.ensureTags(ctx, operations, taxonomies)
	if err != nil {
		return err
	}
	var removed, cleared []string
	for _, o := range operations {
		switch {
		case o.Kind == RemoveTags:
			removed = append(removed, o.Names...)
		case o.Kind == SetTags && len(o.Names) == 0:
			cleared = append(cleared, o.Taxonomy)
		case o.Kind == SetTags:
			taxonomy := taxonomies[o.Taxonomy]
			p.plan.set[taxonomy] = append(p.plan.set[taxonomy], idsOfNames(ids, o.Names)...)
		default:
			p.plan.add = append(p.plan.add, idsOfNames(ids, o.Names)...)
		}
	}
	if p.plan.remove, err = p.find(ctx, tagsByNameSQL, removed); err != nil {
		return err
	}
	if p.plan.clear, err = p.find(ctx, taxonomiesSQL, cleared); err != nil {
		return err
	}
	return p.describe(ctx, slices.Collect(maps.Values(ids)))
}

func idsOfNames(ids map[string]int64, names []string) []int64 {
	out := make([]int64, len(names))
	for i, name := range names {
		out[i] = ids[name]
	}
	return out
}

// taxonomies makes those in which there will be tags, and returns their ids by name.
func (p *planner) taxonomies(ctx context.Context, operations []TagOperation) (map[string]int64, error) {
	var names []string
	for _, o := range operations {
		if o.Kind != RemoveTags && o.Taxonomy != "" && len(o.Names) > 0 {
			names = append(names, o.Taxonomy)
		}
	}
	ids := map[string]int64{}
	for _, name := range distinct(names) {
		id, err := ensureTaxonomy(ctx, p.tx, name)
		if err != nil {
			return nil, err
		}
		ids[name] = id
	}
	return ids, nil
}

// ensureTags makes the tags that are missing, each in the taxonomy of the first operation that has one, and returns the
// ids of all by name.
func (p *planner) ensureTags(ctx context.Context, operations []TagOperation, taxonomies map[string]int64) (map[string]int64, error) {
	home := map[string]int64{}
	for _, o := range operations {
		if o.Kind == RemoveTags {
			continue
		}
		for _, name := range o.Names {
			if home[name] == 0 {
				home[name] = taxonomies[o.Taxonomy]
			}
		}
	}
	ids := make(map[string]int64, len(home))
	for _, name := range slices.Sorted(maps.Keys(home)) {
		id, err := ensureTag(ctx, p.tx, name, home[name])
		if err != nil {
			return nil, err
		}
		ids[name] = id
	}
	return ids, nil
}

func (p *planner) find(ctx context.Context, sql string, names []string) ([]int64, error) {
	if len(names) == 0 {
		return nil, nil
	}
	rows, _ := p.tx.Query(ctx, sql, names) // its error comes back from CollectRows
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// describe reads what applying the plan needs of the tags that it may add, which are told once each.
func (p *planner) describe(ctx context.Context, tags []int64) error {
	if len(tags) == 0 {
		return nil
	}
	rows, _ := p.tx.Query(ctx, plannedTagsSQL, tags) // its error comes back from ForEachRow
	var id int64
	var tag namedTag
	_, err := pgx.ForEachRow(rows, []any{&id, &tag.name, &tag.taxonomy, &tag.of}, func() error {
		p.plan.tags[id] = tag
		return nil
	})
	if err == nil && len(p.plan.tags) != len(tags) { // somebody has just deleted one
		return ErrRetry
	}
	return err
}
