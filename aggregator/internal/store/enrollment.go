// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Why an enrolment secret is refused.
var (
	ErrUnknownSecret     = errors.New("unknown enrolment secret")
	ErrEnrollmentRevoked = errors.New("the enrolment is revoked")
	ErrEnrollmentExpired = errors.New("the enrolment is expired")
	ErrQuotaUsedUp       = errors.New("the quota of the enrolment is used up")
)

// NewEnrollment describes an enrolment to create.
type NewEnrollment struct {
	Name         string
	SecretDigest auth.Digest
	BusinessUnit string     // name of a meta business unit, made when there is none; empty: no business unit
	Tags         []string   // names of tags that its machines get, made when missing
	Quota        int        // how often it may be used; 0: any number of times
	ExpiresAt    *time.Time // nil: never

	Configuration string // name of a collection configuration that exists; empty: the default one
}

// BusinessUnit is a meta business unit.
type BusinessUnit struct {
	ID   int64
	Name string
}

// Enrollment lets machines in. The secret itself is not stored.
type Enrollment struct {
	ID           int64
	Name         string
	BusinessUnit *BusinessUnit // nil: none
	Tags         []string      // names, in order
	Quota        int           // 0: none
	RequestCount int           // how often it was used
	CreatedAt    time.Time
	ExpiresAt    *time.Time // nil: never
	RevokedAt    *time.Time // nil: valid

	Configuration string // name of its collection configuration; empty: the default one
}

// Select first, because an insert that finds a conflict burns an id.
const (
	findBusinessUnitSQL   = `SELECT id FROM meta_business_unit WHERE name = $1`
	insertBusinessUnitSQL = `INSERT INTO meta_business_unit (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`
	findTagSQL            = `SELECT id FROM tag WHERE name = $1`
	insertTagSQL          = `INSERT INTO tag (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`
	insertEnrollmentSQL   = `
INSERT INTO enrollment (name, secret_digest, meta_business_unit, tags, quota, expires_at)
VALUES ($1, $2, $3, $4, nullif($5, 0), $6)
RETURNING id`
)

// CreateEnrollment stores an enrolment and makes its business unit and tags where they are missing. A name that is
// taken is ErrExists, a configuration that does not exist ErrNotFound.
func (s *Store) CreateEnrollment(ctx context.Context, n NewEnrollment) (Enrollment, error) {
	var created Enrollment
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var unit *int64
		if n.BusinessUnit != "" {
			id, err := findOrCreate(ctx, tx, findBusinessUnitSQL, insertBusinessUnitSQL, n.BusinessUnit)
			if err != nil {
				return fmt.Errorf("business unit %q: %w", n.BusinessUnit, err)
			}
			unit = &id
		}
		tags := make([]int64, len(n.Tags))
		for i, name := range n.Tags {
			var err error
			if tags[i], err = findOrCreate(ctx, tx, findTagSQL, insertTagSQL, name); err != nil {
				return fmt.Errorf("tag %q: %w", name, err)
			}
		}
		var id int64
		err := tx.QueryRow(ctx, insertEnrollmentSQL, n.Name, n.SecretDigest[:], unit, tags, n.Quota, n.ExpiresAt).Scan(&id)
		if err != nil {
			return nameTaken(err)
		}
		if n.Configuration != "" {
			if err := configure(ctx, tx, n.Name, n.Configuration); err != nil {
				return err
			}
		}
		created, err = oneEnrollment(ctx, tx, id)
		return err
	})
	if err != nil {
		return Enrollment{}, fmt.Errorf("create enrolment %q: %w", n.Name, err)
	}
	return created, nil
}

// findOrCreate returns the id of the row with that name.
func findOrCreate(ctx context.Context, db querier, findSQL, insertSQL, name string) (int64, error) {
	for {
		var id int64
		err := db.QueryRow(ctx, findSQL, name).Scan(&id)
		if !errors.Is(err, pgx.ErrNoRows) {
			return id, err
		}
		if _, err := db.Exec(ctx, insertSQL, name); err != nil {
			return 0, err
		}
	}
}

const useEnrollmentSQL = `
WITH found AS (
	SELECT * FROM enrollment WHERE secret_digest = $1
), used AS (
	UPDATE enrollment e SET request_count = e.request_count + 1
	WHERE e.secret_digest = $1 AND e.revoked_at IS NULL
	  AND (e.expires_at IS NULL OR e.expires_at > now())
	  AND (e.quota IS NULL OR e.request_count < e.quota)
	RETURNING e.id
)
SELECT f.id, EXISTS (SELECT FROM used), f.revoked_at IS NOT NULL, coalesce(f.expires_at <= now(), false)
FROM found f`

