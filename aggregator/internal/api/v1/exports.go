// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

// maxExportBytes bounds the body that asks for an export.
const maxExportBytes = 64 << 10

// exportable is a dataset as clients see it.
type exportable struct {
	Dataset     string            `json:"dataset"`
	Formats     []string          `json:"formats"` // the default first
	Permissions []auth.Permission `json:"permissions"`
	Allowed     bool              `json:"allowed"`
}

type exportableList struct {
	Exports []exportable `json:"exports"`
}

// newExport is what a client says about an export.
type newExport struct {
	Dataset string          `json:"dataset"`
	Format  string          `json:"format"`
	Options json.RawMessage `json:"options"`
}

// listExports tells what can be exported, and whether the client may.
func (a *API) listExports(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	p, _ := auth.PrincipalOf(r.Context())
	out := exportableList{Exports: []exportable{}}
	for _, d := range export.Datasets() {
		if d.Ask != nil {
			out.Exports = append(out.Exports, exportable{Dataset: d.Name, Formats: d.Formats, Permissions: d.Needs, Allowed: p.Can(d.Needs...)})
		}
	}
	return api.WriteJSON(w, http.StatusOK, out)
}

// postExport begins an export. Who may not see every machine gets those that it may see.
func (a *API) postExport(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	var body newExport
	if err := api.DecodeJSON(w, r, maxExportBytes, &body); err != nil {
		return err
	}
	d, ok := export.DatasetNamed(body.Dataset)
	if !ok || d.Ask == nil {
		return fieldProblem("dataset", "There is no such dataset; GET /api/v1/exports lists them.")
	}
	if body.Format == "" {
		body.Format = d.Formats[0]
	}
	if !slices.Contains(d.Formats, body.Format) {
		return fieldProblem("format", "It is one of "+strings.Join(d.Formats, ", ")+".")
	}
	p, _ := auth.PrincipalOf(r.Context())
	if p.Reach, ok = p.ScopeOf(d.Needs...); !ok {
		return api.Refuse(http.StatusForbidden, "%v It takes %s.", auth.ErrPermissionDenied, listed(d.Needs))
	}
	if string(body.Options) == "null" {
		body.Options = nil
	}
	wanted, err := d.Ask(export.Request{Format: body.Format, Options: body.Options, Scope: p.Reach})
	if err != nil {
		return fieldProblem("options", strings.TrimPrefix(err.Error(), "options: "))
	}
	if a.queue == nil {
		return errNoTasks
	}
	ctx := auth.WithPrincipal(r.Context(), p)
	id, err := export.Launch(ctx, a.queue, d.Name, wanted)
	if err != nil {
		return err
	}
	launched, err := a.store.Task(ctx, id)
	if err != nil {
		return err
	}
	w.Header().Set("Location", taskURL(id))
	return api.WriteJSON(w, http.StatusAccepted, taskOf(launched))
}

// fieldProblem says what is wrong with one field of the body.
func fieldProblem(field, text string) *api.Problem {
	p := api.Refuse(http.StatusBadRequest, "%s: %s", field, text)
	p.Errors = map[string][]string{field: {text}}
	return p
}

func listed(permissions []auth.Permission) string {
	names := make([]string, len(permissions))
	for i, p := range permissions {
		names[i] = string(p)
	}
	return strings.Join(names, " and ")
}
