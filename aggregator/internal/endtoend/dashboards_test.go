// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// packaged is where the files for Prometheus and Grafana are.
var packaged = filepath.Join("..", "..", "..", "packaging")

const rulesFile = "rollcall.rules.yml"

// board is a Grafana dashboard, as far as tests look at it.
type board struct {
	UID, Title    string
	Description   string
	SchemaVersion int
	Templating    struct{ List []boardVariable }
	Panels        []boardPanel
}

type boardVariable struct{ Name, Type, Definition string }

type boardPanel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ Type, UID string }
	Targets     []struct {
		RefID, Expr string
		Instant     bool
		Datasource  struct{ Type, UID string }
	}
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []json.RawMessage }
		}
	}
}

// boards reads the dashboards, by file.
func boards(t *testing.T) map[string]board {
	t.Helper()
	all := map[string]board{}
	for _, name := range []string{"fleet.json", "compliance.json", "aggregator.json"} {
		var b board
		if err := json.Unmarshal([]byte(readPackaged(t, "grafana", name)), &b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b
	}
	return all
}

func readPackaged(t *testing.T, name ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{packaged}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// overlaps tells whether two panels have a place in common.
func (p *boardPanel) overlaps(o *boardPanel) bool {
	a, b := p.GridPos, o.GridPos
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

func TestDashboardsHaveRoomForEveryPanel(t *testing.T) {
	t.Parallel()
	for name, b := range boards(t) {
		ids := map[int]bool{}
		for i := range b.Panels {
			p := &b.Panels[i]
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: %s: number %d is taken", name, p.Title, p.ID)
			}
			ids[p.ID] = true
			if p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X < 0 || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: %s does not fit: %+v", name, p.Title, p.GridPos)
			}
			for j := range b.Panels[:i] {
				if p.overlaps(&b.Panels[j]) {
					t.Errorf("%s: %s lies upon %s", name, p.Title, b.Panels[j].Title)
				}
			}
		}
	}
}

func TestDashboardsExplainThemselves(t *testing.T) {
	t.Parallel()
	uids := map[string]bool{}
	for name, b := range boards(t) {
		if uids[b.UID] || b.UID != "rollcall-"+strings.TrimSuffix(name, ".json") || b.Description == "" || b.SchemaVersion < 39 {
			t.Errorf("%s: got uid %q, schema %d, description %q", name, b.UID, b.SchemaVersion, b.Description)
		}
		uids[b.UID] = true
		titles := map[string]bool{}
		for i := range b.Panels {
			p := &b.Panels[i]
			if p.Type == "row" {
				continue
			}
			if titles[p.Title] || p.Title == "" {
				t.Errorf("%s: %q is the title of two panels", name, p.Title)
			}
			titles[p.Title] = true
			defaults := &p.FieldConfig.Defaults
			if p.Description == "" || defaults.Unit == "" || len(defaults.Thresholds.Steps) == 0 || len(p.Targets) == 0 {
				t.Errorf("%s: %s lacks a description, a unit, thresholds or a query", name, p.Title)
			}
		}
	}
}

var (
	variableUse = regexp.MustCompile(`\$\{?(\w+)`)
	recordedUse = regexp.MustCompile(`\brollcall:\w+(?::\w+)*`)
	recordedAs  = regexp.MustCompile(`(?m)^\s+- record: (\S+)$`)
)

// recorded returns the names of the recording rules.
func recorded(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, found := range recordedAs.FindAllStringSubmatch(readPackaged(t, "prometheus", rulesFile), -1) {
		names[found[1]] = true
	}
	if len(names) == 0 {
		t.Fatal("no recording rules")
	}
	return names
}

// TestDashboardsAskOnlyForWhatThereIs looks up the variables and the recording rules that queries name.
func TestDashboardsAskOnlyForWhatThereIs(t *testing.T) {
	t.Parallel()
	names := recorded(t)
	for name, b := range boards(t) {
		variables := map[string]bool{"__rate_interval": true}
		for _, v := range b.Templating.List {
			variables[v.Name] = true
		}
		if len(b.Templating.List) == 0 || b.Templating.List[0].Type != "datasource" {
			t.Errorf("%s: the data source cannot be chosen", name)
		}
		check := func(where, expr string) {
			for _, found := range variableUse.FindAllStringSubmatch(expr, -1) {
				if !variables[found[1]] {
					t.Errorf("%s: %s: no variable %s", name, where, found[1])
				}
			}
			for _, found := range recordedUse.FindAllString(expr, -1) {
				if !names[found] {
					t.Errorf("%s: %s: nobody records %s", name, where, found)
				}
			}
		}
		for _, v := range b.Templating.List {
			check("variable "+v.Name, v.Definition)
		}
		for i := range b.Panels {
			p := &b.Panels[i]
			for _, target := range p.Targets {
				check(p.Title, target.Expr)
				if p.Datasource.UID != "${datasource}" || target.Datasource.UID != "${datasource}" {
					t.Errorf("%s: %s asks another data source than the chosen one", name, p.Title)
				}
			}
		}
	}
}