const checkSecretSQL = `
SELECT revoked_at IS NOT NULL, coalesce(expires_at <= now(), false), coalesce(request_count >= quota, false)
FROM enrollment WHERE secret_digest = $1`

// CheckSecret says why the enrolment with that secret could not be used now, with the errors of UseEnrollment. It counts
// nothing and promises nothing.
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

// UseEnrollment counts one use of the enrolment with that secret and returns its id, or says why it may not be used:
// ErrUnknownSecret, ErrEnrollmentRevoked, ErrEnrollmentExpired, ErrQuotaUsedUp. A refusal counts nothing. Issue does
// the same within its own transaction.
func (s *Store) UseEnrollment(ctx context.Context, secret auth.Digest) (int64, error) {
	return useEnrollment(ctx, s.pool, secret)
}

func useEnrollment(ctx context.Context, db querier, secret auth.Digest) (int64, error) {
	return usedEnrollment(db.QueryRow(ctx, useEnrollmentSQL, secret[:]))
}

// usedEnrollment reads the answer of useEnrollmentSQL.
func usedEnrollment(row pgx.Row) (int64, error) {
	var id int64
	var used, revoked, expired bool
	err := row.Scan(&id, &used, &revoked, &expired)
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
		return 0, ErrQuotaUsedUp
	}
}

// isEnrollmentRefusal tells whether an error of useEnrollment is about the secret, not about the database.
func isEnrollmentRefusal(err error) bool {
	return errors.Is(err, ErrUnknownSecret) || errors.Is(err, ErrEnrollmentRevoked) ||
		errors.Is(err, ErrEnrollmentExpired) || errors.Is(err, ErrQuotaUsedUp)
}

const enrollmentsSQL = `
SELECT e.id, e.name, u.id, u.name,
       ARRAY(SELECT t.name FROM tag t WHERE t.id = ANY (e.tags) ORDER BY t.name),
       coalesce(e.quota, 0), e.request_count, e.created_at, e.expires_at, e.revoked_at, coalesce(c.name, '')
FROM enrollment e
LEFT JOIN configuration c ON c.id = e.configuration
LEFT JOIN meta_business_unit u ON u.id = e.meta_business_unit
WHERE $1 = 0 OR e.id = $1
ORDER BY e.name`

// ListEnrollments returns all enrolments by name, the revoked ones too.
func (s *Store) ListEnrollments(ctx context.Context) ([]Enrollment, error) {
	rows, _ := s.pool.Query(ctx, enrollmentsSQL, int64(0)) // its error comes back from CollectRows
	enrollments, err := pgx.CollectRows(rows, scanEnrollment)
	if err != nil {
		return nil, fmt.Errorf("list enrolments: %w", err)
	}
	return enrollments, nil
}

func oneEnrollment(ctx context.Context, db querier, id int64) (Enrollment, error) {
	rows, _ := db.Query(ctx, enrollmentsSQL, id) // its error comes back from CollectExactlyOneRow
	return pgx.CollectExactlyOneRow(rows, scanEnrollment)
}

func scanEnrollment(row pgx.CollectableRow) (Enrollment, error) {
	var e Enrollment
	var unitID *int64
	var unitName *string
	err := row.Scan(&e.ID, &e.Name, &unitID, &unitName, &e.Tags, &e.Quota, &e.RequestCount, &e.CreatedAt, &e.ExpiresAt, &e.RevokedAt,
		&e.Configuration)
	e.BusinessUnit = businessUnit(unitID, unitName)
	return e, err
}

// businessUnit makes one of the columns of an outer join.
func businessUnit(id *int64, name *string) *BusinessUnit {
	if id == nil || name == nil {
		return nil
	}
	return &BusinessUnit{ID: *id, Name: *name}
}

const revokeEnrollmentSQL = `
UPDATE enrollment SET revoked_at = coalesce(revoked_at, now()) WHERE name = $1`

// RevokeEnrollment lets no more machines in through the enrolment of that name; those already in stay.
func (s *Store) RevokeEnrollment(ctx context.Context, name string) error {
	return s.execOne(ctx, fmt.Sprintf("revoke enrolment %q", name), revokeEnrollmentSQL, name)
}
