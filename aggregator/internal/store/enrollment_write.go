// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// NoSuchTag is the ErrNoSuch of a tag in a list of ids.
type NoSuchTag struct{ ID int64 }

// Error implements error.
func (e *NoSuchTag) Error() string { return fmt.Sprintf("there is no tag %d", e.ID) }

// Unwrap returns ErrNoSuch.
func (e *NoSuchTag) Unwrap() error { return ErrNoSuch }

// CreateEnrollment stores an enrolment and makes its business unit and tags where they are missing. A name that is
// taken is ErrExists, a configuration that does not exist ErrNotFound.
func (s *Store) CreateEnrollment(ctx context.Context, n NewEnrollment) (Enrollment, error) {
	var created Enrollment
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		settings, err := n.settings(ctx, tx)
		if err != nil {
			return err
		}
		created, err = insertEnrollment(ctx, tx, ForRollcall, settings, n.SecretDigest, nil)
		return err
	})
	if err != nil {
		return Enrollment{}, fmt.Errorf("create enrolment %q: %w", n.Name, err)
	}
	return created, nil
}

// settings finds or makes what the names stand for.
func (n *NewEnrollment) settings(ctx context.Context, tx pgx.Tx) (EnrollmentSettings, error) {
	settings := EnrollmentSettings{Name: n.Name, SerialNumbers: n.SerialNumbers, Quota: n.Quota, ExpiresAt: n.ExpiresAt}
	if n.Configuration != "" {
		var id int64
		if err := tx.QueryRow(ctx, `SELECT id FROM configuration WHERE name = $1`, n.Configuration).Scan(&id); err != nil {
			return settings, fmt.Errorf("configuration %q: %w", n.Configuration, notFound(err))
		}
		settings.Configuration = &id
	}
	if n.BusinessUnit != "" {
		id, err := ensureMetaUnit(ctx, tx, n.BusinessUnit)
		if err != nil {
			return settings, err
		}
		settings.MetaBusinessUnit = &id
	}
	for _, name := range distinct(n.Tags) { // in order: see ensureTag
		id, err := ensureTag(ctx, tx, name, 0)
		if err != nil {
			return settings, err
		}
		settings.Tags = append(settings.Tags, id)
	}
	return settings, nil
}

// AddEnrollment stores an enrolment with a secret; one with a purpose of another contract keeps it, and without a name
// gets one. Its refusals are FieldErrors.
func (s *Store) AddEnrollment(ctx context.Context, p Purpose, n EnrollmentSettings, secret string) (Enrollment, error) {
	var kept *string
	if p != ForRollcall {
		kept = &secret
	}
	var created Enrollment
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		created, err = insertEnrollment(ctx, tx, p, n, auth.DigestOf(secret), kept)
		return err
	})
	if err != nil {
		return Enrollment{}, fmt.Errorf("create enrolment %q: %w", n.Name, err)
	}
	return created, nil
}

const (
	insertEnrollmentSQL = `
INSERT INTO enrollment (purpose, secret_digest, secret, name, meta_business_unit, tags, serial_numbers, udids, quota,
       expires_at, configuration, osquery_release, osquery_configuration, munki_configuration)
VALUES ($1, $2, $3, coalesce(nullif($4, ''), gen_random_uuid()::text), $5, $6, $7, $8, nullif($9, 0), $10, $11, $12, $13, $14)
RETURNING id`

	nameEnrollmentSQL = `
UPDATE enrollment SET name = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM enrollment WHERE name = $2)`
)

func insertEnrollment(ctx context.Context, tx pgx.Tx, p Purpose, n EnrollmentSettings, digest auth.Digest, secret *string) (Enrollment, error) {
	if n.Configuration != nil { // first: it keeps other writers of configurations out
		if _, err := tx.Exec(ctx, raiseConfigurationSQL); err != nil {
			return Enrollment{}, err
		}
	}
	if err := checkTags(ctx, tx, n.Tags); err != nil {
		return Enrollment{}, err
	}
	var id int64
	args := append([]any{p, digest[:], secret}, n.args(p)...)
	if err := tx.QueryRow(ctx, insertEnrollmentSQL, args...).Scan(&id); err != nil {
		return Enrollment{}, fieldError(err)
	}
	if n.Name == "" {
		if _, err := tx.Exec(ctx, nameEnrollmentSQL, id, fmt.Sprintf("%s enrollment %d", p, id)); err != nil {
			return Enrollment{}, err
		}
	}
	if n.MetaBusinessUnit != nil {
		if err := ensureOwnUnit(ctx, tx, *n.MetaBusinessUnit); err != nil {
			return Enrollment{}, err
		}
	}
	created, err := oneEnrollment(ctx, tx, p, id)
	if err != nil {
		return Enrollment{}, err
	}
	return created, record(ctx, tx, created.audit("created", nil, &created))
}

