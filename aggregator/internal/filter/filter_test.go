// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
)

func TestNormalForm(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", "  ", ""},
		{"a word", "Web-1", "web-1"},
		{"words are one text", "my  Mac", `"my mac"`},
		{"a keyword in quotes is a text", `"AND"`, `"and"`},
		{"equals is a colon", "platform = LINUX", "platform:linux"},
		{"field names in any case", "Platform:x", "platform:x"},
		{"different is a negation", "platform!=LINUX", "NOT platform:linux"},
		{"two negations are none", "NOT NOT tag:a", "tag:a"},
		{"AND binds closer", "tag:a OR tag:b AND tag:c", "tag:a OR tag:b AND tag:c"},
		{"parentheses that matter", "(tag:a OR tag:b) AND tag:c", "(tag:a OR tag:b) AND tag:c"},
		{"parentheses that do not", "((tag:a AND tag:b) AND (tag:c))", "tag:a AND tag:b AND tag:c"},
		{"software joined by AND is one asset", "software.name:a AND tag:t AND software.version<2", "software.name:a AND software.version<2 AND tag:t"},
		{"software in parentheses is another", "software.name:a AND (software.name:b)", "software.name:a AND (software.name:b)"},
		{"NOT is a group", "software.name:a AND NOT software.version:1", "software.name:a AND NOT software.version:1"},
		{"software that differs", "software.name!=a", "software.name!=a"},
		{"a version keeps its case", "software.version>=1.0A", "software.version>=1.0A"},
		{"an epoch needs no quotes", "software.version<1:2.0-1", `software.version<"1:2.0-1"`},
		{"wildcards", `tag:**a*`, `tag:*a*`},
		{"escaped wildcard", `tag:a\*b`, `tag:"a\*b"`},
		{"quotes hold everything", `tag:"a \"b\" (c)\\ *"`, `tag:"a \"b\" (c)\\ *"`},
		{"an empty value", `platform:""`, `platform:""`},
		{"a check with its status", `check:"bash is there" = failed`, `check:"bash is there" = FAILED`},
		{"a check with another status", `check:x != OK`, `NOT check:x = OK`},
		{"a check of any status", `check:x`, `check:x`},
		{"the worst status", "status:FAILED", "status:FAILED"},
		{"ages", "last_seen<168h AND last_seen>90s", "last_seen<1w AND last_seen>90s"},
		{"moments", "last_seen>=2026-03-04 OR last_seen<2026-03-04T05:06:07+01:00", "last_seen>=2026-03-04T00:00:00Z OR last_seen<2026-03-04T04:06:07Z"},
		{"no space around operators", "tag:a AND(tag:b)", "tag:a AND tag:b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := filter.Parse(tt.text)
			if got := filter.String(n); err != nil || got != tt.want {
				t.Fatalf("got %s, %v, want %s", got, err, tt.want)
			}
			again, err := filter.Parse(tt.want)
			if err != nil || !reflect.DeepEqual(n, again) {
				t.Errorf("the normal form is another filter: %#v, %v, want %#v", again, err, n)
			}
		})
	}
}

func TestErrorsSayWhereAndWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text     string
		position int
		says     string
	}{
		{"platform:", 9, "a value"},
		{"platform:LINUX AND", 18, "a field, a word"},
		{"(tag:a", 6, "closing parenthesis"},
		{"tag:a)", 5, "AND, OR or the end"},
		{"tag:a and tag:b", 6, "capitals"},
		{"tag:a tag:b", 6, "AND, OR"},
		{"colour:red", 0, `unknown field "colour"; there are serial_number`},
		{"public_ip:1.2.3.4", 0, "private"},
		{"tag:a AND platform<LINUX", 18, "no order"},
		{"last_seen:7d", 9, "compared with <"},
		{"last_seen<soon", 10, "7d"},
		{"last_seen<99999999w", 10, "7d"},
		{"software.version<1*", 17, "whole version"},
		{"status:FINE", 7, "OK, UNKNOWN or FAILED"},
		{"check:a < FAILED", 8, "= or !="},
		{"check:a = ", 10, "a status"},
		{"check:a != AND", 11, "OK, UNKNOWN"},
		{`tag:"a`, 4, "not closed"},
		{`tag:a\`, 5, "backslash"},
		{"*", 0, "no text"},
		{"tag:a=b", 5, "quoted"},
		{strings.Repeat("(", filter.MaxDepth+1), filter.MaxDepth, "nest"},
		{strings.Repeat("NOT ", filter.MaxDepth+2) + "a", 4 * (filter.MaxDepth + 1), "nest"},
		{"a" + strings.Repeat(" OR a", filter.MaxTerms), 5 * filter.MaxTerms, "64 terms"},
		{strings.Repeat("a", filter.MaxBytes+1), filter.MaxBytes, "bytes"},
		{"a\xff", 0, "valid text"},
	}
	for _, tt := range tests {
		_, err := filter.Parse(tt.text)
		position, ok := filter.PositionOf(err)
		if !ok || position != tt.position || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%.40q: got %v, want byte %d and %q", tt.text, err, tt.position, tt.says)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, text string
		match, within bool
	}{
		{"ab", "ab", true, true},
		{"ab", "xabx", false, true},
		{"a*", "abc", true, true},
		{"*c", "abc", true, true},
		{"a*a", "a", false, false},
		{"a*b*c", "a-b-c", true, true},
		{"a*b*c", "acb", false, false},
		{"a*a*a", "aa", false, false},
		{"tag*", "", false, false},
		{`x\*`, "x*", true, true},
		{`x\*`, "xy", false, false},
	}
	for _, tt := range tests {
		n, err := filter.Parse("tag:" + tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		p := n.(filter.Term).Value
		if p.Match(tt.text) != tt.match || p.Within(tt.text) != tt.within {
			t.Errorf("%s, %s: got %v, %v", tt.pattern, tt.text, p.Match(tt.text), p.Within(tt.text))
		}
	}
}

// TestPrintedFiltersParse makes texts of the language's own words: whatever parses has a normal form that parses into
// the same tree.
func TestPrintedFiltersParse(t *testing.T) {
	t.Parallel()
	words := []string{
		"(", ")", "AND", "OR", "NOT", "tag:a", `tag:"b c*"`, "software.name:x", "software.version<2", "software.version!=3",
		"check:c = OK", "check:d", "status:FAILED", "last_seen<7d", "word", "platform!=LINUX", `"quoted text"`,
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 15).Draw(t, "words"), " ")
		n, err := filter.Parse(text)
		if err != nil {
			return
		}
		again, err := filter.Parse(filter.String(n))
		if err != nil || !reflect.DeepEqual(n, again) {
			t.Fatalf("%s became %s: %v", text, filter.String(n), err)
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"", "web", "platform:LINUX AND software.name:openssl AND software.version<3.0.11", `check:"a b" = FAILED OR NOT (tag:x*)`,
		"last_seen<7d", `"\"`, "((((", "a OR b AND NOT c", "tag:a\\*", "last_seen>2026-03-04T05:06:07Z", "İ", "software.name:a AND (software.name:b)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := filter.Parse(text)
		if err != nil {
			if position, ok := filter.PositionOf(err); !ok || position < 0 || position > len(text) {
				t.Fatalf("%q: %v is nowhere", text, err)
			}
			return
		}
		normal := filter.String(n)
		if len(normal) > filter.MaxBytes { // quotes and long names may take it past the bound
			return
		}
		again, err := filter.Parse(normal)
		if err != nil || !reflect.DeepEqual(n, again) {
			t.Fatalf("%q became %q: %#v, %v, want %#v", text, normal, again, err, n)
		}
	})
}
