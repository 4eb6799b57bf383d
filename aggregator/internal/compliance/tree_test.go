// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// timedTree has rows with an install time, one with nothing else, and rows whose name is no text.
const timedTree = `{
	"platform": "LINUX",
	"os_version": {"name": "Debian", "major": 12},
	"disks": [{"name": "sda", "size": 3}],
	"deb_packages": [
		{"install_time": "2026-01-01T00:00:00"},
		{"version": "9", "install_time": "2026-01-02T00:00:00"},
		{"name": 5, "size": 1, "install_time": "2026-01-03T00:00:00"},
		{"name": "bash", "version": "5", "size": 7, "install_time": "2026-01-04T00:00:00"},
		{"name": "bash", "version": "6", "size": 8},
		{"name": "a-name-of-thirty-two-letters-0002"},
		{"name": "curl", "version": "8", "size": 2, "tags": [{"install_time": "x"}], "install_time": "2026-01-05T00:00:00"},
		"text", null
	]}`

// mapTree is a Tree over a map.
type mapTree map[string]any

func (t mapTree) Value(key string, times bool) any {
	list, ok := t[key].([]any)
	if !ok || times {
		return t[key]
	}
	list = slices.Clone(list)
	for i, r := range list {
		if object, ok := r.(map[string]any); ok {
			object = maps.Clone(object)
			delete(object, "install_time")
			list[i] = object
		}
	}
	return list
}

func (t mapTree) Named(key, name string, times bool) (found []any, others int, ok bool) {
	list, ok := t.Value(key, times).([]any)
	for _, r := range list {
		object, _ := r.(map[string]any)
		if text, isText := object["name"].(string); isText && text != name {
			others++
			continue
		}
		found = append(found, r)
	}
	return found, others, ok
}

func (t mapTree) Whole(times bool) map[string]any {
	whole := map[string]any{}
	for key := range t {
		whole[key] = t.Value(key, times)
	}
	return whole
}

// forms are what expressions about rows are made of; each %s is another of them.
var forms = []string{
	"deb_packages", "deb_packages[?name=='bash']", "deb_packages[?'bash'==name && version!='5']", "deb_packages[?name=='none' || size]",
	"deb_packages[?name=='bash' && install_time > '2026-01-03']", "deb_packages[?name=='bash' && length(version) > `0`].version", "deb_packages[*].install_time",
	"disks[?name=='sda']", "os_version[?name=='x']", "deb_packages[?name=='a-name-of-thirty-two-letters-0001']", "deb_packages[0]", "deb_packages[3]", "deb_packages[1:]", "deb_packages[]", "platform", "`[]`", "`[{}]`", "'bash'", "`1`", "@",
	"length(%s)", "!%s", "(%s || %s)", "(%s && %s)", "[%s, %s]", "{name: %s, size: %s}", "(%s == %s)", "(%s != %s)", "(%s < %s)", "(%s | %s)", "(%s | [0])", "%s[*].name", "%s[-1]",
	"%s[?%s]", "%s[?@]", "%s[?name=='bash']", "%s.name", "%s.*", "%s[]", "to_string(%s)", "to_array(%s)", "to_number(%s)", "type(%s)", "keys(%s)", "values(%s)", "merge(%s, %s)",
	"not_null(%s, %s)", "contains(%s, %s)", "reverse(%s)", "sort(%s)", "max(%s)", "sum(%s)", "sort_by(%s, &size)", "max_by(%s, &%s)", "min_by(%s, &version)", "map(&%s, %s)", "map(&tags, %s)", "join(',', %s)",
}

func aboutRows(t *rapid.T, depth int) string {
	from := forms
	if depth == 0 {
		from = forms[:slices.Index(forms, "length(%s)")]
	}
	form := rapid.SampledFrom(from).Draw(t, "form")
	for strings.Contains(form, "%s") {
		form = strings.Replace(form, "%s", aboutRows(t, depth-1), 1)
	}
	return form
}

// TestATreeThatIsBuiltLazilyGivesTheSame holds EvaluateTree against Evaluate, step by step.
func TestATreeThatIsBuiltLazilyGivesTheSame(t *testing.T) {
	t.Parallel()
	var tree map[string]any
	if err := json.Unmarshal([]byte(timedTree), &tree); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		source := aboutRows(rt, rapid.IntRange(0, 3).Draw(rt, "depth"))
		e, err := Compile(source)
		if err != nil {
			rt.Skip(err)
		}
		whole, lazy := &meter{left: maxSteps}, &meter{left: maxSteps, tree: mapTree(tree), times: e.times}
		var current any = root{}
		if e.all {
			current = mapTree(tree).Whole(e.times)
		}
		want, wantErr := e.spend(whole, tree)
		got, gotErr := e.spend(lazy, current)
		if !reflect.DeepEqual(got, want) || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			rt.Fatalf("%s: got %v (%v), want %v (%v)", source, got, gotErr, want, wantErr)
		}
		if lazy.left != whole.left {
			rt.Fatalf("%s: got %d steps, want %d", source, maxSteps-lazy.left, maxSteps-whole.left)
		}
	})
}

func TestWhatSeesInstallTimes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expression string
		want       bool
	}{
		{"length(deb_packages[?name=='bash' && version!='0']) > `0`", false},
		{"length(deb_packages) > `10`", false},
		{"length(deb_packages || `[]`) == `0`", false},
		{"deb_packages != `null` && contains(deb_packages[*].name, 'bash')", false},
		{"(deb_packages[?name=='bash'] | [0].version) >= '5'", false},
		{"sort_by(deb_packages, &size)[-1].name == 'bash'", false},
		{"length(keys(@)) > `0`", false},
		{"length(map(&name, deb_packages)) == `1`", false},
		{"os_version.major >= `12` && platform == 'LINUX'", false},
		{"deb_packages[*].[name, version] == `[]`", false},
		{"length(deb_packages[?install_time > '2026']) > `0`", true},
		{"max_by(deb_packages, &install_time).name == 'bash'", true},
		{"deb_packages == `[]` || deb_packages == `null` || deb_packages[0] == `5`", false},
		{"deb_packages[:1] == `[{}]`", true},
		{"deb_packages[0] == `{}`", true},
		{"deb_packages[0]", true},
		{"length(deb_packages[0]) == `3`", true},
		{"length(deb_packages[0].*) == `3`", true},
		{"contains(deb_packages, `{\"name\":\"bash\"}`)", true},
		{"deb_packages[0] == deb_packages[1]", true},
		{"length(values(deb_packages[0])) == `3`", true},
		{"length(*[][]) == `3`", true}, // the lists themselves are the result of *
		{"length(to_string(@)) > `3`", true},
		{"length(deb_packages[?@]) > `3`", true}, // a row may have nothing else
	}
	for _, tt := range tests {
		e, err := Compile(tt.expression)
		if err != nil {
			t.Fatalf("%s: %v", tt.expression, err)
		}
		if e.times != tt.want {
			t.Errorf("%s: got %v, want %v", tt.expression, e.times, tt.want)
		}
	}
}

func TestNoInstallTimeIsMissed(t *testing.T) {
	t.Parallel()
	for _, kind := range snapshot.Kinds() {
		if kind.Fact == nil {
			continue
		}
		if f := asset.MembershipField(kind.Fact); f != nil && (kind.Single || !slices.Contains(timeKeys, string(f.Name()))) {
			t.Errorf("%s: rows have %s", kind.Name, f.Name())
		}
	}
}
