// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// listedMachines is how many serial numbers or UUIDs of an enrolment its events list: each machine that comes in has one.
const listedMachines = "20"

const (
	// enrollmentJSON is what the outside contract says of enrolment e and its secret, which are one thing here.
	enrollmentJSON = `
json_strip_nulls(json_build_object('pk', e.id, 'created_at', e.created_at, 'enrollment_secret', json_build_object(
    'pk', e.id, 'quota', e.quota, 'request_count', e.request_count, 'is_used_up', coalesce(e.request_count >= e.quota, false),
    'revoked_at', e.revoked_at, 'is_revoked', e.revoked_at IS NOT NULL,
    'expired_at', e.expires_at, 'is_expired', coalesce(e.expires_at <= now(), false), 'created_at', e.created_at,
    'tags', (SELECT json_agg(json_build_object('pk', t.id, 'name', t.name) ORDER BY t.id) FROM tag t WHERE t.id = ANY (e.tags)),
    'meta_business_unit', (SELECT json_build_object('pk', u.id, 'name', u.name) FROM meta_business_unit u WHERE u.id = e.meta_business_unit),
    'serial_numbers', CASE WHEN cardinality(e.serial_numbers) BETWEEN 1 AND ` + listedMachines + ` THEN to_json(e.serial_numbers) END,
    'udids', CASE WHEN cardinality(e.udids) BETWEEN 1 AND ` + listedMachines + ` THEN to_json(e.udids) END)))`

	enrollmentObjects = `json_build_object('enrollment', json_build_array(e.id::text))`

	secretVerifiedSQL = `
INSERT INTO journal (what, machine, body)
SELECT 'event', $1::bigint, json_strip_nulls(json_build_object(
    'type', 'enrollment_secret_verification', 'namespace', 'enrollment_secret_verification',
    'payload', json_build_object('status', 'success', 'type', 'rollcall_enrollment', 'enrollment', ` + enrollmentJSON + `),
    'objects', ` + enrollmentObjects + `, 'request', $3::json))
FROM enrollment e WHERE e.id = $2`

	machineEnrolledSQL = `
INSERT INTO journal (what, machine, body)
SELECT 'event', $1::bigint, json_strip_nulls(json_build_object(
    'type', 'rollcall_enrollment', 'namespace', 'rollcall_enrollment',
    'payload', json_build_object('action', CASE
        WHEN EXISTS (SELECT FROM credential c WHERE c.machine = $1 AND c.id < $2) THEN 're-enrollment' ELSE 'enrollment' END),
    'objects', (SELECT ` + enrollmentObjects + ` FROM enrollment e WHERE e.id = $3), 'request', $4::json))`
)

// tell queues the events of a machine that came in. One that merely gets another credential did not.
func (i *issue) tell(b *pgx.Batch) {
	var request *string
	if i.Request != nil {
		text := string(i.Request.JSON())
		request = &text
	}
	if i.Secret != (auth.Digest{}) {
		b.Queue(secretVerifiedSQL, i.machine, i.enrollment, request)
	}
	if len(i.Instance) > 0 {
		b.Queue(machineEnrolledSQL, i.machine, i.id, i.enrollment, request)
	}
}

// refusalReasons are the outside contract's words for why an enrolment lets a machine not in.
var refusalReasons = map[error]string{
	ErrUnknownSecret: "unknown secret", ErrEnrollmentRevoked: "revoked", ErrEnrollmentExpired: "expired",
	ErrSerialNotAllowed: "serial number mismatch", ErrUDIDNotAllowed: "udid mismatch", ErrQuotaUsedUp: "quota used up",
}

// RefusalReason returns the outside contract's words for one of EnrollmentRefusals, "" for every other error.
func RefusalReason(err error) string {
	for refusal, reason := range refusalReasons {
		if errors.Is(err, refusal) {
			return reason
		}
	}
	return ""
}

// RefusedEnrollment is a machine that was not let in.
type RefusedEnrollment struct {
	Reason     string      // see RefusalReason
	Secret     auth.Digest // that it came with; zero: none
	Enrollment int64       // that had let it in before, where it came without a secret
	Serial     string      // that it gave itself; nobody has verified it
	Times      int         // how often that happened since it was last recorded
	Request    *auth.Request
}

// refusal is the payload of its event: the outside contract's keys, and two of our own.
type refusal struct {
	Status     string          `json:"status"`
	Reason     string          `json:"reason"`
	Type       string          `json:"type"`
	Enrollment json.RawMessage `json:"enrollment,omitempty"`
	Serial     string          `json:"reported_serial_number,omitempty"`
	Times      int             `json:"times"`
}

const refusedEnrollmentSQL = `
SELECT e.id, ` + enrollmentJSON + `::text
FROM enrollment e WHERE e.secret_digest = $1 OR e.id = $2`

// RecordRefusal adds a refused enrolment to the journal: about no machine, since nobody knows whether it was that one.
// The caller sees to it that there are not too many.
func (s *Store) RecordRefusal(ctx context.Context, r RefusedEnrollment) error {
	var id int64
	var enrollment string
	e := newEvent{Type: "enrollment_secret_verification", Namespace: "enrollment_secret_verification"}
	payload := refusal{Status: "failure", Reason: r.Reason, Type: "rollcall_enrollment", Serial: r.Serial, Times: r.Times}
	err := s.pool.QueryRow(ctx, refusedEnrollmentSQL, r.Secret[:], r.Enrollment).Scan(&id, &enrollment)
	switch {
	case err == nil:
		raw := json.RawMessage(enrollment)
		payload.Enrollment, e.Objects = raw, map[string][]string{"enrollment": {fmt.Sprint(id)}}
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("refused enrolment: %w", err)
	}
	e.Payload = payload
	if r.Request != nil {
		e.Request = r.Request.JSON()
	}
	return recordEvent(ctx, s.pool, e)
}
