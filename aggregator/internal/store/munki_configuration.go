// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// MunkiConfiguration is what the outside contract configures Munki's inventory with. It is kept for its clients; what
// our agent collects is a Configuration's to say.
type MunkiConfiguration struct {
	ID                              int64     `json:"id"`
	Version                         int       `json:"version"` // 0 at first, rises with every change
	Name                            string    `json:"name"`
	Description                     string    `json:"description"`
	InventoryAppsFullInfoShard      int       `json:"inventory_apps_full_info_shard"` // percent
	PrincipalUserDetectionSources   []string  `json:"principal_user_detection_sources"`
	PrincipalUserDetectionDomains   []string  `json:"principal_user_detection_domains"`
	CollectedConditionKeys          []string  `json:"collected_condition_keys"`
	ManagedInstallsSyncIntervalDays int       `json:"managed_installs_sync_interval_days"`
	ScriptChecksRunIntervalSeconds  int       `json:"script_checks_run_interval_seconds"`
	AutoReinstallIncidents          bool      `json:"auto_reinstall_incidents"`
	AutoFailedInstallIncidents      bool      `json:"auto_failed_install_incidents"`
	CreatedAt                       time.Time `json:"-"`
	UpdatedAt                       time.Time `json:"-"`
}

const (
	munkiColumns = `
id, version, name, description, inventory_apps_full_info_shard, principal_user_detection_sources,
principal_user_detection_domains, collected_condition_keys, managed_installs_sync_interval_days,
script_checks_run_interval_seconds, auto_reinstall_incidents, auto_failed_install_incidents, created_at, updated_at`

	munkiConfigurationsSQL = `
SELECT ` + munkiColumns + ` FROM munki_configuration WHERE $1 IN ('', name) ORDER BY id`
	oneMunkiConfigurationSQL    = `SELECT ` + munkiColumns + ` FROM munki_configuration WHERE id = $1`
	lockMunkiConfigurationSQL   = oneMunkiConfigurationSQL + ` FOR UPDATE`
	insertMunkiConfigurationSQL = `
INSERT INTO munki_configuration (name, description, inventory_apps_full_info_shard, principal_user_detection_sources,
       principal_user_detection_domains, collected_condition_keys, managed_installs_sync_interval_days,
       script_checks_run_interval_seconds, auto_reinstall_incidents, auto_failed_install_incidents)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
RETURNING ` + munkiColumns
	updateMunkiConfigurationSQL = `
UPDATE munki_configuration
SET name = $1, description = $2, inventory_apps_full_info_shard = $3, principal_user_detection_sources = $4,
    principal_user_detection_domains = $5, collected_condition_keys = $6, managed_installs_sync_interval_days = $7,
    script_checks_run_interval_seconds = $8, auto_reinstall_incidents = $9, auto_failed_install_incidents = $10,
    version = version + 1, updated_at = now()
WHERE id = $11
RETURNING ` + munkiColumns
)

// MunkiConfigurations returns all of them by id, only the one of that name unless it is empty.
func (s *Store) MunkiConfigurations(ctx context.Context, name string) ([]MunkiConfiguration, error) {
	rows, _ := s.pool.Query(ctx, munkiConfigurationsSQL, name) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[MunkiConfiguration])
	if err != nil {
		return nil, fmt.Errorf("munki configurations: %w", err)
	}
	return found, nil
}

// MunkiConfiguration returns one of them; ErrNotFound when there is none.
func (s *Store) MunkiConfiguration(ctx context.Context, id int64) (MunkiConfiguration, error) {
	c, err := oneMunkiConfiguration(ctx, s.pool, oneMunkiConfigurationSQL, id)
	if err != nil {
		return c, fmt.Errorf("munki configuration %d: %w", id, err)
	}
	return c, nil
}

func oneMunkiConfiguration(ctx context.Context, db querier, sql string, args ...any) (MunkiConfiguration, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectExactlyOneRow
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[MunkiConfiguration])
	return c, fieldError(notFound(err))
}

func (c *MunkiConfiguration) args() []any {
	return []any{
		c.Name, c.Description, c.InventoryAppsFullInfoShard, list(c.PrincipalUserDetectionSources),
		list(c.PrincipalUserDetectionDomains), list(c.CollectedConditionKeys), c.ManagedInstallsSyncIntervalDays,
		c.ScriptChecksRunIntervalSeconds, c.AutoReinstallIncidents, c.AutoFailedInstallIncidents,
	}
}

func (c *MunkiConfiguration) audit(action string, before, after *MunkiConfiguration) Audit {
	return Audit{
		Action: action, Object: "munki_configuration", ObjectID: strconv.FormatInt(c.ID, 10), ObjectName: c.Name,
		Before: side(before), After: side(after),
	}
}

// CreateMunkiConfiguration stores a configuration. Its refusals are FieldErrors.
func (s *Store) CreateMunkiConfiguration(ctx context.Context, c MunkiConfiguration) (MunkiConfiguration, error) {
	var created MunkiConfiguration
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if created, err = oneMunkiConfiguration(ctx, tx, insertMunkiConfigurationSQL, c.args()...); err != nil {
			return err
		}
		return record(ctx, tx, created.audit("created", nil, &created))
	})
	if err != nil {
		return created, fmt.Errorf("create munki configuration %q: %w", c.Name, err)
	}
	return created, nil
}

// UpdateMunkiConfiguration changes a configuration as it is now. Its refusals are ErrNotFound, FieldErrors and what
// change returns.
func (s *Store) UpdateMunkiConfiguration(ctx context.Context, id int64, change func(*MunkiConfiguration) error) (MunkiConfiguration, error) {
	var after MunkiConfiguration
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneMunkiConfiguration(ctx, tx, lockMunkiConfigurationSQL, id)
		if err != nil {
			return err
		}
		wanted := before
		if err := change(&wanted); err != nil {
			return err
		}
		if after, err = oneMunkiConfiguration(ctx, tx, updateMunkiConfigurationSQL, append(wanted.args(), id)...); err != nil {
			return err
		}
		return record(ctx, tx, after.audit("updated", &before, &after))
	})
	if err != nil {
		return after, fmt.Errorf("change munki configuration %d: %w", id, err)
	}
	return after, nil
}

// DeleteMunkiConfiguration removes a configuration. One that enrolments have is ErrInUse, an unknown one ErrNotFound.
func (s *Store) DeleteMunkiConfiguration(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneMunkiConfiguration(ctx, tx, lockMunkiConfigurationSQL, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM munki_configuration WHERE id = $1`, id); err != nil {
			return inUse(err)
		}
		return record(ctx, tx, before.audit("deleted", &before, nil))
	})
	if err != nil {
		return fmt.Errorf("delete munki configuration %d: %w", id, err)
	}
	return nil
}
