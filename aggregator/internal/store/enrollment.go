// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Purpose says which contract an enrolment was made through. What enrols is our agent with each of them.
type Purpose string

// The purposes.
const (
	ForRollcall Purpose = "rollcall"
	ForOsquery  Purpose = "osquery"
	ForMunki    Purpose = "munki"
)

// NewEnrollment describes an enrolment to create in the words of people.
type NewEnrollment struct {
	Name         string
	SecretDigest auth.Digest
	BusinessUnit string     // name of a meta business unit, made when there is none; empty: no business unit
	Tags         []string   // names of tags that its machines get, made when missing
	Quota        int        // how often it may be used; 0: any number of times
	ExpiresAt    *time.Time // nil: never

	SerialNumbers []string // of the machines that it lets in; none: every machine
	Configuration string   // name of a collection configuration that exists; empty: the default one
}

// EnrollmentSettings are what may be changed of an enrolment.
type EnrollmentSettings struct {
	Name             string
	MetaBusinessUnit *int64  // nil: none
	Tags             []int64 // that its machines get
	SerialNumbers    []string
	UDIDs            []string // product UUIDs, in any case
	Quota            int
	ExpiresAt        *time.Time
	Configuration    *int64 // collection configuration; nil: the default one

	OsqueryRelease string // ForOsquery
	Deployed       *int64 // configuration of the purpose's own contract
}

// BusinessUnit is a meta business unit.
type BusinessUnit struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Enrollment lets machines in. Those without a purpose of another contract keep no secret.
type Enrollment struct {
	ID            int64
	Name          string
	Purpose       Purpose
	Version       int // 1 at first, rises with every change
	BusinessUnit  *BusinessUnit
	Tags          []string // names, in order
	TagIDs        []int64  // of Tags
	SerialNumbers []string
	UDIDs         []string
	Quota         int // 0: none
	RequestCount  int // how often it was used
	Machines      int // that have a live credential from it
	CreatedAt     time.Time
	UpdatedAt     time.Time
	ExpiresAt     *time.Time // nil: never
	RevokedAt     *time.Time // nil: valid

	Configuration   string // name of its collection configuration; empty: the default one
	ConfigurationID *int64
	OsqueryRelease  string
	Deployed        *int64
	Secret          string // empty: not kept
}

// Settings are those of the enrolment as it is.
func (e *Enrollment) Settings() EnrollmentSettings {
	n := EnrollmentSettings{
		Name: e.Name, Tags: e.TagIDs, SerialNumbers: e.SerialNumbers, UDIDs: e.UDIDs, Quota: e.Quota, ExpiresAt: e.ExpiresAt,
		Configuration: e.ConfigurationID, OsqueryRelease: e.OsqueryRelease, Deployed: e.Deployed,
	}
	if e.BusinessUnit != nil {
		n.MetaBusinessUnit = &e.BusinessUnit.ID
	}
	return n
}

// enrollmentRecord is an enrolment in the audit log.
type enrollmentRecord struct {
	Name          string        `json:"name"`
	Purpose       Purpose       `json:"purpose"`
	Version       int           `json:"version"`
	BusinessUnit  *BusinessUnit `json:"business_unit"`
	Tags          []string      `json:"tags"`
	SerialNumbers []string      `json:"serial_numbers"`
	UDIDs         []string      `json:"udids"`
	Quota         int           `json:"quota,omitempty"`
	ExpiresAt     *time.Time    `json:"expires_at"`
	RevokedAt     *time.Time    `json:"revoked_at"`
	Configuration string        `json:"configuration,omitempty"`

	OsqueryRelease string `json:"osquery_release,omitempty"`
	Deployed       *int64 `json:"deployed_configuration,omitempty"`
}

// audit is the entry of a change of the enrolment; either side may be nil. Secrets stay out of it.
func (e *Enrollment) audit(action string, before, after *Enrollment) Audit {
	return Audit{
		Action: action, Object: "enrollment", ObjectID: strconv.FormatInt(e.ID, 10), ObjectName: e.Name,
		Before: before.record(), After: after.record(),
	}
}

func (e *Enrollment) record() any {
	if e == nil {
		return nil
	}
	return enrollmentRecord{
		Name: e.Name, Purpose: e.Purpose, Version: e.Version, BusinessUnit: e.BusinessUnit, Tags: e.Tags,
		SerialNumbers: e.SerialNumbers, UDIDs: e.UDIDs, Quota: e.Quota, ExpiresAt: e.ExpiresAt, RevokedAt: e.RevokedAt,
		Configuration: e.Configuration, OsqueryRelease: e.OsqueryRelease, Deployed: e.Deployed,
	}
}

