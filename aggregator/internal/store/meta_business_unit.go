// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// MetaBusinessUnit is a part of the organisation: machines enrol for one, and tags and taxonomies may belong to one.
type MetaBusinessUnit struct {
	ID                   int64     `json:"id"`
	Name                 string    `json:"name"`
	APIEnrollmentEnabled bool      `json:"api_enrollment_enabled"`
	CreatedAt            time.Time `json:"created_at"`
	UpdatedAt            time.Time `json:"updated_at"`
}

const (
	metaUnitColumns = `id, name, api_enrollment_enabled, created_at, updated_at`

	listMetaUnitsSQL = `
SELECT ` + metaUnitColumns + ` FROM meta_business_unit
WHERE $1 = '' OR name = $1
ORDER BY name`

	oneMetaUnitSQL    = `SELECT ` + metaUnitColumns + ` FROM meta_business_unit WHERE id = $1`
	lockMetaUnitSQL   = oneMetaUnitSQL + ` FOR NO KEY UPDATE`
	insertMetaUnitSQL = `
INSERT INTO meta_business_unit (name, api_enrollment_enabled) VALUES ($1, $2)
RETURNING ` + metaUnitColumns
	findMetaUnitSQL = `SELECT id FROM meta_business_unit WHERE name = $1`
	makeMetaUnitSQL = `
INSERT INTO meta_business_unit (name) VALUES ($1) ON CONFLICT (name) DO NOTHING
RETURNING ` + metaUnitColumns
	updateMetaUnitSQL = `
UPDATE meta_business_unit SET name = $2, api_enrollment_enabled = $3, updated_at = now()
WHERE id = $1
RETURNING ` + metaUnitColumns
	deleteMetaUnitSQL = `DELETE FROM meta_business_unit WHERE id = $1 RETURNING ` + metaUnitColumns
)

// ListMetaBusinessUnits returns the units by name, only the one of that name unless it is empty.
func (s *Store) ListMetaBusinessUnits(ctx context.Context, name string) ([]MetaBusinessUnit, error) {
	rows, _ := s.pool.Query(ctx, listMetaUnitsSQL, name) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[MetaBusinessUnit])
	if err != nil {
		return nil, fmt.Errorf("list meta business units: %w", err)
	}
	return found, nil
}

// MetaBusinessUnit returns one unit; ErrNotFound when there is none.
func (s *Store) MetaBusinessUnit(ctx context.Context, id int64) (MetaBusinessUnit, error) {
	u, err := oneMetaUnit(ctx, s.pool, oneMetaUnitSQL, id)
	if err != nil {
		return MetaBusinessUnit{}, fmt.Errorf("meta business unit %d: %w", id, err)
	}
	return u, nil
}

// CreateMetaBusinessUnit stores a unit and gives it an id. Its refusals are FieldErrors.
func (s *Store) CreateMetaBusinessUnit(ctx context.Context, u MetaBusinessUnit) (MetaBusinessUnit, error) {
	var created MetaBusinessUnit
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if created, err = oneMetaUnit(ctx, tx, insertMetaUnitSQL, u.Name, u.APIEnrollmentEnabled); err != nil {
			return fieldError(err)
		}
		if err := enableEnrollment(ctx, tx, &created); err != nil {
			return err
		}
		return record(ctx, tx, created.audit("created", nil, &created))
	})
	if err != nil {
		return MetaBusinessUnit{}, fmt.Errorf("create meta business unit %q: %w", u.Name, err)
	}
	return created, nil
}

// UpdateMetaBusinessUnit changes a unit as it is now. Its refusals are ErrNotFound, FieldErrors and what change returns.
func (s *Store) UpdateMetaBusinessUnit(ctx context.Context, id int64, change func(*MetaBusinessUnit) error) (MetaBusinessUnit, error) {
	var after MetaBusinessUnit
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneMetaUnit(ctx, tx, lockMetaUnitSQL, id)
		if err != nil {
			return err
		}
		wanted := before
		if err := change(&wanted); err != nil {
			return err
		}
		if after, err = oneMetaUnit(ctx, tx, updateMetaUnitSQL, id, wanted.Name, wanted.APIEnrollmentEnabled); err != nil {
			return fieldError(err)
		}
		if err := enableEnrollment(ctx, tx, &after); err != nil {
			return err
		}
		return record(ctx, tx, after.audit("updated", &before, &after))
	})
	if err != nil {
		return MetaBusinessUnit{}, fmt.Errorf("change meta business unit %d: %w", id, err)
	}
	return after, nil
}

// DeleteMetaBusinessUnit removes a unit; ErrInUse when anything belongs to it, ErrNotFound when there is none.
func (s *Store) DeleteMetaBusinessUnit(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		gone, err := oneMetaUnit(ctx, tx, deleteMetaUnitSQL, id)
		if err != nil {
			return inUse(err)
		}
		return record(ctx, tx, gone.audit("deleted", &gone, nil))
	})
	if err != nil {
		return fmt.Errorf("delete meta business unit %d: %w", id, err)
	}
	return nil
}

// ensureMetaUnit returns the unit of that name within a transaction, and makes it when it is missing.
func ensureMetaUnit(ctx context.Context, tx querier, name string) (id int64, err error) {
	id, err = ensure(ctx, tx, findMetaUnitSQL, name, func() (int64, error) {
		created, err := oneMetaUnit(ctx, tx, makeMetaUnitSQL, name)
		if errors.Is(err, ErrNotFound) { // somebody else made it just now
			return 0, ErrExists
		}
		if err != nil {
			return 0, err
		}
		return created.ID, record(ctx, tx, created.audit("created", nil, &created))
	})
	if err != nil {
		return 0, fmt.Errorf("meta business unit %q: %w", name, err)
	}
	return id, nil
}

// enableEnrollment makes the business unit that machines enrol for, where they may.
func enableEnrollment(ctx context.Context, tx querier, u *MetaBusinessUnit) error {
	if !u.APIEnrollmentEnabled {
		return nil
	}
	return ensureOwnUnit(ctx, tx, u.ID)
}

func oneMetaUnit(ctx context.Context, db querier, sql string, args ...any) (MetaBusinessUnit, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectExactlyOneRow
	u, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[MetaBusinessUnit])
	return u, notFound(err)
}

// audit is the entry of a change of the unit; either side may be nil.
func (u *MetaBusinessUnit) audit(action string, before, after *MetaBusinessUnit) Audit {
	return Audit{
		Action: action, Object: "meta_business_unit", ObjectID: strconv.FormatInt(u.ID, 10), ObjectName: u.Name,
		Before: side(before), After: side(after),
	}
}
