// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// exportFacts streams the table of a kind; a failure on the way cuts the connection, so that no half table looks whole.
// What it takes depends on the kind.
func (a *API) exportFacts(w http.ResponseWriter, r *http.Request) error {
	kind, format, _ := strings.Cut(r.PathValue("file"), ".")
	if !slices.Contains(export.Kinds(), kind) || format != "csv" && format != "jsonl" {
		return api.Refuse(http.StatusNotFound, "There is no such export; there are %s, each with .csv or .jsonl.", strings.Join(export.Kinds(), ", "))
	}
	p, _ := auth.PrincipalOf(r.Context())
	needs := export.Permissions(kind)
	scope, ok := p.ScopeOf(needs...)
	if !ok {
		return api.Refuse(http.StatusForbidden, "%v It takes %s.", auth.ErrPermissionDenied, listed(needs))
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+kind+"."+format+`"`)
	w.Header().Set("Cache-Control", "private, no-store")
	if format == "jsonl" {
		return a.streamLines(w, r, kind, scope)
	}
	q, err := api.ParseQuery(r, "source")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	if r.Method == http.MethodHead {
		return nil
	}
	return export.Facts(r.Context(), a.store, kind, export.Filter{Source: q.Text("source"), Scope: scope}, table.NewCSV(api.Patient(w)))
}

// streamCursor is a line of a stream that is no row: where to go on when the stream breaks off behind it. The last line
// has null: that was all.
type streamCursor struct {
	NextCursor *string `json:"next_cursor"`
}

// streamLines writes rows as lines of JSON, with a cursor now and then.
func (a *API) streamLines(w http.ResponseWriter, r *http.Request, kind string, scope auth.Scope) error {
	q, err := api.ParseQuery(r, "source", "cursor")
	if err != nil {
		return err
	}
	f := export.Filter{Source: q.Text("source"), Scope: scope}
	list := a.list("exports/" + kind + "/" + f.Source)
	if q.Text("cursor") != "" {
		f.After = &store.StreamKey{}
		if err := api.DecodeCursor(list, q.Text("cursor"), f.After); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "application/jsonl")
	if r.Method == http.MethodHead {
		return nil
	}
	out := table.NewJSONL(api.Patient(w))
	f.Reached = func(key store.StreamKey) error {
		next := api.EncodeCursor(list, key)
		return out.Line(streamCursor{&next})
	}
	if err := export.Facts(r.Context(), a.store, kind, f, out); err != nil {
		return err
	}
	if err := out.Line(streamCursor{}); err != nil {
		return err
	}
	return out.Close()
}