const (
	enrollmentsSQL = `
SELECT e.id, e.name, e.purpose, e.version, u.id, u.name,
       ARRAY(SELECT t.name FROM tag t WHERE t.id = ANY (e.tags) ORDER BY t.name),
       ARRAY(SELECT t.id FROM tag t WHERE t.id = ANY (e.tags) ORDER BY t.name),
       e.serial_numbers, e.udids, coalesce(e.quota, 0), e.request_count,
       (SELECT count(DISTINCT r.machine) FROM credential r WHERE r.enrollment = e.id AND r.revoked_at IS NULL),
       e.created_at, e.updated_at, e.expires_at, e.revoked_at, coalesce(c.name, ''), c.id, e.osquery_release,
       coalesce(e.osquery_configuration, e.munki_configuration), coalesce(e.secret, '')
FROM enrollment e
LEFT JOIN configuration c ON c.id = e.configuration
LEFT JOIN meta_business_unit u ON u.id = e.meta_business_unit
WHERE e.deleted_at IS NULL `
	listEnrollmentsSQL = enrollmentsSQL + `ORDER BY e.name`
	enrollmentPageSQL  = enrollmentsSQL + `AND e.id > $1 ORDER BY e.id LIMIT $2`
	oneEnrollmentSQL   = enrollmentsSQL + `AND e.id = $1 AND $2 IN ('', e.purpose)`
	deployedSQL        = enrollmentsSQL + `
  AND e.purpose = $1 AND ($2::bigint = 0 OR $2 = coalesce(e.osquery_configuration, e.munki_configuration)) ORDER BY e.id`
)

// ListEnrollments returns all enrolments by name, the revoked ones too.
func (s *Store) ListEnrollments(ctx context.Context) ([]Enrollment, error) {
	return s.enrollments(ctx, listEnrollmentsSQL)
}

// EnrollmentPage returns enrolments by id, those behind after and at most limit.
func (s *Store) EnrollmentPage(ctx context.Context, after int64, limit int) ([]Enrollment, error) {
	return s.enrollments(ctx, enrollmentPageSQL, after, limit)
}

// DeployedEnrollments returns the enrolments of a purpose by id, only those with one of its configurations unless it
// is 0.
func (s *Store) DeployedEnrollments(ctx context.Context, p Purpose, configuration int64) ([]Enrollment, error) {
	return s.enrollments(ctx, deployedSQL, p, configuration)
}

// Enrollment returns one enrolment, which has to have the purpose unless that is empty; else it is ErrNotFound.
func (s *Store) Enrollment(ctx context.Context, p Purpose, id int64) (Enrollment, error) {
	e, err := oneEnrollment(ctx, s.pool, p, id)
	if err != nil {
		return Enrollment{}, fmt.Errorf("enrolment %d: %w", id, err)
	}
	return e, nil
}

func (s *Store) enrollments(ctx context.Context, sql string, args ...any) ([]Enrollment, error) {
	rows, _ := s.pool.Query(ctx, sql, args...) // its error comes back from CollectRows
	enrollments, err := pgx.CollectRows(rows, scanEnrollment)
	if err != nil {
		return nil, fmt.Errorf("list enrolments: %w", err)
	}
	return enrollments, nil
}

func oneEnrollment(ctx context.Context, db querier, p Purpose, id int64) (Enrollment, error) {
	rows, _ := db.Query(ctx, oneEnrollmentSQL, id, p) // its error comes back from CollectExactlyOneRow
	e, err := pgx.CollectExactlyOneRow(rows, scanEnrollment)
	return e, notFound(err)
}

func scanEnrollment(row pgx.CollectableRow) (Enrollment, error) {
	var e Enrollment
	var unitID *int64
	var unitName *string
	err := row.Scan(&e.ID, &e.Name, &e.Purpose, &e.Version, &unitID, &unitName, &e.Tags, &e.TagIDs, &e.SerialNumbers, &e.UDIDs,
		&e.Quota, &e.RequestCount, &e.Machines, &e.CreatedAt, &e.UpdatedAt, &e.ExpiresAt, &e.RevokedAt, &e.Configuration,
		&e.ConfigurationID, &e.OsqueryRelease, &e.Deployed, &e.Secret)
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
