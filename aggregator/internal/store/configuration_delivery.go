// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Configurations are all of them at one moment, and which enrolment has which. It is read-only.
type Configurations struct {
	version      int64
	byID         map[int64]*Configuration
	byEnrollment map[int64]int64
	standard     *Configuration // nil: there is none
}

// Of returns the configuration for machines of an enrolment, 0 being an unknown one; nil when none applies.
func (c *Configurations) Of(enrollment int64) *Configuration {
	if id, named := c.byEnrollment[enrollment]; named {
		return c.byID[id]
	}
	return c.standard
}

const (
	configurationVersionSQL = `SELECT version FROM configuration_version`
	allConfigurationsSQL    = configurationsSQL + `ORDER BY c.id`
	configuredSQL           = `SELECT id, configuration FROM enrollment WHERE configuration IS NOT NULL`
	enrollmentConfigSQL     = `
UPDATE enrollment SET configuration = (SELECT id FROM configuration WHERE name = nullif($2, '')) WHERE name = $1`
	configurationNamedSQL = `SELECT EXISTS (SELECT FROM configuration WHERE name = $1)`
)

// Configurations returns what is stored now; known, if not nil, is returned itself when nothing changed since.
func (s *Store) Configurations(ctx context.Context, known *Configurations) (*Configurations, error) {
	var version int64
	if err := s.pool.QueryRow(ctx, configurationVersionSQL).Scan(&version); err != nil {
		return nil, fmt.Errorf("configurations: %w", err)
	}
	if known != nil && known.version == version {
		return known, nil
	}
	var now *Configurations
	err := readSnapshot(ctx, s.pool, maxTransaction, func(ctx context.Context, tx pgx.Tx) (err error) {
		now, err = configurationsNow(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("configurations: %w", err)
	}
	return now, nil
}

// configurationsNow reads all of one moment: an enrolment whose configuration was not read would get none, which switches
// everything on.
func configurationsNow(ctx context.Context, tx pgx.Tx) (*Configurations, error) {
	now := &Configurations{byID: map[int64]*Configuration{}, byEnrollment: map[int64]int64{}}
	if err := tx.QueryRow(ctx, configurationVersionSQL).Scan(&now.version); err != nil {
		return nil, err
	}
	rows, _ := tx.Query(ctx, allConfigurationsSQL) // its error comes back from CollectRows
	all, err := pgx.CollectRows(rows, scanConfiguration)
	if err != nil {
		return nil, err
	}
	for i := range all {
		now.byID[all[i].ID] = &all[i]
		if all[i].Name == DefaultConfiguration {
			now.standard = &all[i]
		}
	}
	rows, _ = tx.Query(ctx, configuredSQL) // its error comes back from ForEachRow
	var enrollment, id int64
	_, err = pgx.ForEachRow(rows, []any{&enrollment, &id}, func() error {
		now.byEnrollment[enrollment] = id
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("of enrolments: %w", err)
	}
	return now, nil
}

// Configure gives the machines of an enrolment another configuration; the empty name stands for the default one. What
// does not exist is ErrNotFound.
func (s *Store) Configure(ctx context.Context, enrollment, configuration string) error {
	return s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return configure(ctx, tx, enrollment, configuration)
	})
}

// configure is Configure within a transaction.
func configure(ctx context.Context, tx pgx.Tx, enrollment, configuration string) error {
	if _, err := tx.Exec(ctx, raiseConfigurationSQL); err != nil {
		return fmt.Errorf("configure enrolment %q: %w", enrollment, err)
	}
	if configuration != "" {
		var exists bool
		if err := tx.QueryRow(ctx, configurationNamedSQL, configuration).Scan(&exists); err != nil {
			return fmt.Errorf("configuration %q: %w", configuration, err)
		}
		if !exists {
			return fmt.Errorf("configuration %q: %w", configuration, ErrNotFound)
		}
	}
	tag, err := tx.Exec(ctx, enrollmentConfigSQL, enrollment, configuration)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("configure enrolment %q: %w", enrollment, err)
	}
	return nil
}