// args are the values of the settings' columns.
func (n *EnrollmentSettings) args(p Purpose) []any {
	var osquery, munki *int64
	switch p {
	case ForOsquery:
		osquery = n.Deployed
	case ForMunki:
		munki = n.Deployed
	}
	return []any{
		n.Name, n.MetaBusinessUnit, list(n.Tags), list(n.SerialNumbers), list(n.UDIDs), n.Quota, n.ExpiresAt, n.Configuration,
		n.OsqueryRelease, osquery, munki,
	}
}

const someTagsSQL = `SELECT id FROM tag WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE`

// checkTags refuses ids that no tag has.
func checkTags(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, someTagsSQL, ids) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.Contains(found, id) {
			return &FieldError{Field: "tags", Err: &NoSuchTag{ID: id}}
		}
	}
	return nil
}

const (
	lockEnrollmentSQL   = `SELECT FROM enrollment WHERE id = $1 FOR UPDATE`
	updateEnrollmentSQL = `
UPDATE enrollment
SET name = $2, meta_business_unit = $3, tags = $4, serial_numbers = $5, udids = $6, quota = nullif($7, 0), expires_at = $8,
    configuration = $9, osquery_release = $10, osquery_configuration = $11, munki_configuration = $12,
    version = version + 1, updated_at = now()
WHERE id = $1`
)

// UpdateEnrollment changes an enrolment as it is now, of the purpose unless that is empty. Machines that enrolled
// through it keep their tags; another business unit is in their trees with the next check-in. Its refusals are ErrNotFound,
// FieldErrors and what change returns.
func (s *Store) UpdateEnrollment(ctx context.Context, p Purpose, id int64, change func(*EnrollmentSettings) error) (Enrollment, error) {
	return s.changeEnrollment(ctx, "updated", p, id, func(ctx context.Context, tx pgx.Tx, e *Enrollment) error {
		n := e.Settings()
		if err := change(&n); err != nil {
			return err
		}
		if err := checkTags(ctx, tx, n.Tags); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, updateEnrollmentSQL, append([]any{id}, n.args(e.Purpose)...)...); err != nil {
			return fieldError(err)
		}
		if n.MetaBusinessUnit == nil {
			return nil
		}
		return ensureOwnUnit(ctx, tx, *n.MetaBusinessUnit)
	})
}

// changeEnrollment locks an enrolment, has it changed and notes that in the audit log.
func (s *Store) changeEnrollment(ctx context.Context, action string, p Purpose, id int64, change func(context.Context, pgx.Tx, *Enrollment) error) (Enrollment, error) {
	var after Enrollment
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, raiseConfigurationSQL); err != nil { // aggregators read anew who has what
			return err
		}
		if _, err := tx.Exec(ctx, lockEnrollmentSQL, id); err != nil {
			return err
		}
		before, err := oneEnrollment(ctx, tx, p, id)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, &before); err != nil {
			return err
		}
		after, err = oneEnrollment(ctx, tx, p, id)
		switch {
		case errors.Is(err, ErrNotFound): // deleted
			return record(ctx, tx, before.audit(action, &before, nil))
		case err != nil:
			return err
		}
		return record(ctx, tx, after.audit(action, &before, &after))
	})
	if err != nil {
		return Enrollment{}, fmt.Errorf("enrolment %d: %w", id, err)
	}
	return after, nil
}

// Configure gives the machines of an enrolment another configuration; the empty name stands for the default one. What
// does not exist is ErrNotFound.
func (s *Store) Configure(ctx context.Context, enrollment, configuration string) error {
	var id int64
	var named *int64
	err := s.pool.QueryRow(ctx, enrollmentNamedSQL, enrollment).Scan(&id)
	if err == nil && configuration != "" {
		err = s.pool.QueryRow(ctx, `SELECT id FROM configuration WHERE name = $1`, configuration).Scan(&named)
	}
	if err == nil {
		_, err = s.UpdateEnrollment(ctx, "", id, func(n *EnrollmentSettings) error {
			n.Configuration = named
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("configure enrolment %q: %w", enrollment, notFound(err))
	}
	return nil
}
