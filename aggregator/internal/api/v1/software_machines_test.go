// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// fleet submits a machine for each list of versions of one package.
func (w *world) fleet(kind, name string, versions ...[]string) {
	w.t.Helper()
	for i, list := range versions {
		tree := map[string]any{
			"serial_number": fmt.Sprint("S-", i), "source": map[string]any{"module": "test.door", "name": "door"},
			"platform": []string{"LINUX", "MACOS"}[i%2], "system_info": map[string]any{"computer_name": fmt.Sprint("host-", i)},
		}
		var rows []any
		for _, v := range list {
			rows = append(rows, map[string]any{"name": name, "version": v})
		}
		if rows != nil {
			tree[kind] = rows
		}
		w.ask(http.MethodPost, "/api/v1/snapshots", tree).want(http.StatusCreated)
	}
}

func TestMachinesAreFoundByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fleet("deb_packages", "openssl", []string{"3.0.9-1"}, []string{"3.0.11-1"}, nil, []string{"3.0.11-1", "1.1.1w-0"}, []string{"what?"}, []string{"1:2.0"})
	tests := []struct {
		query string
		want  map[string]any // serial → versions
		total float64
	}{
		{"", map[string]any{"S-0": list("3.0.9-1"), "S-1": list("3.0.11-1"), "S-3": list("1.1.1w-0", "3.0.11-1"), "S-4": list("what?"), "S-5": list("1:2.0")}, 5},
		{"&version_lt=3.0.11", map[string]any{"S-0": list("3.0.9-1"), "S-3": list("1.1.1w-0")}, 2},
		{"&version_ge=3.0.11-1", map[string]any{"S-1": list("3.0.11-1"), "S-3": list("3.0.11-1"), "S-5": list("1:2.0")}, 3},
		{"&version_gt=3.0.9-1&version_le=3.0.11-1", map[string]any{"S-1": list("3.0.11-1"), "S-3": list("3.0.11-1")}, 2},
		{"&version=" + url.QueryEscape("what?"), map[string]any{"S-4": list("what?")}, 1},
		{"&platform=linux&version_lt=4", map[string]any{"S-0": list("3.0.9-1")}, 1},
		{"&source=door&version=1:2.0", map[string]any{"S-5": list("1:2.0")}, 1},
		{"&source=nobody", map[string]any{}, 0},
		{"&limit=1", map[string]any{"S-0": list("3.0.9-1")}, 5},
	}
	const path = "/api/v1/software/machines?kind=deb_packages&name=openssl"
	for _, tt := range tests {
		a := w.ask(http.MethodGet, path+tt.query, nil).want(http.StatusOK)
		got := map[string]any{}
		for _, m := range a.list("machines") {
			got[m["serial_number"].(string)] = m["versions"]
		}
		if !reflect.DeepEqual(got, tt.want) || a.object()["total"] != tt.total {
			t.Errorf("%q: got %v of %v, want %v of %v", tt.query, got, a.object()["total"], tt.want, tt.total)
		}
	}
	a := w.ask(http.MethodGet, path+"&version_lt=4", nil).want(http.StatusOK).object()
	if !reflect.DeepEqual(a["unordered_versions"], list("what?")) {
		t.Errorf("unordered: got %v", a["unordered_versions"])
	}
	first := w.ask(http.MethodGet, path+"&limit=4", nil).object()
	rest := w.ask(http.MethodGet, path+"&limit=4&cursor="+first["next_cursor"].(string), nil).want(http.StatusOK)
	if m := rest.list("machines"); len(m) != 1 || m[0]["serial_number"] != "S-5" || m[0]["computer_name"] != "host-5" {
		t.Errorf("last page: got %v", m)
	}
}

func list(texts ...string) []any {
	var out []any
	for _, t := range texts {
		out = append(out, t)
	}
	return out
}

func TestQuestionsByVersionThatCannotBeAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct{ query, says string }{
		{"", "kind: needed"},
		{"?kind=deb_packages", "name: needed"},
		{"?kind=disks&name=sda", "cannot be counted"},
		{"?kind=services&name=x&version_lt=1", "have no order; those of these kinds have one: android_apps"},
		{"?kind=deb_packages&name=bash&version_lt=what%3F", "version_lt"},
		{"?kind=deb_packages&name=bash&cursor=x", "cursor"},
		{"?kind=deb_packages&name=bash&limit=0", "limit"},
	}
	for _, tt := range tests {
		w.ask(http.MethodGet, "/api/v1/software/machines"+tt.query, nil).want(http.StatusBadRequest).says(tt.says)
	}
	none := w.ask(http.MethodGet, "/api/v1/software/machines?kind=deb_packages&name=nothing", nil).want(http.StatusOK).object()
	if none["total"] != 0.0 || none["next_cursor"] != nil {
		t.Errorf("got %v", none)
	}
}

// TestListsDoNotWaitForTheIndex asks an aggregator that has just started.
func TestListsDoNotWaitForTheIndex(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, false)
	w.submit("debian", "macos")
	if got := w.ask(http.MethodGet, "/api/v1/machines", nil).want(http.StatusOK).list("machines"); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	if got := w.ask(http.MethodGet, "/api/v1/software?kind=deb_packages", nil).want(http.StatusOK).list("software"); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	w.ask(http.MethodGet, "/metrics", nil).want(http.StatusOK).says(`rollcall_snapshots 2`)
	a := w.ask(http.MethodGet, "/api/v1/software/machines?kind=deb_packages&name=bash", nil).want(http.StatusServiceUnavailable).says("Try again")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// TestSoftwareWithoutANameHasAPageOfItsOwn goes through a list whose first row has neither name nor version.
func TestSoftwareWithoutANameHasAPageOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, indexed := range []bool{true, false} {
		w := newWorldWith(t, indexed)
		w.fleet("deb_packages", "", []string{""}, []string{"", "1"})
		path := "/api/v1/software?kind=deb_packages&limit=1"
		var got []any
		for page := path; page != "" && len(got) < 9; {
			a := w.ask(http.MethodGet, page, nil).want(http.StatusOK)
			for _, s := range a.list("software") {
				got = append(got, s["version"], s["machines"])
			}
			page = ""
			if next, ok := a.object()["next_cursor"].(string); ok {
				page = path + "&cursor=" + next
			}
		}
		if want := []any{"", 2.0, "1", 1.0}; !reflect.DeepEqual(got, want) {
			t.Errorf("indexed %v: got %v, want %v", indexed, got, want)
		}
	}
}

func TestForgedCursorsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, false) // PostgreSQL takes no NUL
	cursor := api.EncodeCursor(api.List{Name: "machines", Epoch: w.store.CurrentEpoch()}, "a\x00b")
	w.ask(http.MethodGet, "/api/v1/machines?cursor="+cursor, nil).want(http.StatusBadRequest).says("cursor")
}
