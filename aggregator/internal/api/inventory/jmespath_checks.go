// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// maxPlatforms bounds the platforms of a check, which may come twice.
const maxPlatforms = 100

// jmespathCheck is a compliance check as clients see it.
type jmespathCheck struct {
	ID                int64    `json:"id"`
	ComplianceCheckID int64    `json:"compliance_check_id"`
	Name              string   `json:"name"`
	Description       string   `json:"description"`
	Version           int      `json:"version"`
	SourceName        string   `json:"source_name"`
	Platforms         []string `json:"platforms"`
	Tags              []int64  `json:"tags"`
	Expression        string   `json:"jmespath_expression"`
	CreatedAt         drf.Time `json:"created_at"`
	UpdatedAt         drf.Time `json:"updated_at"`
}

func (a *API) jmespathChecks() drf.Resource[compliance.Check] {
	return drf.Resource[compliance.Check]{
		App: "inventory", Model: "jmespathcheck", Object: "JMESPathCheck", Label: "JMESPath check", View: "JMES Path Check",
		Fields: checkFields(),
		List:   drf.ByName(a.listChecks), Get: a.store.Check, Create: a.createCheck, Update: a.updateCheck, Remove: a.store.DeleteCheck,
		Show: func(_ *http.Request, c *compliance.Check) any {
			return jmespathCheck{
				ID: c.ID, ComplianceCheckID: c.ComplianceCheckID, Name: c.Name, Description: c.Description, Version: c.Version,
				SourceName: c.SourceName, Platforms: append([]string{}, c.Platforms...), Tags: append([]int64{}, c.Tags...),
				Expression: c.Expression, CreatedAt: drf.Time(c.CreatedAt), UpdatedAt: drf.Time(c.UpdatedAt),
			}
		},
	}
}

func checkFields() drf.Fields {
	var platforms []drf.Choice
	for _, p := range compliance.Platforms() {
		platforms = append(platforms, drf.Choice{Value: p, DisplayName: p})
	}
	return drf.Fields{
		"id": idField, "name": nameField, "created_at": createdAtField, "updated_at": updatedAtField,
		"compliance_check_id": {Type: "integer", ReadOnly: true, Label: "Compliance check id"},
		"description":         {Type: "string", Label: "Description"},
		"version":             {Type: "integer", ReadOnly: true, Label: "Version"},
		"source_name":         {Type: "string", Required: true, Label: "Source name"},
		"platforms":           {Type: "list", Label: "Platforms", Child: &drf.Field{Type: "choice", Required: true, Choices: platforms}},
		"tags":                {Type: "field", Label: "Tags"},
		"jmespath_expression": {Type: "string", Required: true, Label: "Jmespath expression"},
	}
}

func (a *API) listChecks(ctx context.Context, name string) ([]compliance.Check, error) {
	checks, err := a.store.AllChecks(ctx)
	if name != "" {
		checks = slices.DeleteFunc(checks, func(c compliance.Check) bool { return c.Name != name })
	}
	return checks, err
}

// createCheck stores a check and evaluates it over the fleet as it is.
func (a *API) createCheck(ctx context.Context, body *drf.Object) (compliance.Check, error) {
	var c compliance.Check
	if err := readCheck(body, &c); err != nil {
		return compliance.Check{}, err
	}
	created, err := a.committer.CreateCheck(ctx, c)
	return created, checkRefusal(err, c.Tags)
}

// updateCheck changes a check, and evaluates it where it has a new version. Platforms that are left out stay as they
// are, as severity and labels do, which this contract does not know; a description is empty then, and tags are none.
func (a *API) updateCheck(ctx context.Context, id int64, body *drf.Object) (compliance.Check, error) {
	before, err := a.store.Check(ctx, id)
	if err != nil {
		return compliance.Check{}, err
	}
	c := compliance.Check{ID: id, Platforms: before.Platforms, Severity: before.Severity, Labels: before.Labels}
	if err := readCheck(body, &c); err != nil {
		return compliance.Check{}, err
	}
	updated, err := a.committer.UpdateCheck(ctx, c)
	return updated, checkRefusal(err, c.Tags)
}

func readCheck(body *drf.Object, c *compliance.Check) error {
	c.Name, _ = body.Text("name", drf.Text{Max: maxObjectName})
	c.Description, _ = body.Text("description", drf.Text{Optional: true, Blank: true})
	c.SourceName, _ = body.Text("source_name", drf.Text{Max: maxObjectName})
	if body.Given("platforms") {
		c.Platforms = body.Texts("platforms", drf.List{Max: maxPlatforms, Item: drf.Text{Choices: compliance.Platforms()}})
	}
	c.Tags = body.IDs("tags", true)
	c.Expression, _ = body.Text("jmespath_expression", drf.Text{})
	if problems, ok := errors.AsType[compliance.FieldErrors](c.Validate()); ok {
		failCheck(body, problems, c.Tags)
	}
	return body.Err()
}

// failCheck notes what a check is refused for beyond the types of its fields, in the contract's words.
func failCheck(body *drf.Object, problems compliance.FieldErrors, tags []int64) {
	for _, field := range slices.Sorted(maps.Keys(problems)) {
		name, _, element := strings.Cut(field, "[")
		switch {
		case body.Failed(name): // its type is wrong already
		case name == "jmespath_expression":
			body.Fail(name, "Invalid JMESPath expression")
		case element && name == "tags":
			body.Fail(name, noTag(field, tags))
		default:
			body.Fail(name, problems[field]...)
		}
	}
}

// noTag words that tags[2], the field, is none.
func noTag(field string, tags []int64) string {
	var i int
	if _, err := fmt.Sscanf(field, "tags[%d]", &i); err != nil || i >= len(tags) {
		return drf.NoObject(0)
	}
	return drf.NoObject(tags[i])
}

// checkRefusal words why the store did not take a check: its name, or the first tag that does not exist.
func checkRefusal(err error, tags []int64) error {
	problems, ok := errors.AsType[compliance.FieldErrors](err)
	if !ok {
		return err
	}
	for i := range tags {
		if field := fmt.Sprintf("tags[%d]", i); problems[field] != nil {
			return drf.FieldError("tags", noTag(field, tags))
		}
	}
	return drf.FieldError("name", "A Inventory JMESPath check with this name already exists.")
}
