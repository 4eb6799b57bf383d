// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

// fleet submits a machine for each list of versions of one package.
func (w *world) fleet(kind, name string, versions ...[]string) {
	w.T.Helper()
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
		w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusCreated)
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
		a := w.Ask(http.MethodGet, path+tt.query, nil).Want(http.StatusOK)
		got := map[string]any{}
		for _, m := range a.List("machines") {
			got[m["serial_number"].(string)] = m["versions"]
		}
		if !reflect.DeepEqual(got, tt.want) || a.Object()["total"] != tt.total {
			t.Errorf("%q: got %v of %v, want %v of %v", tt.query, got, a.Object()["total"], tt.want, tt.total)
		}
	}
	a := w.Ask(http.MethodGet, path+"&version_lt=4", nil).Want(http.StatusOK).Object()
	if !reflect.DeepEqual(a["unordered_versions"], list("what?")) {
		t.Errorf("unordered: got %v", a["unordered_versions"])
	}
	first := w.Ask(http.MethodGet, path+"&limit=4", nil).Object()
	rest := w.Ask(http.MethodGet, path+"&limit=4&cursor="+first["next_cursor"].(string), nil).Want(http.StatusOK)
	if m := rest.List("machines"); len(m) != 1 || m[0]["serial_number"] != "S-5" || m[0]["computer_name"] != "host-5" {
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
		w.Ask(http.MethodGet, "/api/v1/software/machines"+tt.query, nil).Want(http.StatusBadRequest).Says(tt.says)
	}
	none := w.Ask(http.MethodGet, "/api/v1/software/machines?kind=deb_packages&name=nothing", nil).Want(http.StatusOK).Object()
	if none["total"] != 0.0 || none["next_cursor"] != nil {
		t.Errorf("got %v", none)
	}
}

// TestListsDoNotWaitForTheIndex asks an aggregator that has just started.
func TestListsDoNotWaitForTheIndex(t *testing.T) {
	t.Parallel()
	w := newUnindexedWorld(t)
	w.submit("debian", "macos")
	if got := w.Ask(http.MethodGet, "/api/v1/machines", nil).Want(http.StatusOK).List("machines"); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	if got := w.Ask(http.MethodGet, "/api/v1/software?kind=deb_packages", nil).Want(http.StatusOK).List("software"); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	w.Ask(http.MethodGet, "/metrics", nil).Want(http.StatusOK).Says(`rollcall_snapshots 2`)
	a := w.Ask(http.MethodGet, "/api/v1/software/machines?kind=deb_packages&name=bash", nil).Want(http.StatusServiceUnavailable).Says("Try again")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// TestSoftwareWithoutANameHasAPageOfItsOwn goes through a list whose first row has neither name nor version.
func TestSoftwareWithoutANameHasAPageOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, indexed := range []bool{true, false} {
		w := &world{apitest.New(t, apitest.Options{Unindexed: !indexed}), t}
		w.fleet("deb_packages", "", []string{""}, []string{"", "1"})
		path := "/api/v1/software?kind=deb_packages&limit=1"
		var got []any
		for page := path; page != "" && len(got) < 9; {
			a := w.Ask(http.MethodGet, page, nil).Want(http.StatusOK)
			for _, s := range a.List("software") {
				got = append(got, s["version"], s["machines"])
			}
			page = ""
			if next, ok := a.Object()["next_cursor"].(string); ok {
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
	w := newUnindexedWorld(t) // PostgreSQL takes no NUL
	cursor := api.EncodeCursor(api.List{Name: "machines", Epoch: w.Store.CurrentEpoch()}, "a\x00b")
	w.Ask(http.MethodGet, "/api/v1/machines?cursor="+cursor, nil).Want(http.StatusBadRequest).Says("cursor")
}
