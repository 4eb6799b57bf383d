// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Taxonomy is a set of tags of which a machine usually carries one.
type Taxonomy struct {
	ID               int64     `json:"id"`
	MetaBusinessUnit *int64    `json:"meta_business_unit"` // nil: none
	Name             string    `json:"name"`
	CreatedAt        time.Time `json:"created_at"`
	UpdatedAt        time.Time `json:"updated_at"`
}

const (
	taxonomyColumns = `t.id, t.meta_business_unit, t.name, t.created_at, t.updated_at`

	listTaxonomiesSQL = `
SELECT ` + taxonomyColumns + `
FROM taxonomy t LEFT JOIN meta_business_unit u ON u.id = t.meta_business_unit
WHERE $1 = '' OR t.name = $1
ORDER BY u.name, t.name`

	oneTaxonomySQL    = `SELECT ` + taxonomyColumns + ` FROM taxonomy t WHERE t.id = $1`
	lockTaxonomySQL   = oneTaxonomySQL + ` FOR UPDATE` // no tag can join it meanwhile
	findTaxonomySQL   = `SELECT id FROM taxonomy WHERE name = $1`
	insertTaxonomySQL = `
INSERT INTO taxonomy AS t (name, meta_business_unit) VALUES ($1, $2)
ON CONFLICT DO NOTHING
RETURNING ` + taxonomyColumns
	updateTaxonomySQL = `
UPDATE taxonomy t SET name = $2, meta_business_unit = $3, updated_at = now()
WHERE id = $1
RETURNING ` + taxonomyColumns
	deleteTaxonomySQL = `DELETE FROM taxonomy t WHERE id = $1 RETURNING ` + taxonomyColumns
	tagsOfTaxonomySQL = `SELECT id FROM tag WHERE taxonomy = $1 ORDER BY id`
)

// ListTaxonomies returns the taxonomies by the name of their business unit and their own, only the one of that name
// unless it is empty.
func (s *Store) ListTaxonomies(ctx context.Context, name string) ([]Taxonomy, error) {
	rows, _ := s.pool.Query(ctx, listTaxonomiesSQL, name) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Taxonomy])
	if err != nil {
		return nil, fmt.Errorf("list taxonomies: %w", err)
	}
	return found, nil
}

// Taxonomy returns one taxonomy; ErrNotFound when there is none.
func (s *Store) Taxonomy(ctx context.Context, id int64) (Taxonomy, error) {
	t, err := oneTaxonomy(ctx, s.pool, oneTaxonomySQL, id)
	if err != nil {
		return Taxonomy{}, fmt.Errorf("taxonomy %d: %w", id, err)
	}
	return t, nil
}

// CreateTaxonomy stores a taxonomy and gives it an id. Its refusals are FieldErrors.
func (s *Store) CreateTaxonomy(ctx context.Context, t Taxonomy) (Taxonomy, error) {
	var created Taxonomy
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		created, err = insertTaxonomy(ctx, tx, t)
		return err
	})
	if err != nil {
		return Taxonomy{}, fmt.Errorf("create taxonomy %q: %w", t.Name, err)
	}
	return created, nil
}

func insertTaxonomy(ctx context.Context, tx querier, t Taxonomy) (Taxonomy, error) {
	created, err := oneTaxonomy(ctx, tx, insertTaxonomySQL, t.Name, t.MetaBusinessUnit)
	switch {
	case errors.Is(err, ErrNotFound):
		return Taxonomy{}, constraints["taxonomy_name_key"]
	case err != nil:
		return Taxonomy{}, fieldError(err)
	}
	return created, recordTaxonomy(ctx, tx, "created", nil, &created)
}

// UpdateTaxonomy changes a taxonomy as it is now. Its refusals are ErrNotFound, FieldErrors and what change returns.
func (s *Store) UpdateTaxonomy(ctx context.Context, id int64, change func(*Taxonomy) error) (Taxonomy, error) {
	var after Taxonomy
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneTaxonomy(ctx, tx, lockTaxonomySQL, id)
		if err != nil {
			return err
		}
		wanted := before
		if err := change(&wanted); err != nil {
			return err
		}
		after, err = oneTaxonomy(ctx, tx, updateTaxonomySQL, id, wanted.Name, wanted.MetaBusinessUnit)
		if err != nil {
			return fieldError(err)
		}
		return recordTaxonomy(ctx, tx, "updated", &before, &after)
	})
	if err != nil {
		return Taxonomy{}, fmt.Errorf("change taxonomy %d: %w", id, err)
	}
	return after, nil
}

// ensureTaxonomy returns the taxonomy of that name within a transaction, and makes it when it is missing.
func ensureTaxonomy(ctx context.Context, tx querier, name string) (id int64, err error) {
	id, err = ensure(ctx, tx, findTaxonomySQL, name, func() (int64, error) {
		created, err := insertTaxonomy(ctx, tx, Taxonomy{Name: name})
		return created.ID, err
	})
	if err != nil {
		return 0, fmt.Errorf("taxonomy %q: %w", name, err)
	}
	return id, nil
}

func oneTaxonomy(ctx context.Context, db querier, sql string, args ...any) (Taxonomy, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectExactlyOneRow
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Taxonomy])
	return t, notFound(err)
}
