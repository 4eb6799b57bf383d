// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// DefaultConfiguration is the name of the configuration that applies to enrolments that name none. It need not exist.
const DefaultConfiguration = "default"

// Configuration says what agents collect, and how often.
type Configuration struct {
	ID              int64
	Name            string
	Version         int64 // rises with every change of any configuration
	IntervalSeconds int   // between check-ins; 0: as the aggregator's flag says
	Collectors      map[string]CollectorSetting
	EC2Metadata     bool
	EC2Tags         bool
	FactKeys        []string // of extra_facts; nil: all
	Enrollments     []string // names of the enrolments that name it, in order
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// CollectorSetting is what a configuration says about one collector.
type CollectorSetting struct {
	Enabled         bool `json:"enabled"`
	DeadlineSeconds int  `json:"deadline_seconds"` // 0: the agent's own
}

// equal tells whether two configurations ask for the same.
func (c *Configuration) equal(other *Configuration) bool {
	return c.Name == other.Name && c.IntervalSeconds == other.IntervalSeconds && maps.Equal(c.Collectors, other.Collectors) &&
		c.EC2Metadata == other.EC2Metadata && c.EC2Tags == other.EC2Tags &&
		(c.FactKeys == nil) == (other.FactKeys == nil) && slices.Equal(c.FactKeys, other.FactKeys)
}

// InUseError says which enrolments keep a configuration from being deleted.
type InUseError struct{ Enrollments []string }

// Error implements error.
func (e *InUseError) Error() string {
	return "in use by enrolments: " + strings.Join(e.Enrollments, ", ")
}

const (
	// Writers of configurations come one after the other: each raises this row first.
	raiseConfigurationSQL = `
UPDATE configuration_version SET version = greatest(version + 1, extract(epoch FROM clock_timestamp())::bigint)
RETURNING version`

	insertConfigurationSQL = `
INSERT INTO configuration (name, version, interval_seconds, collectors, ec2_metadata, ec2_tags, fact_keys)
VALUES ($1, $2, nullif($3, 0), $4::json, $5, $6, $7)
RETURNING id`

	updateConfigurationSQL = `
UPDATE configuration
SET name = $1, version = $2, interval_seconds = nullif($3, 0), collectors = $4::json, ec2_metadata = $5, ec2_tags = $6,
    fact_keys = $7, updated_at = now()
WHERE id = $8`

	configurationsSQL = `
SELECT c.id, c.name, c.version, coalesce(c.interval_seconds, 0), c.collectors::text, c.ec2_metadata, c.ec2_tags, c.fact_keys,
       ARRAY(SELECT e.name FROM enrollment e WHERE e.configuration = c.id ORDER BY e.name), c.created_at, c.updated_at
FROM configuration c `
	oneConfigurationSQL  = configurationsSQL + `WHERE c.id = $1`
	listConfigurationSQL = configurationsSQL + `WHERE c.id > $1 ORDER BY c.id LIMIT $2`
)

// CreateConfiguration stores a new configuration. A name that is taken is a compliance.FieldErrors.
func (s *Store) CreateConfiguration(ctx context.Context, c Configuration) (Configuration, error) {
	var created Configuration
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		args, err := configurationArgs(ctx, tx, &c)
		if err != nil {
			return err
		}
		var id int64
		if err := tx.QueryRow(ctx, insertConfigurationSQL, args...).Scan(&id); err != nil {
			return configurationNameTaken(err)
		}
		created, err = oneConfiguration(ctx, tx, id)
		return err
	})
	if err != nil {
		return Configuration{}, fmt.Errorf("create configuration %q: %w", c.Name, err)
	}
	return created, nil
}

// PutConfiguration replaces the configuration with c's id. Its version stays when nothing changes. An unknown id is
// ErrNotFound, a name that is taken a compliance.FieldErrors.
func (s *Store) PutConfiguration(ctx context.Context, c Configuration) (Configuration, error) {
	var stored Configuration
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		args, err := configurationArgs(ctx, tx, &c) // first: it keeps other writers out
		if err != nil {
			return err
		}
		if stored, err = oneConfiguration(ctx, tx, c.ID); err != nil {
			return err
		}
		if c.equal(&stored) {
			return errUnchanged
		}
		if _, err := tx.Exec(ctx, updateConfigurationSQL, append(args, c.ID)...); err != nil {
			return configurationNameTaken(err)
		}
		stored, err = oneConfiguration(ctx, tx, c.ID)
		return err
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return Configuration{}, fmt.Errorf("change configuration %d: %w", c.ID, err)
	}
	return stored, nil
}

// errUnchanged rolls back what would only have raised a version.
var errUnchanged = errors.New("nothing to change")

// DeleteConfiguration removes a configuration. One that enrolments name is an InUseError, an unknown one ErrNotFound.
func (s *Store) DeleteConfiguration(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, raiseConfigurationSQL); err != nil {
			return err
		}
		c, err := oneConfiguration(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(c.Enrollments) > 0 {
			return &InUseError{c.Enrollments}
		}
		_, err = tx.Exec(ctx, `DELETE FROM configuration WHERE id = $1`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete configuration %d: %w", id, err)
	}
	return nil
}

// ListConfigurations returns configurations by id, those behind after and at most limit.
func (s *Store) ListConfigurations(ctx context.Context, after int64, limit int) ([]Configuration, error) {
	rows, _ := s.pool.Query(ctx, listConfigurationSQL, after, limit) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, scanConfiguration)
	if err != nil {
		return nil, fmt.Errorf("list configurations: %w", err)
	}
	return found, nil
}

// Configuration returns one configuration by its id; ErrNotFound when there is none.
func (s *Store) Configuration(ctx context.Context, id int64) (Configuration, error) {
	c, err := oneConfiguration(ctx, s.pool, id)
	if err != nil {
		return Configuration{}, fmt.Errorf("configuration %d: %w", id, err)
	}
	return c, nil
}

func oneConfiguration(ctx context.Context, db querier, id int64) (Configuration, error) {
	rows, _ := db.Query(ctx, oneConfigurationSQL, id) // its error comes back from CollectExactlyOneRow
	c, err := pgx.CollectExactlyOneRow(rows, scanConfiguration)
	return c, notFound(err)
}

func scanConfiguration(row pgx.CollectableRow) (Configuration, error) {
	var c Configuration
	var collectors string
	err := row.Scan(&c.ID, &c.Name, &c.Version, &c.IntervalSeconds, &collectors, &c.EC2Metadata, &c.EC2Tags, &c.FactKeys,
		&c.Enrollments, &c.CreatedAt, &c.UpdatedAt)
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(collectors), &c.Collectors)
}

// configurationArgs takes the next version and returns the arguments that insert and update share.
func configurationArgs(ctx context.Context, tx pgx.Tx, c *Configuration) ([]any, error) {
	if c.Collectors == nil {
		c.Collectors = map[string]CollectorSetting{}
	}
	collectors, err := json.Marshal(c.Collectors)
	if err != nil {
		return nil, err
	}
	var version int64
	if err := tx.QueryRow(ctx, raiseConfigurationSQL).Scan(&version); err != nil {
		return nil, err
	}
	return []any{c.Name, version, c.IntervalSeconds, string(collectors), c.EC2Metadata, c.EC2Tags, c.FactKeys}, nil
}

func configurationNameTaken(err error) error {
	if errors.Is(nameTaken(err), ErrExists) {
		return compliance.FieldErrors{"name": {"There is a configuration with this name already."}}
	}
	return err
}
