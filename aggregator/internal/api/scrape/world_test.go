// SPDX-License-Identifier: Apache-2.0

//go:build unix

package scrape_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// now is when the tests read metrics.
var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// documented is the example of the contract.
var documented = config.MetricsOptions{
	AndroidApps: &config.MetricFamily{Sources: []string{"Workspace ONE"}, Names: []string{"Google Pay"}},
	DebPackages: &config.MetricFamily{Sources: []string{"osquery"}, Names: []string{"firefox", "falcon-sensor"}},
	IOSApps:     &config.MetricFamily{Sources: []string{"Workspace ONE"}, Names: []string{"1Password"}},
	OSXApps:     &config.MetricFamily{Sources: []string{"Munki", "osquery"}, BundleIDs: []string{"org.mozilla.firefox", "us.zoom.xos"}},
	Programs:    &config.MetricFamily{Sources: []string{"osquery"}, Names: []string{"Firefox", "Zoom"}},
	OSVersions:  &config.MetricFamily{Sources: []string{"Munki", "osquery"}},
}

type (
	object = map[string]any
	list   = []any
)

// world is an aggregator with a fleet.
type world struct {
	*apitest.World
	t *testing.T
}

func newWorld(t *testing.T, o metrics.FleetOptions) *world {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	return &world{apitest.New(t, apitest.Options{Fleet: o}), t}
}

// source makes a source of a module of the contract.
func source(module, name string) object {
	return object{"module": "zentral.contrib." + module, "name": name}
}

// report submits a tree of a machine that was seen some hours ago.
func (w *world) report(serial string, source object, hours float64, tree object) {
	w.t.Helper()
	tree = maps.Clone(tree)
	seen := now.Add(-time.Duration(hours * float64(time.Hour)))
	maps.Copy(tree, object{"serial_number": serial, "source": source, "last_seen": seen.Format("2006-01-02T15:04:05.999999")})
	if a := w.Ask(http.MethodPost, "/api/v1/snapshots", tree); a.Status != http.StatusCreated && a.Status != http.StatusOK {
		w.t.Fatalf("%s: %d %s", serial, a.Status, a.Body)
	}
}

// tag puts a tag on machines, known or not.
func (w *world) tag(taxonomy, name string, serials ...string) {
	w.t.Helper()
	operation := object{"kind": "ADD", "names": list{name}}
	if taxonomy != "" {
		operation["taxonomy"] = taxonomy
	}
	w.Ask(http.MethodPost, "/api/v1/machines/tags", object{"serial_numbers": serials, "operations": list{operation}}).Want(http.StatusOK)
}

// check makes a check and returns its id.
func (w *world) check(name string, more object) int64 {
	w.t.Helper()
	check := object{"name": name, "source_name": "osquery", "platforms": list{}}
	maps.Copy(check, more)
	return int64(w.Ask(http.MethodPost, "/api/v1/checks", check).Want(http.StatusCreated).Object()["id"].(float64))
}

// exec changes the database behind everybody's back.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.Pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// scrape reads metrics as Prometheus does.
func (w *world) scrape(path string) string {
	w.t.Helper()
	a := w.send(path, "Bearer "+apitest.MetricsToken).Want(http.StatusOK)
	if got := a.Header.Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		w.t.Errorf("%s: Content-Type is %q", path, got)
	}
	return string(a.Body)
}

func (w *world) send(path, authorization string) apitest.Answer {
	w.t.Helper()
	req := apitest.Request(w.t, http.MethodGet, path, nil)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return w.Send(req)
}

// samples returns the lines of a scrape that are samples, in order.
func samples(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(lines)
	return lines
}

// byAge writes the seven lines of a combination of labels: counts of machines seen less than 1, 7, 14, 30, 45 and 90 days
// ago, and all.
func byAge(name, labels, age string, counts ...int) []string {
	values := []string{"1", "7", "14", "30", "45", "90", "+Inf"}
	if age == "seen_within" {
		values = []string{"1d", "7d", "14d", "30d", "45d", "90d", "all"}
	}
	var lines []string
	for i, value := range values {
		lines = append(lines, fmt.Sprintf(`%s{%s,%s="%s"} %d`, name, labels, age, value, counts[i]))
	}
	return lines
}

// numbered replaces the numbers of sources, as they came in, by their ids.
func (w *world) numbered(lines []string) []string {
	w.t.Helper()
	sources, err := w.Store.Sources(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(sources, func(a, b store.Source) int { return int(a.ID - b.ID) })
	var pairs []string
	for i, s := range sources {
		pairs = append(pairs, fmt.Sprintf(`source_id="%d"`, i+1), fmt.Sprintf(`source_id="%d"`, s.ID))
	}
	ids := strings.NewReplacer(pairs...)
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i] = ids.Replace(lines[i])
	}
	return lines
}

// expect compares samples.
func (w *world) expect(text string, want []string) {
	w.t.Helper()
	got := samples(text)
	want = slices.Sorted(slices.Values(w.numbered(want)))
	for _, line := range got {
		if !slices.Contains(want, line) {
			w.t.Errorf("there is %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			w.t.Errorf("there is no %s", line)
		}
	}
	if len(got) != len(want) && !w.t.Failed() {
		w.t.Errorf("got %d samples, want %d: some come twice", len(got), len(want))
	}
}
