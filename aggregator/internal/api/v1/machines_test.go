// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

func TestMachinesAreListedAndFiltered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian", "macos", "windows", "ios", "android")
	tests := []struct {
		query string
		want  []string
	}{
		{"", []string{"C02/ÄÖ 1", "DEB-1", "F2LX1", "R58M1", "WIN-1"}},
		{"?q=web", []string{"DEB-1"}},
		{"?q=deb-", []string{"DEB-1"}},
		{"?q=jane", []string{"F2LX1"}},
		{"?platform=MACOS", []string{"C02/ÄÖ 1"}},
		{"?platform=android", []string{"R58M1"}},
		{"?source=MDM", []string{"C02/ÄÖ 1", "F2LX1"}},
		{"?source=MDM&platform=IOS", []string{"F2LX1"}},
		{"?source=nobody", nil},
	}
	for _, tt := range tests {
		var got []string
		for _, m := range w.Ask(http.MethodGet, "/api/v1/machines"+tt.query, nil).Want(http.StatusOK).List("machines") {
			got = append(got, m["serial_number"].(string))
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.query, got, tt.want)
		}
	}
	mac := w.Ask(http.MethodGet, "/api/v1/machines?platform=MACOS", nil).List("machines")[0]
	if mac["computer_name"] != "mbp-7" || mac["type"] != "LAPTOP" || mac["os_version"] != "macOS 15.3.1 (24D70)" {
		t.Errorf("got %v", mac)
	}
}

func TestOddSerialsHaveAURLSafeForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("macos")
	const serial = "C02/ÄÖ 1"
	safe := "." + base64.RawURLEncoding.EncodeToString([]byte(serial))
	for _, form := range []string{safe, url.PathEscape(serial)} {
		m := w.Ask(http.MethodGet, "/api/v1/machines/"+form, nil).Want(http.StatusOK).Object()
		if m["serial_number"] != serial || m["urlsafe_serial_number"] != safe {
			t.Errorf("%s: got %v", form, m)
		}
	}
}

// TestTreesComeBackAsTheyWere sends each tree and reads it again: the same, but for what the aggregator adds and
// normalises.
func TestTreesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tests := []struct{ name, platform, kind string }{
		{"debian", "LINUX", ""},
		{"macos", "MACOS", "LAPTOP"},
		{"windows", "WINDOWS", "DESKTOP"},
		{"ios", "IOS", "MOBILE"},
		{"android", "ANDROID", "MOBILE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := fixture(t, tt.name)
			w.Ask(http.MethodPost, "/api/v1/snapshots", want).Want(http.StatusCreated)
			safe := "." + base64.RawURLEncoding.EncodeToString([]byte(want["serial_number"].(string)))
			got := w.Ask(http.MethodGet, "/api/v1/machines/"+safe+"/snapshot", nil).Want(http.StatusOK).Object()
			delete(want, "last_seen")
			delete(want, "system_uptime")
			want["platform"] = tt.platform
			if tt.kind != "" {
				want["type"] = tt.kind
			}
			normalised(want)
			for key := range want {
				if key == "deb_packages" || key == "osx_app_instances" {
					continue // ordered by name: compared below
				}
				if !reflect.DeepEqual(got[key], want[key]) {
					t.Errorf("%s: got %v, want %v", key, got[key], want[key])
				}
			}
			for key := range got {
				if _, ok := want[key]; !ok {
					t.Errorf("%s was never sent: %v", key, got[key])
				}
			}
		})
	}
	golden(t, "macos.snapshot.json", w.Ask(http.MethodGet, "/api/v1/machines/"+url.PathEscape("C02/ÄÖ 1")+"/snapshot", nil).Body)
}

// normalised spells what the fixtures spell otherwise.
func normalised(tree map[string]any) {
	if system, ok := tree["system_info"].(map[string]any); ok && system["physical_memory"] == "17179869184" {
		system["physical_memory"] = float64(17179869184)
	}
	if certificates, ok := tree["certificates"].([]any); ok {
		certificates[0].(map[string]any)["valid_until"] = "2027-01-01T00:00:00"
	}
}

// golden compares indented JSON with a file; UPDATE=1 writes it.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareFile(t, name, append(got, '\n'))
}

