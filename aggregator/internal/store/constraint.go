// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrSlugTaken says that another name has the same slug: see Slugify.
	ErrSlugTaken = errors.New("the slug is taken")
	// ErrNoSuch says that a field names an object that does not exist.
	ErrNoSuch = errors.New("no such object")
	// ErrInUse says that others refer to an object, which therefore stays.
	ErrInUse = errors.New("in use")
)

// FieldError says which field keeps an object from being stored. It wraps ErrExists, ErrSlugTaken or ErrNoSuch.
type FieldError struct {
	Field string
	Err   error
}

// Error implements error.
func (e *FieldError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// constraints are what the database refuses objects for, by the name of the constraint.
var constraints = map[string]*FieldError{
	"meta_business_unit_name_key":      {"name", ErrExists},
	"tag_name_key":                     {"name", ErrExists},
	"tag_slug":                         {"name", ErrSlugTaken},
	"tag_taxonomy_fkey":                {"taxonomy", ErrNoSuch},
	"tag_meta_business_unit_fkey":      {"meta_business_unit", ErrNoSuch},
	"taxonomy_name_key":                {"name", ErrExists},
	"taxonomy_meta_business_unit_fkey": {"meta_business_unit", ErrNoSuch},

	"enrollment_name_key":                   {"name", ErrExists},
	"enrollment_meta_business_unit_fkey":    {"meta_business_unit", ErrNoSuch},
	"enrollment_configuration_fkey":         {"configuration", ErrNoSuch},
	"enrollment_osquery_configuration_fkey": {"configuration", ErrNoSuch},
	"enrollment_munki_configuration_fkey":   {"configuration", ErrNoSuch},
	"osquery_configuration_name_key":        {"name", ErrExists},
	"munki_configuration_name_key":          {"name", ErrExists},
	"probe_name_key":                        {"name", ErrExists},
}

// fieldError turns a violated constraint of what was inserted or updated into a FieldError.
func fieldError(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	if known, ok := constraints[pg.ConstraintName]; ok {
		return known
	}
	return err
}

// inUse turns a reference to what was deleted into ErrInUse.
func inUse(err error) error {
	if violatesReference(err) {
		return ErrInUse
	}
	return err
}

// violatesReference tells whether a row refers to one that is not there.
func violatesReference(err error) bool {
	const foreignKeyViolation, restrictViolation = "23503", "23001"
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == foreignKeyViolation || pg.Code == restrictViolation)
}
