// SPDX-License-Identifier: Apache-2.0

// Package drf speaks the conventions of Django REST framework, which the outside contracts share because the server that
// they were written for is built with it: error bodies, the validation of fields and its texts, bare lists, moments
// without a zone. It refuses to know any object of those contracts.
package drf

import (
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// detail is the body of every error that is not about the fields of a body.
type detail struct {
	Detail string `json:"detail"`
}

// Write sends a problem as the contracts have it: its own body, or the detail alone. It fits api.Door.
func Write(w http.ResponseWriter, r *http.Request, p *api.Problem) {
	body := p.Body
	switch {
	case body != nil:
	case p.Status == http.StatusInternalServerError:
		body = map[string]string{"error": "Server Error (500)"}
	case p.Status == http.StatusMethodNotAllowed:
		body = detail{`Method "` + r.Method + `" not allowed.`}
	case p.Status == http.StatusForbidden:
		body = detail{"You do not have permission to perform this action."}
	default:
		body = detail{p.Error()}
	}
	w.Header().Set("Cache-Control", "no-store")
	_ = api.WriteJSON(w, p.Status, body) // a client that is gone needs no answer
}

// NoMatch is the answer for an id that names no such object; the object is spelled as the contract has it: "Tag".
func NoMatch(object string) error {
	return api.Refuse(http.StatusNotFound, "No %s matches the given query.", object)
}

// NotFound is the answer for everything else that is not there.
func NotFound() error { return api.Refuse(http.StatusNotFound, "Not found.") }

// Invalid is a 400 with messages that are about no field: a bare list.
func Invalid(messages ...string) error {
	p := api.Refuse(http.StatusBadRequest, "%s", messages[0])
	p.Body = messages
	return p
}

// FieldError is a 400 with messages about one field.
func FieldError(field string, messages ...string) error {
	return invalidFields(map[string]any{field: messages})
}

func invalidFields(fields map[string]any) error {
	p := api.Refuse(http.StatusBadRequest, "The body is not valid.")
	p.Body = fields
	return p
}

// Time spells a moment as the contracts do: UTC without a zone, microseconds only when there are any.
type Time time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) {
	at := time.Time(t).UTC().Truncate(time.Microsecond)
	if at.Nanosecond() == 0 {
		return at.AppendFormat(nil, "2006-01-02T15:04:05"), nil
	}
	return at.AppendFormat(nil, "2006-01-02T15:04:05.000000"), nil
}