func compareFile(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestHistoryCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tree := fixture(t, "debian")
	first := w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusCreated).Object()
	again := w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusOK).Object()
	if again["changed"] != false || again["root"] != first["root"] || again["seq"] != first["seq"] {
		t.Errorf("the same tree again: got %v, first %v", again, first)
	}
	before := w.changes("DEB-1")[0]["at"].(string)

	packages := tree["deb_packages"].([]any)
	tree["deb_packages"] = append(packages[:2:2], map[string]any{"name": "curl", "version": "7.88.1", "arch": "amd64"})
	tree["public_ip_address"] = "203.0.113.8"
	second := w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusOK).Object()
	if second["changed"] != true || second["seq"] != 2.0 || second["root"] == first["root"] {
		t.Errorf("got %v", second)
	}
	changes := w.changes("DEB-1")
	if len(changes) != 2 || changes[0]["seq"] != 2.0 {
		t.Fatalf("got %v", changes)
	}
	wantSections := []any{
		map[string]any{
			"kind":    "deb_packages",
			"added":   []any{map[string]any{"name": "curl", "version": "7.88.1", "arch": "amd64"}},
			"removed": []any{packages[2]},
		},
		map[string]any{"kind": "public_ip_address", "added": []any{"203.0.113.8"}, "removed": []any{"203.0.113.7"}},
	}
	if got := changes[0]["sections"]; !reflect.DeepEqual(got, wantSections) {
		t.Errorf("got %v, want %v", got, wantSections)
	}

	old := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1/snapshot?at="+before, nil).Want(http.StatusOK)
	now := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1/snapshot", nil).Want(http.StatusOK)
	if names := names(old); !reflect.DeepEqual(names, []string{"=cmd|' /C calc'!A0", "bash", "zlib1g"}) {
		t.Errorf("then: %q", names)
	}
	if names := names(now); !reflect.DeepEqual(names, []string{"bash", "curl", "zlib1g"}) {
		t.Errorf("now: %q", names)
	}
	if ip := old.Object()["public_ip_address"]; ip != "203.0.113.7" {
		t.Errorf("then: %v", ip)
	}

	d := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1/diff?from="+before, nil).Want(http.StatusOK).Object()
	if !reflect.DeepEqual(d["sections"], wantSections) {
		t.Errorf("diff: got %v, want %v", d["sections"], wantSections)
	}
	if from := d["from"].(map[string]any); from["seq"] != 1.0 || from["root"] != first["root"] {
		t.Errorf("from: got %v", from)
	}
}

// changes lists all changes of a machine.
func (w *world) changes(serial string) []map[string]any {
	w.T.Helper()
	return w.Ask(http.MethodGet, "/api/v1/machines/"+serial+"/changes", nil).Want(http.StatusOK).List("changes")
}

func names(a apitest.Answer) []string {
	var out []string
	for _, p := range a.List("deb_packages") {
		out = append(out, p["name"].(string))
	}
	return out
}

func TestMomentsThatCannotBeAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	const base = "/api/v1/machines/DEB-1/"
	w.Ask(http.MethodGet, base+"snapshot?at=2020-01-01T00:00:00Z", nil).Want(http.StatusNotFound).Says("no snapshot yet")
	w.Ask(http.MethodGet, base+"snapshot?at=yesterday", nil).Want(http.StatusBadRequest).Says("at:")
	w.Ask(http.MethodGet, base+"diff", nil).Want(http.StatusBadRequest).Says("from")
	w.Ask(http.MethodGet, base+"diff?from=x", nil).Want(http.StatusBadRequest).Says("from")
	w.Ask(http.MethodGet, base+"changes?since=x", nil).Want(http.StatusBadRequest).Says("since")
	w.Ask(http.MethodGet, base+"snapshot?source=other", nil).Want(http.StatusNotFound).Says("door")
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	w.Ask(http.MethodGet, base+"snapshot?at="+future, nil).Want(http.StatusOK)
	if got := w.Ask(http.MethodGet, base+"changes?since="+future, nil).Want(http.StatusOK).List("changes"); len(got) != 0 {
		t.Errorf("changes of the future: %v", got)
	}
}

func TestHistoryThatIsNoLongerKeptIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tree := fixture(t, "debian")
	for _, name := range []string{"one", "two", "three"} {
		tree["system_info"] = map[string]any{"computer_name": name}
		w.Ask(http.MethodPost, "/api/v1/snapshots", tree)
	}
	changes := w.changes("DEB-1")
	then := changes[len(changes)-1]["at"].(string)
	w.Ask(http.MethodGet, "/api/v1/machines/DEB-1/snapshot?at="+then, nil).Want(http.StatusOK).Says(`"one"`)
	// What retention does, as far as a reader can tell.
	if _, err := w.Pool.Exec(t.Context(), "DELETE FROM change WHERE seq < 3"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Pool.Exec(t.Context(), "UPDATE head SET first_at = first_at - interval '90 days'"); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-60 * 24 * time.Hour).UTC().Format(time.RFC3339)
	for _, path := range []string{"snapshot?at=" + past, "diff?from=" + past} {
		gone := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1/"+path, nil).Want(http.StatusGone).Says("History is kept from").Object()
		if _, err := time.Parse(time.RFC3339, gone["oldest"].(string)); err != nil {
			t.Error(err)
		}
	}
}

func TestSnapshotHasAnETag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	tag := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1/snapshot", nil).Header.Get("ETag")
	req := apitest.Request(t, http.MethodGet, "/api/v1/machines/DEB-1/snapshot", nil)
	req.Header.Set("Authorization", "Bearer "+w.Tokens["viewer"])
	req.Header.Set("If-None-Match", tag)
	if a := w.Send(req).Want(http.StatusNotModified); len(a.Body) != 0 {
		t.Errorf("got %s", a.Body)
	}
}

func TestSourceHasToBeChosenWhereThereAreSeveral(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.submit("debian")
	tree := fixture(t, "debian")
	tree["source"] = map[string]any{"module": "test.other", "name": "other"}
	w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusCreated)
	const path = "/api/v1/machines/DEB-1/snapshot"
	w.Ask(http.MethodGet, path, nil).Want(http.StatusBadRequest).Says("door, other")
	w.Ask(http.MethodGet, path+"?source=Other", nil).Want(http.StatusOK).Says("test.other")
	if sources := w.Ask(http.MethodGet, "/api/v1/machines/DEB-1", nil).List("sources"); len(sources) != 2 {
		t.Errorf("got %v", sources)
	}
	tree["source"] = map[string]any{"module": "rollcall.agent", "name": "rollcall"}
	w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusCreated)
	w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Says("rollcall.agent")
}
