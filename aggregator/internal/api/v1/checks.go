// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// maxCheckBytes bounds the body of a new check; the fields have their own limits.
const maxCheckBytes = 256 << 10

// check is a compliance check as clients see it.
type check struct {
	ID                int64     `json:"id"`
	ComplianceCheckID int64     `json:"compliance_check_id"`
	Name              string    `json:"name"`
	Description       string    `json:"description"`
	Version           int       `json:"version"`
	SourceName        string    `json:"source_name"`
	Platforms         []string  `json:"platforms"`
	Tags              []int64   `json:"tags"`
	Expression        string    `json:"jmespath_expression"`
	Severity          string    `json:"severity"`
	Labels            []string  `json:"labels"`
	EvaluatedVersion  int       `json:"evaluated_version"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
}

// newCheck is what a client says about a check.
type newCheck struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	SourceName  string   `json:"source_name"`
	Platforms   []string `json:"platforms"`
	Tags        []int64  `json:"tags"`
	Expression  string   `json:"jmespath_expression"`
	Severity    string   `json:"severity"`
	Labels      []string `json:"labels"`
}

type checkList struct {
	Checks     []check `json:"checks"`
	NextCursor *string `json:"next_cursor"`
}

func checkOf(c compliance.Check) check {
	return check{
		ID: c.ID, ComplianceCheckID: c.ComplianceCheckID, Name: c.Name, Description: c.Description, Version: c.Version,
		SourceName: c.SourceName, Platforms: append([]string{}, c.Platforms...), Tags: append([]int64{}, c.Tags...),
		Expression: c.Expression, Severity: c.Severity, Labels: append([]string{}, c.Labels...),
		EvaluatedVersion: c.EvaluatedVersion, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
}

// decodeCheck reads and checks the body of a request.
func decodeCheck(w http.ResponseWriter, r *http.Request) (compliance.Check, error) {
	if _, err := api.ParseQuery(r); err != nil {
		return compliance.Check{}, err
	}
	var body newCheck
	if err := api.DecodeJSON(w, r, maxCheckBytes, &body); err != nil {
		return compliance.Check{}, err
	}
	c := compliance.Check{
		Name: strings.TrimSpace(body.Name), Description: body.Description, SourceName: strings.TrimSpace(body.SourceName),
		Platforms: body.Platforms, Tags: body.Tags, Expression: body.Expression,
		Severity: cmp.Or(body.Severity, compliance.DefaultSeverity), Labels: body.Labels,
	}
	if err := c.Validate(); err != nil {
		return compliance.Check{}, withPosition(err, body.Expression)
	}
	return c, nil
}

// postCheck stores a check and has it evaluated over the fleet as it is.
func (a *API) postCheck(w http.ResponseWriter, r *http.Request) error {
	c, err := decodeCheck(w, r)
	if err != nil {
		return err
	}
	created, err := a.committer.CreateCheck(r.Context(), c)
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/v1/checks/%d", created.ID))
	return api.WriteJSON(w, http.StatusCreated, checkOf(created))
}

// putCheck replaces a check as a whole: what the body leaves out is as in a new one. Where that makes a new version of
// it, that is evaluated over the fleet.
func (a *API) putCheck(w http.ResponseWriter, r *http.Request) error {
	c, err := decodeCheck(w, r)
	if err != nil {
		return err
	}
	before, err := a.check(r)
	if err != nil {
		return err
	}
	c.ID = before.ID
	updated, err := a.committer.UpdateCheck(r.Context(), c)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, checkOf(updated))
}

// deleteCheck deletes a check and its statuses.
func (a *API) deleteCheck(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	c, err := a.check(r)
	if err != nil {
		return err
	}
	if err := a.store.DeleteCheck(r.Context(), c.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// withPosition adds where the expression is wrong, when it is.
func withPosition(err error, expression string) error {
	problem := explain(err)
	_, compileErr := compliance.Compile(expression)
	if syntax, ok := errors.AsType[*compliance.SyntaxError](compileErr); ok && problem != nil && expression != "" {
		position := syntax.Offset
		problem.Position = &position
		return problem
	}
	return err
}

func (a *API) listChecks(w http.ResponseWriter, r *http.Request) error {
	list := a.list("checks")
	var after int64
	limit, err := readPage(r, list, &after)
	if err != nil {
		return err
	}
	found, err := a.store.ListChecks(r.Context(), after, limit)
	if err != nil {
		return err
	}
	answer := checkList{Checks: []check{}}
	for _, c := range found {
		answer.Checks = append(answer.Checks, checkOf(c))
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, answer)
}

func (a *API) getCheck(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	c, err := a.check(r)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, checkOf(c))
}

// check returns the check of the path.
func (a *API) check(r *http.Request) (compliance.Check, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return compliance.Check{}, fmt.Errorf("check %q: %w", r.PathValue("id"), store.ErrNotFound)
	}
	return a.store.Check(r.Context(), id)
}
