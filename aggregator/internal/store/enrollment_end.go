// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	enrollmentNamedSQL  = `SELECT id FROM enrollment WHERE name = $1 AND deleted_at IS NULL`
	revokeEnrollmentSQL = `UPDATE enrollment SET revoked_at = now(), updated_at = now(), version = version + 1 WHERE id = $1`
)

// RevokeEnrollment lets no more machines in through the enrolment of that name; those already in stay.
func (s *Store) RevokeEnrollment(ctx context.Context, name string) error {
	var id int64
	err := s.pool.QueryRow(ctx, enrollmentNamedSQL, name).Scan(&id)
	if err == nil {
		err = s.RevokeEnrollmentByID(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("revoke enrolment %q: %w", name, notFound(err))
	}
	return nil
}

// RevokeEnrollmentByID is RevokeEnrollment. Revoking it again changes nothing.
func (s *Store) RevokeEnrollmentByID(ctx context.Context, id int64) error {
	_, err := s.changeEnrollment(ctx, "revoked", "", id, func(ctx context.Context, tx pgx.Tx, e *Enrollment) error {
		if e.RevokedAt != nil {
			return errUnchanged
		}
		_, err := tx.Exec(ctx, revokeEnrollmentSQL, id)
		return err
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

const (
	// Credentials name their enrolment for good.
	hideEnrollmentSQL = `
UPDATE enrollment
SET deleted_at = now(), revoked_at = coalesce(revoked_at, now()), updated_at = now(), secret = NULL,
    osquery_configuration = NULL, munki_configuration = NULL
WHERE id = $1 AND EXISTS (SELECT FROM credential WHERE enrollment = $1)`

	deleteEnrollmentSQL = `DELETE FROM enrollment WHERE id = $1 AND deleted_at IS NULL`
)

// DeleteEnrollment removes an enrolment of a purpose. Machines that came through it stay.
func (s *Store) DeleteEnrollment(ctx context.Context, p Purpose, id int64) error {
	_, err := s.changeEnrollment(ctx, "deleted", p, id, func(ctx context.Context, tx pgx.Tx, _ *Enrollment) error {
		if _, err := tx.Exec(ctx, hideEnrollmentSQL, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, deleteEnrollmentSQL, id)
		return err
	})
	return err
}
