// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"errors"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Field describes a field of a body, as OPTIONS tells of it.
type Field struct {
	Type      string   `json:"type"` // field (the id of another object), boolean, string, integer, datetime, choice, list
	Required  bool     `json:"required"`
	ReadOnly  bool     `json:"read_only"`
	Label     string   `json:"label,omitempty"`
	MaxLength int      `json:"max_length,omitempty"`
	Choices   []Choice `json:"choices,omitempty"`
	Child     *Field   `json:"child,omitempty"` // of a list
}

// Choice is a value that a field takes.
type Choice struct {
	Value       string `json:"value"`
	DisplayName string `json:"display_name"`
}

// Fields are those of a body, by name.
type Fields map[string]Field

// metadata is the answer to OPTIONS.
type metadata struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Renders     []string          `json:"renders"`
	Parses      []string          `json:"parses"`
	Actions     map[string]Fields `json:"actions,omitempty"`
}

// DescribeList answers OPTIONS on the path of the list.
func (r Resource[T]) DescribeList(w http.ResponseWriter, req *http.Request) error {
	return describe(w, r.View+" List", r.actions(req, http.MethodPost, "add"))
}

// DescribeOne answers OPTIONS on the path of the object. Of one that does not exist it tells no fields.
func (r Resource[T]) DescribeOne(w http.ResponseWriter, req *http.Request) error {
	var actions map[string]Fields
	_, _, err := r.One(req)
	_, refused := errors.AsType[*api.Problem](err)
	switch {
	case err == nil:
		actions = r.actions(req, http.MethodPut, "change")
	case !refused:
		return err
	}
	return describe(w, r.View+" Detail", actions)
}

func describe(w http.ResponseWriter, name string, actions map[string]Fields) error {
	return api.WriteJSON(w, http.StatusOK, metadata{
		Name: name, Renders: []string{"application/json"}, Parses: []string{"application/json"}, Actions: actions,
	})
}

// actions are the fields that the method takes, when the caller may use it.
func (r Resource[T]) actions(req *http.Request, method, verb string) map[string]Fields {
	principal, _ := auth.PrincipalOf(req.Context())
	reach, ok := principal.ScopeOf(auth.Permission(r.App + "." + verb + "_" + r.Model))
	if !ok || !reach.All() {
		return nil
	}
	return map[string]Fields{method: r.Fields}
}
