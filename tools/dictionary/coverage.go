// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// systems are those that the agent runs on, by the names of the table, in the order of the page.
var systems = []string{"linux", "macos", "windows"}

// shown is how a system is written.
var shown = map[string]string{"linux": "Linux", "macos": "macOS", "windows": "Windows"}

// coverage is the table of what is collected where; coverage.yaml describes it.
type coverage struct {
	Reasons []string
	Plain   map[string]string
	Kinds   map[string]kind
	LeftOut []leftOut `yaml:"left_out"`
	Agent   []struct{ Field, Why string }
}

// kind is what the table says about one section.
type kind struct {
	Why, Note, Collector string
	Not                  reasons
	Unfilled             map[string]reasons
}

// leftOut is something that others collect.
type leftOut struct{ What, Of, Reason, Sync string }

// reasons are sentences by system; all stands for each of them.
type reasons map[string]string

// on returns the reason for a system, "" when there is none.
func (r reasons) on(system string) string {
	if text := r["all"]; text != "" {
		return text
	}
	return r[system]
}

// readCoverage reads the table.
func readCoverage(path string) (coverage, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return coverage{}, err
	}
	var c coverage
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// check holds the table against the model.
func (c coverage) check(m model) error {
	if err := sameNames("plain key", c.Plain, m.sections(false)); err != nil {
		return err
	}
	if err := sameNames("kind", c.Kinds, m.sections(true)); err != nil {
		return err
	}
	for _, f := range m.sections(true) {
		if err := c.Kinds[f.name].check(m.under(f.typ, "")); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// sameNames holds the keys of a part of the table against the fields that it is about.
func sameNames[V any](what string, table map[string]V, fields []field) error {
	var want []string
	for _, f := range fields {
		want = append(want, f.name)
		if _, ok := table[f.name]; !ok {
			return fmt.Errorf("no %s %s", what, f.name)
		}
	}
	for name := range table {
		if !slices.Contains(want, name) {
			return fmt.Errorf("%s %s is not in the model", what, name)
		}
	}
	return nil
}

// check holds a kind against its fields.
func (k kind) check(fields []field) error {
	if k.Why == "" {
		return fmt.Errorf("nothing says why it is collected")
	}
	if err := k.Not.check(); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(k.Unfilled)) {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.path == path }) {
			return fmt.Errorf("no such field: %s", path)
		}
		if err := k.Unfilled[path].check(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, s := range systems {
			if k.Not.on(s) != "" && k.Unfilled[path][s] != "" {
				return fmt.Errorf("%s: the kind is not collected on %s at all", path, s)
			}
		}
	}
	return nil
}

// check refuses other systems, and what is no sentence.
func (r reasons) check() error {
	for system, text := range r {
		if system != "all" && !slices.Contains(systems, system) {
			return fmt.Errorf("no such system: %s", system)
		}
		if !strings.HasSuffix(text, ".") {
			return fmt.Errorf("not a sentence: %q", text)
		}
	}
	return nil
}

// unfilled returns why a system leaves a field of the kind open, "" where it is filled.
func (k kind) unfilled(path, system string) string {
	for {
		if reason := k.Unfilled[path].on(system); reason != "" {
			return reason
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return ""
		}
		path = path[:i]
	}
}
