// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Why an enrolment lets a machine not in.
var (
	ErrUnknownSecret     = errors.New("unknown enrolment secret")
	ErrEnrollmentRevoked = errors.New("the enrolment is revoked")
	ErrEnrollmentExpired = errors.New("the enrolment is expired")
	ErrQuotaUsedUp       = errors.New("the quota of the enrolment is used up")
	ErrSerialNotAllowed  = errors.New("the enrolment is for other serial numbers than this machine's")
	ErrUDIDNotAllowed    = errors.New("the enrolment is for machines with other UUIDs than this one's")
)

// EnrollmentRefusals are all of these errors.
func EnrollmentRefusals() []error {
	return []error{ErrUnknownSecret, ErrEnrollmentRevoked, ErrEnrollmentExpired, ErrQuotaUsedUp, ErrSerialNotAllowed, ErrUDIDNotAllowed}
}

// isEnrollmentRefusal tells whether an error is about the enrolment, not about the database.
func isEnrollmentRefusal(err error) bool {
	for _, refusal := range EnrollmentRefusals() {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

const (
	// Whether an enrolment is for a serial number ($2) and a UUID ($3).
	allowsSerial = `(cardinality(e.serial_numbers) = 0 OR $2::text = ANY (e.serial_numbers))`
	allowsUDID   = `(cardinality(e.udids) = 0 OR lower($3::text) IN (SELECT lower(u) FROM unnest(e.udids) u))`

	useEnrollmentSQL = `
WITH found AS (
	SELECT e.*, ` + allowsSerial + ` AS serial, ` + allowsUDID + ` AS udid FROM enrollment e WHERE e.secret_digest = $1
), used AS (
	UPDATE enrollment e SET request_count = e.request_count + 1
	WHERE e.secret_digest = $1 AND e.revoked_at IS NULL
	  AND (e.expires_at IS NULL OR e.expires_at > now())
	  AND (e.quota IS NULL OR e.request_count < e.quota)
	  AND ` + allowsSerial + ` AND ` + allowsUDID + `
	RETURNING e.id
)
SELECT f.id, EXISTS (SELECT FROM used), f.revoked_at IS NOT NULL, coalesce(f.expires_at <= now(), false), f.serial, f.udid
FROM found f`

	// For a machine that enrolls without a secret, under another identity than before.
	allowsSQL = `SELECT ` + allowsSerial + `, ` + allowsUDID + ` FROM enrollment e WHERE e.id = $1`
)

const checkSecretSQL = `
SELECT revoked_at IS NOT NULL, coalesce(expires_at <= now(), false), coalesce(request_count >= quota, false)
FROM enrollment WHERE secret_digest = $1`

// CheckSecret says why the enrolment with that secret could not be used now by any machine, see
// EnrollmentRefusals. It counts nothing and promises nothing.
func (s *Store) CheckSecret(ctx context.Context, secret auth.Digest) error {
	var revoked, expired, usedUp bool
	err := s.pool.QueryRow(ctx, checkSecretSQL, secret[:]).Scan(&revoked, &expired, &usedUp)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrUnknownSecret
	case err != nil:
		return fmt.Errorf("check enrolment secret: %w", err)
	case revoked:
		return ErrEnrollmentRevoked
	case expired:
		return ErrEnrollmentExpired
	case usedUp:
		return ErrQuotaUsedUp
	default:
		return nil
	}
}

// usedEnrollment reads the answer of useEnrollmentSQL.
func usedEnrollment(row pgx.Row) (int64, error) {
	var id int64
	var used, revoked, expired, serial, udid bool
	err := row.Scan(&id, &used, &revoked, &expired, &serial, &udid)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, ErrUnknownSecret
	case err != nil:
		return 0, fmt.Errorf("use enrolment: %w", err)
	case used:
		return id, nil
	case revoked:
		return 0, ErrEnrollmentRevoked
	case expired:
		return 0, ErrEnrollmentExpired
	default:
		if err := allowed(serial, udid); err != nil {
			return 0, err
		}
		return 0, ErrQuotaUsedUp
	}
}

func allowed(serial, udid bool) error {
	switch {
	case !serial:
		return ErrSerialNotAllowed
	case !udid:
		return ErrUDIDNotAllowed
	}
	return nil
}
