// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// sampleTree is a small machine in the form of the normalised tree.
const sampleTree = `{
	"source": {"module": "rollcall.agent", "name": "rollcall"},
	"serial_number": "S-1", "platform": "LINUX", "type": "VM",
	"os_version": {"name": "Debian GNU/Linux", "major": 12},
	"system_info": {"hostname": "web-1", "physical_memory": 8589934592},
	"disks": [{"name": "sda", "size": 3}, {"name": "sdb", "size": 1}],
	"deb_packages": [
		{"name": "bash", "version": "5.2"}, {"name": "curl", "version": "7.88"}, {"name": "zlib1g", "version": "1.2"}
	],
	"certificates": [{"common_name": "a", "valid_until": "2026-01-01T00:00:00"}],
	"extra_facts": {"role": null, "list": []}
}`

func sample(t testing.TB) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal([]byte(sampleTree), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestOnlyABooleanDecides(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, expression string
		want             Status
		err              error // nil: any
	}{
		{"true", "length(deb_packages[?name=='bash']) > `0`", StatusOK, nil},
		{"false", "length(deb_packages[?name=='telnetd']) > `0`", StatusFailed, nil},
		{"contains", "contains(deb_packages[*].name, 'curl')", StatusOK, nil},
		{"integers are numbers", "system_info.physical_memory > `8000000000`", StatusOK, nil},
		{"dates are ordered as text", "length(certificates[?valid_until < '2026-06-01']) == `1`", StatusOK, nil},
		{"a string and a number have no order", "serial_number > `1`", StatusUnknown, ErrNotBoolean},
		{"a missing section", "ec2_instance_metadata", StatusUnknown, ErrNotBoolean},
		{"a number", "length(disks)", StatusUnknown, ErrNotBoolean},
		{"a list", "disks[*].name", StatusUnknown, ErrNotBoolean},
		{"the string true", "'true'", StatusUnknown, ErrNotBoolean},
		{"an error", "length(ec2_instance_metadata)", StatusUnknown, nil},
		{"a step of 0", "disks[::0]", StatusUnknown, nil},
		{"a literal", "`true`", StatusOK, nil},
		{"an empty average is null", "avg(`[]`) == null", StatusOK, nil},
		{"objects can be searched for", "contains(disks, {name: 'sda', size: `3`})", StatusOK, nil},
		{"sorting", "sort_by(disks, &size)[0].name == 'sdb'", StatusOK, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := Compile(tt.expression)
			if err != nil {
				t.Fatal(err)
			}
			got := e.Evaluate(sample(t))
			if got.Status != tt.want {
				t.Errorf("status %v (%v), want %v", got.Status, got.Err, tt.want)
			}
			if known := got.Status != StatusUnknown; known != (got.Err == nil) {
				t.Errorf("status %v with error %v", got.Status, got.Err)
			}
			if tt.err != nil && !errors.Is(got.Err, tt.err) {
				t.Errorf("error %v, want %v", got.Err, tt.err)
			}
		})
	}
}

func TestASyntaxErrorHasItsPosition(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expression string
		offset     int
	}{
		{"deb_packages[", 13},
		{"", 0},
		{"a.b.", 4},
		{"a == ", 5},
		{"a = b", 2},
		{"é", 0},
		{"a.é", 2},
		{"foo['a", 6},
		{"a || `{`", 5},
		{"a || `1", 7},
		{`a."\x"`, 2},
		{"a[99999999999]", 2},
		{"a[-]", 2},
		{"a\x00b", 1},
		{"a.\xff", 2},
		{"a || nope(b)", 5},
		{"length(a) > length(a, b)", 12},
		{"map(a, b)", 0},
		{"sort_by(a, b)", 0},
		{"length(&a)", 0},
		{"&a", 2},
		{"[0](a)", 6},
		{strings.Repeat("(", 65), 64},
		{strings.Repeat("!", 65) + "a", 64},
		{strings.Repeat("a", maxExpressionBytes+1), maxExpressionBytes},
	}
	for _, tt := range tests {
		_, err := Compile(tt.expression)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40q: got %v, want a SyntaxError", tt.expression, err)
			continue
		}
		if syntax.Offset != tt.offset {
			t.Errorf("%.40q: %v, want position %d", tt.expression, err, tt.offset)
		}
	}
}

func TestReadsNamesTheKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expression string
		want       []string
		all        bool
	}{
		{"length(deb_packages[?name=='bash']) > `0`", []string{"deb_packages"}, false},
		{"platform == 'LINUX' && os_version.major >= `12`", []string{"os_version", "platform"}, false},
		{"@.disks | [0].name", []string{"disks"}, false},
		{"{d: disks, p: deb_packages[*].name} | d[0]", []string{"deb_packages", "disks"}, false},
		{"\"os_version\".name", []string{"os_version"}, false},
		{"disks[?contains(@.name, label)]", []string{"disks"}, false},
		{"not_null(imei, meid)", []string{"imei", "meid"}, false},
		{"`true`", nil, false},
		{"(@).imei", []string{"imei"}, false},
		{"@", nil, true},
		{"*", nil, true},
		{"*.name", nil, true},
		{"keys(@)", nil, true},
		{"[@][0].imei", nil, true},
		{"@[]", nil, true},
		{"(imei || @).meid", nil, true},
		{"map(&@, to_array(@))", nil, true},
		{"@ == `{}`", nil, true},
		{"!@", nil, true},
		{"[?a]", nil, true},
	}
	for _, tt := range tests {
		e, err := Compile(tt.expression)
		if err != nil {
			t.Errorf("%s: %v", tt.expression, err)
			continue
		}
		keys, all := e.Reads()
		if all != tt.all || (len(keys)+len(tt.want) > 0 && !reflect.DeepEqual(keys, tt.want)) {
			t.Errorf("%s reads %v %v, want %v %v", tt.expression, keys, all, tt.want, tt.all)
		}
	}
}

// TestExpensiveExpressionsEnd runs expressions whose honest evaluation would
// take hours or all of the memory.
func TestExpensiveExpressionsEnd(t *testing.T) {
	t.Parallel()
	tree := wideTree(20_000)
	for _, expression := range []string{
		"{a: [@,@]" + strings.Repeat("|[@,@]", 60) + ", b: [@,@]" + strings.Repeat("|[@,@]", 60) + "} | a == b",
		"[@,@]" + strings.Repeat("|[@,@]", 60) + "|to_string(@)",
		"(deb_packages[][]" + strings.Repeat("|[@,@][]", 60) + ")|length(@)",
		"'x'" + strings.Repeat("|join(@,[@,@,@])", 40) + "|length(@)",
		"length([@,@]" + strings.Repeat("|[@,@]", 60) + "|starts_with(@, 'a'))",
		"sort_by(deb_packages, &to_string([@,@,@,@])) == deb_packages",
		"deb_packages[*].[to_string(@), to_string(@), reverse(to_string(@))] | length(@)",
		"{a: @, b: @}" + strings.Repeat("|{a: @, b: @}", 60) + "|to_string(values(@))",
	} {
		e, err := Compile(expression)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		if got := e.Evaluate(tree); got.Status != StatusUnknown {
			t.Errorf("%.60s: got %v", expression, got.Status)
		}
	}
}

func TestAnEndlessValueIsNotShown(t *testing.T) {
	t.Parallel()
	e, err := Compile("[@,@]" + strings.Repeat("|[@,@]", 60))
	if err != nil {
		t.Fatal(err)
	}
	got := e.Evaluate(sample(t))
	if got.Value != nil || !errors.Is(got.Err, ErrNotBoolean) {
		t.Errorf("got %v with a value %t", got.Err, got.Value != nil)
	}
}

func TestEvaluationLeavesTheTreeAlone(t *testing.T) {
	t.Parallel()
	tree := sample(t)
	for _, expression := range []string{
		"sort_by(disks, &size)", "sort(disks[*].name)", "reverse(disks)", "disks[][]", "merge(os_version, system_info)", "disks[::-1]",
	} {
		e, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		e.Evaluate(tree)
		if !reflect.DeepEqual(tree, sample(t)) {
			t.Fatalf("%s changed the tree", expression)
		}
	}
}

func wideTree(packages int) map[string]any {
	list := make([]any, packages)
	for i := range list {
		list[i] = map[string]any{"name": "package", "version": "1." + string(rune('a'+i%26)), "arch": "amd64", "size": float64(i)}
	}
	return map[string]any{"deb_packages": list, "platform": "LINUX"}
}

func BenchmarkEvaluate(b *testing.B) {
	tree := wideTree(2_000)
	for _, expression := range []string{
		"length(deb_packages[?name=='bash']) > `0`",
		"contains(deb_packages[*].name, 'bash')",
	} {
		e, err := Compile(expression)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(expression, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Evaluate(tree)
			}
		})
	}
}
