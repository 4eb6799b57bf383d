// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// OsqueryConfiguration is what the outside contract configures osquery with. It is kept for its clients; what our agent
// collects is a Configuration's to say.
type OsqueryConfiguration struct {
	ID                int64           `json:"id"`
	Name              string          `json:"name"`
	Description       string          `json:"description"`
	Inventory         bool            `json:"inventory"`
	InventoryApps     bool            `json:"inventory_apps"`
	InventoryEC2      bool            `json:"inventory_ec2"`
	InventoryInterval int             `json:"inventory_interval"` // seconds
	Options           json.RawMessage `json:"options"`            // an object
	CreatedAt         time.Time       `json:"-"`
	UpdatedAt         time.Time       `json:"-"`
}

const (
	osqueryColumns = `
id, name, description, inventory, inventory_apps, inventory_ec2, inventory_interval, options, created_at, updated_at`

	osqueryConfigurationsSQL = `
SELECT ` + osqueryColumns + ` FROM osquery_configuration WHERE $1 IN ('', name) ORDER BY id`
	oneOsqueryConfigurationSQL    = `SELECT ` + osqueryColumns + ` FROM osquery_configuration WHERE id = $1`
	lockOsqueryConfigurationSQL   = oneOsqueryConfigurationSQL + ` FOR UPDATE`
	insertOsqueryConfigurationSQL = `
INSERT INTO osquery_configuration (name, description, inventory, inventory_apps, inventory_ec2, inventory_interval, options)
VALUES ($1, $2, $3, $4, $5, $6, $7::json)
RETURNING ` + osqueryColumns
	updateOsqueryConfigurationSQL = `
UPDATE osquery_configuration
SET name = $1, description = $2, inventory = $3, inventory_apps = $4, inventory_ec2 = $5, inventory_interval = $6,
    options = $7::json, updated_at = now()
WHERE id = $8
RETURNING ` + osqueryColumns
)

// OsqueryConfigurations returns all of them by id, only the one of that name unless it is empty.
func (s *Store) OsqueryConfigurations(ctx context.Context, name string) ([]OsqueryConfiguration, error) {
	rows, _ := s.pool.Query(ctx, osqueryConfigurationsSQL, name) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OsqueryConfiguration])
	if err != nil {
		return nil, fmt.Errorf("osquery configurations: %w", err)
	}
	return found, nil
}

// OsqueryConfiguration returns one of them; ErrNotFound when there is none.
func (s *Store) OsqueryConfiguration(ctx context.Context, id int64) (OsqueryConfiguration, error) {
	c, err := oneOsqueryConfiguration(ctx, s.pool, oneOsqueryConfigurationSQL, id)
	if err != nil {
		return c, fmt.Errorf("osquery configuration %d: %w", id, err)
	}
	return c, nil
}

func oneOsqueryConfiguration(ctx context.Context, db querier, sql string, args ...any) (OsqueryConfiguration, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectExactlyOneRow
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[OsqueryConfiguration])
	return c, fieldError(notFound(err))
}

func (c *OsqueryConfiguration) args() []any {
	return []any{c.Name, c.Description, c.Inventory, c.InventoryApps, c.InventoryEC2, c.InventoryInterval, string(c.Options)}
}

func (c *OsqueryConfiguration) audit(action string, before, after *OsqueryConfiguration) Audit {
	return Audit{
		Action: action, Object: "osquery_configuration", ObjectID: strconv.FormatInt(c.ID, 10), ObjectName: c.Name,
		Before: side(before), After: side(after),
	}
}

// CreateOsqueryConfiguration stores a configuration. Its refusals are FieldErrors.
func (s *Store) CreateOsqueryConfiguration(ctx context.Context, c OsqueryConfiguration) (OsqueryConfiguration, error) {
	var created OsqueryConfiguration
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if created, err = oneOsqueryConfiguration(ctx, tx, insertOsqueryConfigurationSQL, c.args()...); err != nil {
			return err
		}
		return record(ctx, tx, created.audit("created", nil, &created))
	})
	if err != nil {
		return created, fmt.Errorf("create osquery configuration %q: %w", c.Name, err)
	}
	return created, nil
}

// UpdateOsqueryConfiguration changes a configuration as it is now. Its refusals are ErrNotFound, FieldErrors and what
// change returns.
func (s *Store) UpdateOsqueryConfiguration(ctx context.Context, id int64, change func(*OsqueryConfiguration) error) (OsqueryConfiguration, error) {
	var after OsqueryConfiguration
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneOsqueryConfiguration(ctx, tx, lockOsqueryConfigurationSQL, id)
		if err != nil {
			return err
		}
		wanted := before
		if err := change(&wanted); err != nil {
			return err
		}
		if after, err = oneOsqueryConfiguration(ctx, tx, updateOsqueryConfigurationSQL, append(wanted.args(), id)...); err != nil {
			return err
		}
		return record(ctx, tx, after.audit("updated", &before, &after))
	})
	if err != nil {
		return after, fmt.Errorf("change osquery configuration %d: %w", id, err)
	}
	return after, nil
}

// DeleteOsqueryConfiguration removes a configuration. One that enrolments have is ErrInUse, an unknown one ErrNotFound.
func (s *Store) DeleteOsqueryConfiguration(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneOsqueryConfiguration(ctx, tx, lockOsqueryConfigurationSQL, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM osquery_configuration WHERE id = $1`, id); err != nil {
			return inUse(err)
		}
		return record(ctx, tx, before.audit("deleted", &before, nil))
	})
	if err != nil {
		return fmt.Errorf("delete osquery configuration %d: %w", id, err)
	}
	return nil
}
