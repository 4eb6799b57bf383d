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
	units        map[int64]*BusinessUnit // by enrolment, nil: none
	standard     *Configuration          // nil: there is none
}

// Of returns the configuration for machines of an enrolment, 0 being an unknown one; nil when none applies.
func (c *Configurations) Of(enrollment int64) *Configuration {
	if id, named := c.byEnrollment[enrollment]; named {
		return c.byID[id]
	}
	return c.standard
}

// UnitOf returns the business unit of an enrolment, nil for none, and whether there was such an enrolment.
func (c *Configurations) UnitOf(enrollment int64) (unit *BusinessUnit, known bool) {
	unit, known = c.units[enrollment]
	return unit, known
}

const (
	configurationVersionSQL = `SELECT version FROM configuration_version`
	allConfigurationsSQL    = configurationsSQL + `ORDER BY c.id`
	configuredSQL           = `
SELECT e.id, coalesce(e.configuration, 0), u.id, u.name
FROM enrollment e LEFT JOIN meta_business_unit u ON u.id = e.meta_business_unit`
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
	now := &Configurations{byID: map[int64]*Configuration{}, byEnrollment: map[int64]int64{}, units: map[int64]*BusinessUnit{}}
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
	var unitID *int64
	var unitName *string
	_, err = pgx.ForEachRow(rows, []any{&enrollment, &id, &unitID, &unitName}, func() error {
		now.units[enrollment] = businessUnit(unitID, unitName)
		if id != 0 {
			now.byEnrollment[enrollment] = id
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("of enrolments: %w", err)
	}
	return now, nil
}
