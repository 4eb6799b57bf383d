// SPDX-License-Identifier: Apache-2.0

package checkfile_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/checkfile"
)

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAFileHasChecksInItsOrder(t *testing.T) {
	t.Parallel()
	const file = `# ours
- name: disk is encrypted
  description: |
    Two
    lines.
  severity: high
  labels: [CIS 1.2.3, "ISO 27001"]
  source_name: rollcall
  platforms: [LINUX, MACOS]
  tags: [Berlin]
  jmespath_expression: >-
    length(disks[?encryption_status == 'encrypted'])
    > ` + "`0`" + `
- {name: short, source_name: rollcall, jmespath_expression: "certificates[?valid_until < '{{today+30d}}'] == ` + "`[]`" + `"}
---
name: alone
source_name: rollcall
jmespath_expression: "'{{ today }}' > '{{today-1d}}'"
`
	got, err := checkfile.Parse("c.yaml", []byte(file), today)
	if err != nil {
		t.Fatal(err)
	}
	want := []checkfile.Check{
		{
			File: "c.yaml", Line: 2, Name: "disk is encrypted", Description: "Two\nlines.", Severity: "high", Labels: []string{"CIS 1.2.3", "ISO 27001"},
			SourceName: "rollcall", Platforms: []string{"LINUX", "MACOS"}, Tags: []string{"Berlin"},
			Expression: "length(disks[?encryption_status == 'encrypted']) > `0`",
		},
		{
			File: "c.yaml", Line: 14, Name: "short", Severity: "medium", SourceName: "rollcall",
			Expression: "certificates[?valid_until < '2026-03-31'] == `[]`",
		},
		{File: "c.yaml", Line: 16, Name: "alone", Severity: "medium", SourceName: "rollcall", Expression: "'2026-03-01' > '2026-02-28'"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSlipsAreToldWithFileLineAndCheck(t *testing.T) {
	t.Parallel()
	with := func(line string) string {
		return "- name: a\n  source_name: s\n  jmespath_expression: ok\n" + line
	}
	tests := []struct{ name, file, says string }{
		{"unknown key", with("  severty: high\n"), `c.yaml:4: check "a": unknown key "severty"`},
		{"twice", with("  name: b\n"), `c.yaml:4: check "a": name stands twice`},
		{"severity", with("  severity: awful\n"), `c.yaml:1: check "a": severity: "awful" is not a valid choice`},
		{"platform", with("  platforms: [BSD]\n"), `platforms[0]: "BSD"`},
		{"not a text", with("  description: 1\n"), `c.yaml:4: check "a": description: a text is needed`},
		{"not a list", with("  tags: Berlin\n"), `tags: a list of texts`},
		{"number in a list", with("  labels: [1.2]\n"), `labels: a text`},
		{"twice in a list", with("  labels: [a, a]\n"), `"a" stands twice`},
		{"empty in a list", with("  tags: ['']\n"), `an empty text`},
		{"anchor", with("  tags: &x [b]\n"), "a list of texts"},
		{"alias", "- &x\n  name: a\n  source_name: s\n  jmespath_expression: ok\n- *x\n", "c.yaml:5: a check has keys"},
		{"merge", with("  <<: {severity: high}\n"), "unknown key \"<<\""},
		{"expression", "- name: a\n  source_name: s\n  jmespath_expression: 'a['\n", `c.yaml:1: check "a": jmespath_expression: Invalid JMESPath expression`},
		{"no expression", "- name: a\n  source_name: s\n", "jmespath_expression: This field is required"},
		{"no name", "- source_name: s\n  jmespath_expression: ok\n", "c.yaml:1: name: This field is required"},
		{"no source", "- name: a\n  jmespath_expression: ok\n", "source_name: This field is required"},
		{"day", with("  description: x\n") + "- name: b\n  source_name: s\n  jmespath_expression: \"'{{tomorrow}}' > '1'\"\n", `c.yaml:5: check "b": jmespath_expression: write a day`},
		{"a text", "just a text\n", "c.yaml:1: a list of checks"},
		{"texts", "- a\n", "c.yaml:1: a check has keys"},
		{"broken", "- name: [\n", "c.yaml: yaml: line"},
		{"tab", "\t- name: a", "c.yaml: yaml:"},
		{"too large", strings.Repeat("#", checkfile.MaxBytes+1), "more than 1048576 bytes"},
		{"too many", strings.Repeat("- {name: a, source_name: s, jmespath_expression: ok}\n", 1001), "c.yaml:1001: more than 1000 checks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checks, err := checkfile.Parse("c.yaml", []byte(tt.file), today)
			if err == nil || !strings.Contains(err.Error(), tt.says) || checks != nil {
				t.Errorf("got %v, %v, want %q", checks, err, tt.says)
			}
		})
	}
}

func TestEverySlipIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := checkfile.Parse("c.yaml", []byte("- {name: a, what: 1}\n- {name: b, jmespath_expression: 'a['}\n"), today)
	if err == nil || !strings.Contains(err.Error(), "c.yaml:1") || !strings.Contains(err.Error(), "c.yaml:2") {
		t.Errorf("got %v", err)
	}
}

func TestANameStandsOnce(t *testing.T) {
	t.Parallel()
	checks := []checkfile.Check{{File: "a.yaml", Line: 1, Name: "x"}, {File: "a.yaml", Line: 5, Name: "y"}, {File: "b.yaml", Line: 2, Name: "x"}}
	if err := checkfile.Unique(checks[:2]); err != nil {
		t.Error(err)
	}
	err := checkfile.Unique(checks)
	if e, ok := errors.AsType[*checkfile.Error](err); !ok || e.File != "b.yaml" || e.Line != 2 || e.Check != "x" || !strings.Contains(err.Error(), "a.yaml:1") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"- {name: a, source_name: s, jmespath_expression: ok}\n", "name: a\nsource_name: s\njmespath_expression: \"'{{today+1d}}' < '2'\"\n---\n[]\n",
		"- &a [*a]\n", "- ? [a]\n  : b\n", "a: &a [x, x]\nb: *a", "--- !!binary aGk=\n", "- name: \"\\0\"\n", "{{today}}", "- <<: {name: a}\n", "- !!map {name: !!str 1}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		checks, err := checkfile.Parse("f", raw, today)
		if err != nil && checks != nil {
			t.Errorf("checks beside %v", err)
		}
		for i := range checks {
			if checks[i].Name == "" || checks[i].Expression == "" || checks[i].Line < 1 || strings.Contains(checks[i].Expression, "{{") {
				t.Errorf("got %+v", checks[i])
			}
		}
	})
}
