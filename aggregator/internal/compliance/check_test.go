// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestStatusesHaveTheContractsNumbersAndNames(t *testing.T) {
	t.Parallel()
	want := map[Status]string{0: "OK", 100: "PENDING", 200: "UNKNOWN", 300: "FAILED", 400: "OUT_OF_SCOPE", 7: "7"}
	for status, name := range want {
		if got := status.String(); got != name {
			t.Errorf("%d is called %s, want %s", int(status), got, name)
		}
	}
}

func TestOverallIsTheWorst(t *testing.T) {
	t.Parallel()
	if _, ok := Overall(nil); ok {
		t.Error("no statuses gave a status")
	}
	if got, _ := Overall([]Status{StatusOK, StatusFailed, StatusUnknown}); got != StatusFailed {
		t.Errorf("got %v, want FAILED", got)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		check    Check
		source   string
		platform string
		tags     []int64
		want     bool
	}{
		{"source name without case", Check{SourceName: "OsQuery"}, "osquery", "LINUX", nil, true},
		{"another source", Check{SourceName: "munki"}, "osquery", "LINUX", nil, false},
		{"no platforms: every platform", Check{SourceName: "s"}, "s", "", nil, true},
		{"its platform", Check{SourceName: "s", Platforms: []string{"MACOS", "LINUX"}}, "s", "LINUX", nil, true},
		{"another platform", Check{SourceName: "s", Platforms: []string{"MACOS"}}, "s", "LINUX", nil, false},
		{"platform unknown", Check{SourceName: "s", Platforms: []string{"MACOS"}}, "s", "", nil, false},
		{"one tag is enough", Check{SourceName: "s", Tags: []int64{1, 2}}, "s", "", []int64{2, 3}, true},
		{"no tag of it", Check{SourceName: "s", Tags: []int64{1, 2}}, "s", "", []int64{3}, false},
		{"no tags on the machine", Check{SourceName: "s", Tags: []int64{1}}, "s", "", nil, false},
	}
	for _, tt := range tests {
		if got := tt.check.InScope(tt.source, tt.platform, tt.tags); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestValidateNamesEveryField(t *testing.T) {
	t.Parallel()
	good := Check{Name: "n", SourceName: "s", Expression: "`true`", Platforms: []string{"LINUX"}, Tags: []int64{1}}
	if err := good.Validate(); err != nil {
		t.Errorf("a good check: %v", err)
	}
	bad := Check{
		Name: " ", SourceName: strings.Repeat("s", 300), Description: "a\x00", Platforms: []string{"LINUX", "BSD"},
		Tags: []int64{0}, Expression: "deb_packages[",
	}
	var problems FieldErrors
	if !errors.As(bad.Validate(), &problems) {
		t.Fatalf("got %v, want FieldErrors", bad.Validate())
	}
	want := []string{"description", "jmespath_expression", "name", "platforms[1]", "source_name", "tags[0]"}
	if got := slices.Sorted(maps.Keys(problems)); !reflect.DeepEqual(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	if got := problems["jmespath_expression"][0]; !strings.Contains(got, "at position 13") {
		t.Errorf("no position in %q", got)
	}
	if got, want := problems["platforms[1]"][0], `"BSD" is not a valid choice.`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatGivesANewVersion(t *testing.T) {
	t.Parallel()
	base := Check{Name: "n", SourceName: "s", Platforms: []string{"LINUX", "MACOS"}, Tags: []int64{1, 2}, Expression: "a"}
	tests := []struct {
		name string
		edit func(*Check)
		want bool
	}{
		{"nothing", func(*Check) {}, false},
		{"name", func(c *Check) { c.Name = "m" }, false},
		{"description", func(c *Check) { c.Description = "d" }, false},
		{"order of tags", func(c *Check) { c.Tags = []int64{2, 1, 1} }, false},
		{"tags", func(c *Check) { c.Tags = []int64{2} }, true},
		{"source name", func(c *Check) { c.SourceName = "S" }, true},
		{"order of platforms", func(c *Check) { c.Platforms = []string{"MACOS", "LINUX"} }, true},
		{"expression", func(c *Check) { c.Expression = "a " }, true},
	}
	for _, tt := range tests {
		after := base
		tt.edit(&after)
		if got := VersionedChange(&base, &after); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOnlyReadersOfAChangedKeyAreAffected(t *testing.T) {
	t.Parallel()
	var checks []Compiled
	for i, expression := range []string{"disks", "deb_packages[0] && platform", "keys(@)", "`true`"} {
		c, err := Check{ID: int64(i), Expression: expression}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, c)
	}
	tests := []struct {
		changed []string
		want    []int64
	}{
		{nil, nil},
		{[]string{"platform"}, []int64{1, 2}},
		{[]string{"users", "disks"}, []int64{0, 2}},
	}
	for _, tt := range tests {
		var got []int64
		for _, c := range Affected(checks, tt.changed) {
			got = append(got, c.ID)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.changed, got, tt.want)
		}
	}
}
