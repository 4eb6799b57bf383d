// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DefaultTagColor is the colour of tags for which nobody chose one.
const DefaultTagColor = "0079bf"

// Tag is a label that machines carry.
type Tag struct {
	ID               int64  `json:"id"`
	Name             string `json:"name"`
	Slug             string `json:"slug"`               // see Slugify; empty when the name has none
	Color            string `json:"color"`              // six hexadecimal digits
	Taxonomy         *int64 `json:"taxonomy"`           // nil: none
	MetaBusinessUnit *int64 `json:"meta_business_unit"` // nil: none
}

const (
	tagColumns = `t.id, t.name, t.slug, t.color, t.taxonomy, t.meta_business_unit`

	tagsSQL = `
SELECT ` + tagColumns + ` FROM tag t ORDER BY t.name`

	// NULL comes last, as in the outside contract's database.
	listTagsSQL = `
SELECT ` + tagColumns + `
FROM tag t LEFT JOIN meta_business_unit u ON u.id = t.meta_business_unit
WHERE $1 = '' OR t.name = $1
ORDER BY u.name, t.name`

	oneTagSQL    = `SELECT ` + tagColumns + ` FROM tag t WHERE t.id = $1`
	lockTagSQL   = oneTagSQL + ` FOR NO KEY UPDATE OF t`
	insertTagSQL = `
INSERT INTO tag AS t (name, slug, color, taxonomy, meta_business_unit)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING ` + tagColumns
	updateTagSQL = `
UPDATE tag t SET name = $2, slug = $3, color = $4, taxonomy = $5, meta_business_unit = $6
WHERE id = $1
RETURNING ` + tagColumns
)

// Tags returns all tags by name.
func (s *Store) Tags(ctx context.Context) ([]Tag, error) {
	tags, err := collectTags(ctx, s.pool, tagsSQL)
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return tags, nil
}

// ListTags returns the tags by the name of their business unit and their own, only the one of that name unless it is
// empty.
func (s *Store) ListTags(ctx context.Context, name string) ([]Tag, error) {
	tags, err := collectTags(ctx, s.pool, listTagsSQL, name)
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return tags, nil
}

// Tag returns one tag; ErrNotFound when there is none.
func (s *Store) Tag(ctx context.Context, id int64) (Tag, error) {
	t, err := oneTag(ctx, s.pool, oneTagSQL, id)
	if err != nil {
		return Tag{}, fmt.Errorf("tag %d: %w", id, err)
	}
	return t, nil
}

// CreateTag stores a tag and gives it an id and a slug. Its refusals are FieldErrors.
func (s *Store) CreateTag(ctx context.Context, t Tag) (Tag, error) {
	var created Tag
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		created, err = insertTag(ctx, tx, t)
		return err
	})
	if err != nil {
		return Tag{}, fmt.Errorf("create tag %q: %w", t.Name, err)
	}
	return created, nil
}

// insertTag stores a tag without spoiling the transaction when its name or slug is taken.
func insertTag(ctx context.Context, tx querier, t Tag) (Tag, error) {
	created, err := oneTag(ctx, tx, insertTagSQL, t.Name, Slugify(t.Name), t.Color, t.Taxonomy, t.MetaBusinessUnit)
	if errors.Is(err, ErrNotFound) {
		return Tag{}, whoHasTag(ctx, tx, t.Name)
	}
	if err != nil {
		return Tag{}, fieldError(err)
	}
	return created, recordTag(ctx, tx, "created", nil, &created)
}

const findTagSQL = `SELECT id FROM tag WHERE name = $1`

// whoHasTag says why a tag was not stored: its name is taken, else its slug.
func whoHasTag(ctx context.Context, tx querier, name string) error {
	var id int64
	err := tx.QueryRow(ctx, findTagSQL, name).Scan(&id)
	switch {
	case err == nil:
		return constraints["tag_name_key"]
	case errors.Is(err, pgx.ErrNoRows):
		return constraints["tag_slug"]
	}
	return err
}

// UpdateTag changes a tag as it is now. Its refusals are ErrNotFound, FieldErrors and what change returns.
func (s *Store) UpdateTag(ctx context.Context, id int64, change func(*Tag) error) (Tag, error) {
	var after Tag
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneTag(ctx, tx, lockTagSQL, id)
		if err != nil {
			return err
		}
		wanted := before
		if err := change(&wanted); err != nil {
			return err
		}
		after, err = oneTag(ctx, tx, updateTagSQL, id, wanted.Name, Slugify(wanted.Name), wanted.Color, wanted.Taxonomy,
			wanted.MetaBusinessUnit)
		if err != nil {
			return fieldError(err)
		}
		return recordTag(ctx, tx, "updated", &before, &after)
	})
	if err != nil {
		return Tag{}, fmt.Errorf("change tag %d: %w", id, err)
	}
	return after, nil
}

// ensureTag returns the tag of that name, whatever its taxonomy, within a transaction. One that is missing it makes, in
// that taxonomy unless it is 0: ErrSlugTaken when another tag has the slug. Whoever needs several asks for them in order
// of their names, so that nobody waits for each other.
func ensureTag(ctx context.Context, tx querier, name string, taxonomy int64) (id int64, err error) {
	t := Tag{Name: name, Color: DefaultTagColor}
	if taxonomy != 0 {
		t.Taxonomy = &taxonomy
	}
	id, err = ensure(ctx, tx, findTagSQL, name, func() (int64, error) {
		created, err := insertTag(ctx, tx, t)
		return created.ID, err
	})
	if err != nil {
		return 0, fmt.Errorf("tag %q: %w", name, err)
	}
	return id, nil
}

// ensure finds an object by its name, or inserts it. When insert says ErrExists, somebody else did so at the same time.
func ensure(ctx context.Context, tx querier, findSQL, name string, insert func() (int64, error)) (id int64, err error) {
	const attempts = 3 // somebody may even delete it in between
	for range attempts {
		err = tx.QueryRow(ctx, findSQL, name).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			id, err = insert()
		}
		if !errors.Is(err, ErrExists) {
			return id, err
		}
	}
	return 0, err
}

func collectTags(ctx context.Context, db querier, sql string, args ...any) ([]Tag, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectRows
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Tag])
}

func oneTag(ctx context.Context, db querier, sql string, args ...any) (Tag, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectExactlyOneRow
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Tag])
	return t, notFound(err)
}

// side is one side of an audit entry: nothing at all for a nil pointer.
func side[T any](v *T) any {
	if v == nil {
		return nil
	}
	return v
}
