// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a check's texts, in bytes.
const (
	maxNameBytes        = 256
	maxDescriptionBytes = 16 << 10
	maxLabelBytes       = 128
	maxLabels           = 32
)

// DefaultSeverity is that of a check which says nothing about it.
const DefaultSeverity = "medium"

var severities = []string{"info", "low", DefaultSeverity, "high", "critical"}

// Severities lists how bad it may be that a check fails, from least to worst.
func Severities() []string { return slices.Clone(severities) }

// platforms are the contract's, as they stand in a tree.
var platforms = []string{"LINUX", "MACOS", "WINDOWS", "ANDROID", "IOS", "IPADOS", "TVOS"}

// Platforms lists the platforms that a check may be limited to, as they stand in a tree.
func Platforms() []string { return slices.Clone(platforms) }

// Check is a JMESPath compliance check as an administrator defines it.
type Check struct {
	ID                int64 // of this check among JMESPath checks
	ComplianceCheckID int64 // among checks of every sort; events carry it
	Name              string
	Description       string
	Version           int      // starts at 1; see VersionedChange
	SourceName        string   // compared without regard to case
	Platforms         []string // empty: every platform, and machines without one
	Tags              []int64  // tag ids: at least one is needed; empty: no matter
	Expression        string
	Severity          string   // of Severities; empty: DefaultSeverity
	Labels            []string // references such as "CIS 1.2.3"
	EvaluatedVersion  int      // that was evaluated over the whole fleet; below Version: one waits for it
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// InScope reports whether the check applies to a tree from this source, of this
// platform ("" when it has none), of a machine that carries these tags.
func (c *Check) InScope(sourceName, platform string, tags []int64) bool {
	if !strings.EqualFold(c.SourceName, sourceName) {
		return false
	}
	if len(c.Platforms) > 0 && !slices.Contains(c.Platforms, platform) {
		return false
	}
	if len(c.Tags) == 0 {
		return true
	}
	return slices.ContainsFunc(c.Tags, func(tag int64) bool { return slices.Contains(tags, tag) })
}

// FieldErrors maps a field, by its name in the API (platforms[2] for the third
// platform), to what is wrong with it.
type FieldErrors map[string][]string

// Error lists the fields in order.
func (e FieldErrors) Error() string {
	var parts []string
	for field, messages := range e {
		parts = append(parts, field+": "+strings.Join(messages, "; "))
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

func (e FieldErrors) add(field, format string, args ...any) {
	e[field] = append(e[field], fmt.Sprintf(format, args...))
}

// Validate checks everything that a check says about itself and returns nil or
// FieldErrors. That its name is unique and its tags exist is for the store to say.
func (c *Check) Validate() error {
	problems := FieldErrors{}
	problems.text("name", c.Name, maxNameBytes, true)
	problems.text("description", c.Description, maxDescriptionBytes, false)
	problems.text("source_name", c.SourceName, maxNameBytes, true)
	for i, platform := range c.Platforms {
		if !slices.Contains(platforms, platform) {
			problems.add(fmt.Sprintf("platforms[%d]", i), "%q is not a valid choice.", platform)
		}
	}
	for i, tag := range c.Tags {
		if tag < 1 {
			problems.add(fmt.Sprintf("tags[%d]", i), "%d is not a tag id.", tag)
		}
	}
	if c.Severity != "" && !slices.Contains(severities, c.Severity) {
		problems.add("severity", "%q is not a valid choice.", c.Severity)
	}
	problems.labels(c.Labels)
	if c.Expression == "" {
		problems.add("jmespath_expression", "This field is required.")
	} else if _, err := Compile(c.Expression); err != nil {
		problems.add("jmespath_expression", "Invalid JMESPath expression: %v", err)
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

func (e FieldErrors) labels(labels []string) {
	if len(labels) > maxLabels {
		e.add("labels", "More than %d labels.", maxLabels)
		return
	}
	for i, label := range labels {
		e.text(fmt.Sprintf("labels[%d]", i), label, maxLabelBytes, true)
		if slices.Contains(labels[:i], label) {
			e.add(fmt.Sprintf("labels[%d]", i), "%q is there already.", label)
		}
	}
}

func (e FieldErrors) text(field, text string, limit int, required bool) {
	switch {
	case required && strings.TrimSpace(text) == "":
		e.add(field, "This field is required.")
	case len(text) > limit:
		e.add(field, "Longer than %d bytes.", limit)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		e.add(field, "Not valid text.")
	}
}

// VersionedChange reports whether going from one definition to the other gives
// the check a new version: another source, other platforms or another order of
// them, another expression, or another set of tags. Name, description, severity and labels
// do not.
func VersionedChange(before, after *Check) bool {
	return before.SourceName != after.SourceName ||
		!slices.Equal(before.Platforms, after.Platforms) ||
		before.Expression != after.Expression ||
		!slices.Equal(tagSet(before.Tags), tagSet(after.Tags))
}

func tagSet(tags []int64) []int64 {
	set := slices.Clone(tags)
	slices.Sort(set)
	return slices.Compact(set)
}

// Compiled is a check with its expression ready to run. It is safe for
// concurrent use as long as nobody changes the check.
type Compiled struct {
	Check
	Program *Expression
}

// Compile prepares a check. It fails only for an expression that Validate refuses.
func (c Check) Compile() (Compiled, error) {
	program, err := Compile(c.Expression)
	if err != nil {
		return Compiled{}, fmt.Errorf("check %q: %w", c.Name, err)
	}
	return Compiled{Check: c, Program: program}, nil
}

// Affected returns those of checks that read at least one of the changed
// top-level keys, in the order given.
func Affected(checks []Compiled, changed []string) []Compiled {
	var affected []Compiled
	for _, c := range checks {
		if c.Program.reads(changed) {
			affected = append(affected, c)
		}
	}
	return affected
}

func (e *Expression) reads(changed []string) bool {
	if e.all {
		return len(changed) > 0
	}
	return slices.ContainsFunc(changed, func(key string) bool {
		_, found := slices.BinarySearch(e.keys, key)
		return found
	})
}
