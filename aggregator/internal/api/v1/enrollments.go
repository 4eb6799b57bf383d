// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	viewEnrollments   auth.Permission = "inventory.view_enrollment"
	addEnrollments    auth.Permission = "inventory.add_enrollment"
	changeEnrollments auth.Permission = "inventory.change_enrollment"
	deleteEnrollments auth.Permission = "inventory.delete_enrollment"
)

// reference names another object.
type reference struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// enrollment is an enrolment as clients see it. Its secret is in the answer that creates it, and nowhere else.
type enrollment struct {
	ID            int64         `json:"id"`
	Name          string        `json:"name"`
	Purpose       store.Purpose `json:"purpose"`
	State         string        `json:"state"`
	Secret        string        `json:"secret,omitempty"`
	BusinessUnit  *reference    `json:"business_unit"`
	Tags          []reference   `json:"tags"`
	SerialNumbers []string      `json:"serial_numbers"`
	UDIDs         []string      `json:"udids"`
	Quota         *int          `json:"quota"`
	RequestCount  int           `json:"request_count"`
	MachineCount  int           `json:"machine_count"`
	Configuration *reference    `json:"configuration"`
	Version       int           `json:"version"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`
	ExpiresAt     *time.Time    `json:"expires_at"`
	RevokedAt     *time.Time    `json:"revoked_at"`
}

type enrollmentList struct {
	Enrollments []enrollment `json:"enrollments"`
	NextCursor  *string      `json:"next_cursor"`
}

func enrollmentOf(e store.Enrollment) enrollment {
	out := enrollment{
		ID: e.ID, Name: e.Name, Purpose: e.Purpose, State: stateOfEnrollment(&e, time.Now()), Tags: []reference{},
		SerialNumbers: append([]string{}, e.SerialNumbers...), UDIDs: append([]string{}, e.UDIDs...), RequestCount: e.RequestCount,
		MachineCount: e.Machines, Version: e.Version, CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
		ExpiresAt: e.ExpiresAt, RevokedAt: e.RevokedAt,
	}
	for i, id := range e.TagIDs {
		out.Tags = append(out.Tags, reference{ID: id, Name: e.Tags[i]})
	}
	if e.BusinessUnit != nil {
		out.BusinessUnit = &reference{ID: e.BusinessUnit.ID, Name: e.BusinessUnit.Name}
	}
	if e.ConfigurationID != nil {
		out.Configuration = &reference{ID: *e.ConfigurationID, Name: e.Configuration}
	}
	if e.Quota > 0 {
		out.Quota = &e.Quota
	}
	return out
}

// stateOfEnrollment says whether the enrolment lets machines in.
func stateOfEnrollment(e *store.Enrollment, now time.Time) string {
	switch {
	case e.RevokedAt != nil:
		return "revoked"
	case e.ExpiresAt != nil && !now.Before(*e.ExpiresAt):
		return "expired"
	case e.Quota > 0 && e.RequestCount >= e.Quota:
		return "used_up"
	}
	return "valid"
}

// refusedSettings words why the store did not take them.
func refusedSettings(err error) error {
	refused, ok := errors.AsType[*store.FieldError](err)
	if !ok {
		return err
	}
	field := refused.Field
	if field == "meta_business_unit" {
		field = "business_unit"
	}
	text := "There is none with this id."
	switch missing, _ := errors.AsType[*store.NoSuchTag](err); {
	case errors.Is(err, store.ErrExists):
		text = "There is an enrolment with this name already."
	case missing != nil:
		text = fmt.Sprintf("There is no tag %d.", missing.ID)
	}
	return compliance.FieldErrors{field: {text}}
}

// postEnrollment creates an enrolment and shows its secret, this once.
func (a *API) postEnrollment(w http.ResponseWriter, r *http.Request) error {
	settings, err := decodeEnrollment(w, r)
	if err != nil {
		return err
	}
	secret := auth.NewEnrollmentSecret()
	created, err := a.store.AddEnrollment(r.Context(), store.ForRollcall, settings, secret)
	if err != nil {
		return refusedSettings(err)
	}
	a.reconfigured(r.Context())
	shown := enrollmentOf(created)
	shown.Secret = secret
	w.Header().Set("Location", fmt.Sprintf("/api/v1/enrollments/%d", created.ID))
	w.Header().Set("Cache-Control", "no-store")
	return api.WriteJSON(w, http.StatusCreated, shown)
}

// putEnrollment replaces what may be changed: what the body leaves out is as in a new one.
func (a *API) putEnrollment(w http.ResponseWriter, r *http.Request) error {
	settings, err := decodeEnrollment(w, r)
	if err != nil {
		return err
	}
	id, err := enrollmentID(r)
	if err != nil {
		return err
	}
	changed, err := a.store.UpdateEnrollment(r.Context(), "", id, func(n *store.EnrollmentSettings) error {
		settings.OsqueryRelease, settings.Deployed = n.OsqueryRelease, n.Deployed // another contract's
		*n = settings
		return nil
	})
	if err != nil {
		return refusedSettings(err)
	}
	a.reconfigured(r.Context())
	return api.WriteJSON(w, http.StatusOK, enrollmentOf(changed))
}

// deleteEnrollment revokes an enrolment: it stays in the list, as the machines do that came through it.
func (a *API) deleteEnrollment(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	id, err := enrollmentID(r)
	if err != nil {
		return err
	}
	if err := a.store.RevokeEnrollmentByID(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) getEnrollment(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	id, err := enrollmentID(r)
	if err != nil {
		return err
	}
	e, err := a.store.Enrollment(r.Context(), "", id)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, enrollmentOf(e))
}

func (a *API) listEnrollments(w http.ResponseWriter, r *http.Request) error {
	list := a.list("enrollments")
	var after int64
	limit, err := readPage(r, list, &after)
	if err != nil {
		return err
	}
	found, err := a.store.EnrollmentPage(r.Context(), after, limit)
	if err != nil {
		return err
	}
	answer := enrollmentList{Enrollments: []enrollment{}}
	for _, e := range found {
		answer.Enrollments = append(answer.Enrollments, enrollmentOf(e))
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, answer)
}

// enrollmentID returns the id of the path.
func enrollmentID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("enrolment %q: %w", r.PathValue("id"), store.ErrNotFound)
	}
	return id, nil
}
