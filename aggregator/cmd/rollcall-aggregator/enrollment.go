// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// createEnrollment prints the secret alone on standard output, so that a script can take it from there.
func (p *program) createEnrollment(ctx context.Context, c *config.EnrollmentCreate) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		secret := auth.NewEnrollmentSecret()
		_, err := s.CreateEnrollment(ctx, store.NewEnrollment{
			Name: c.Name, SecretDigest: auth.DigestOf(secret), BusinessUnit: c.BusinessUnit, Tags: c.Tag, Quota: c.Quota,
			ExpiresAt: expiry(c.Expires), SerialNumbers: c.SerialNumber, Configuration: c.Configuration,
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(p.err, "Secret of the enrolment %q, shown this once:\n", c.Name)
		fmt.Fprintln(p.out, secret)
		return nil
	})
}

// enrollmentRow is what enrollment list says of one enrolment.
type enrollmentRow struct {
	Name         string     `json:"name"`
	State        string     `json:"state"` // valid, expired, revoked or used up
	BusinessUnit string     `json:"business_unit,omitempty"`
	Tags         []string   `json:"tags"`
	Serials      []string   `json:"serial_numbers,omitempty"`
	Configured   string     `json:"configuration,omitempty"`
	Used         int        `json:"used"`
	Quota        int        `json:"quota,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	ExpiresAt    *time.Time `json:"expires_at"`
}

func enrollmentRowOf(e store.Enrollment) enrollmentRow {
	row := enrollmentRow{
		Name: e.Name, State: state(e.RevokedAt, e.ExpiresAt), Tags: append([]string{}, e.Tags...), Used: e.RequestCount,
		Configured: e.Configuration, Serials: e.SerialNumbers, Quota: e.Quota, CreatedAt: e.CreatedAt.UTC(), ExpiresAt: utc(e.ExpiresAt),
	}
	if row.State == "valid" && e.Quota > 0 && e.RequestCount >= e.Quota {
		row.State = "used up"
	}
	if e.BusinessUnit != nil {
		row.BusinessUnit = e.BusinessUnit.Name
	}
	return row
}

func (p *program) listEnrollments(ctx context.Context, c *config.List) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		enrollments, err := s.ListEnrollments(ctx)
		if err != nil {
			return err
		}
		rows := make([][]string, 0, len(enrollments))
		for _, e := range enrollments {
			row := enrollmentRowOf(e)
			if c.JSON {
				if err := p.printJSON(row); err != nil {
					return err
				}
				continue
			}
			used := strconv.Itoa(row.Used)
			if row.Quota > 0 {
				used += " of " + strconv.Itoa(row.Quota)
			}
			rows = append(rows, []string{
				row.Name, row.State, row.BusinessUnit, strings.Join(row.Tags, ", "), row.Configured, used, day(&row.CreatedAt), day(row.ExpiresAt),
			})
		}
		if c.JSON {
			return nil
		}
		return p.printTable([]string{"NAME", "STATE", "BUSINESS UNIT", "TAGS", "CONFIGURATION", "USED", "CREATED", "EXPIRES"}, rows)
	})
}

func (p *program) revokeEnrollment(ctx context.Context, c *config.Revoke) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		return s.RevokeEnrollment(ctx, c.Name)
	})
}

// configureEnrollment gives the machines of an enrolment another collection configuration.
func (p *program) configureEnrollment(ctx context.Context, c *config.EnrollmentConfigure) error {
	return p.withStore(ctx, &c.Database, func(s *store.Store) error {
		return s.Configure(ctx, c.Name, c.Configuration)
	})
}
