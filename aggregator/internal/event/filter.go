// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Filter chooses events. What is empty does not matter; of a list one has to fit, and of the fields all. Heartbeats
// have to be asked for: by type, or by their tag.
type Filter struct {
	Types       []string `json:"types,omitempty"`
	Tags        []string `json:"tags,omitempty"`         // of the event: machine_update, compliance_check …
	Sources     []string `json:"sources,omitempty"`      // names of sources, without regard to case
	Platforms   []string `json:"platforms,omitempty"`    // as they stand in a tree
	MachineTags []int64  `json:"machine_tags,omitempty"` // ids
	Expression  string   `json:"expression,omitempty"`   // JMESPath over the payload: exactly true lets it through
}

// Bounds of a filter.
const (
	maxFilterList = 500
	maxFilterText = 256 // bytes
)

// Compile prepares a filter. It fails with compliance.FieldErrors, which name fields as in JSON.
func (f *Filter) Compile() (*Matcher, error) {
	problems := compliance.FieldErrors{}
	for i, name := range f.Types[:min(len(f.Types), maxFilterList)] {
		if _, ok := classOf(name); !ok {
			refuse(problems, fmt.Sprintf("types[%d]", i), "%q is no event type", shortened(name))
		}
	}
	checkTexts(problems, "tags", f.Tags)
	checkTexts(problems, "sources", f.Sources)
	for i, platform := range f.Platforms[:min(len(f.Platforms), maxFilterList)] {
		if !slices.Contains(compliance.Platforms(), platform) {
			refuse(problems, fmt.Sprintf("platforms[%d]", i), "%q is not a valid choice.", shortened(platform))
		}
	}
	for i, tag := range f.MachineTags[:min(len(f.MachineTags), maxFilterList)] {
		if tag < 1 {
			refuse(problems, fmt.Sprintf("machine_tags[%d]", i), "%d is not a tag id.", tag)
		}
	}
	f.checkLengths(problems)
	m := &Matcher{filter: *f}
	m.changes = slices.ContainsFunc(append(Types(), f.Types...), func(name string) bool { return isChange(name) && m.Wants(name) })
	if f.Expression != "" {
		var err error
		if m.expression, err = compliance.Compile(f.Expression); err != nil {
			refuse(problems, "expression", "Invalid JMESPath expression: %v", err)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return m, nil
}

func (f *Filter) checkLengths(problems compliance.FieldErrors) {
	for field, n := range map[string]int{
		"types": len(f.Types), "tags": len(f.Tags), "sources": len(f.Sources), "platforms": len(f.Platforms),
		"machine_tags": len(f.MachineTags),
	} {
		if n > maxFilterList {
			refuse(problems, field, "%d entries, the limit is %d", n, maxFilterList)
		}
	}
}

func checkTexts(problems compliance.FieldErrors, field string, texts []string) {
	for i, text := range texts[:min(len(texts), maxFilterList)] {
		switch {
		case strings.TrimSpace(text) == "":
			refuse(problems, fmt.Sprintf("%s[%d]", field, i), "This field may not be blank.")
		case len(text) > maxFilterText:
			refuse(problems, fmt.Sprintf("%s[%d]", field, i), "Longer than %d bytes.", maxFilterText)
		case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
			refuse(problems, fmt.Sprintf("%s[%d]", field, i), "Not valid text.")
		}
	}
}

func refuse(problems compliance.FieldErrors, field, format string, args ...any) {
	problems[field] = append(problems[field], fmt.Sprintf(format, args...))
}

// shortened keeps a refusal readable.
func shortened(text string) string {
	if len(text) <= maxFilterText {
		return text
	}
	return strings.ToValidUTF8(text[:maxFilterText], "") + "…"
}

// Matcher is a filter that is ready to choose. It is safe for concurrent use; nil lets everything through.
type Matcher struct {
	filter     Filter
	expression *compliance.Expression
	changes    bool // it wants some event about a change
}

// Wants reports whether an event of this type may come through: false spares whoever makes events reading what they
// are made of.
func (m *Matcher) Wants(name string) bool {
	if m == nil {
		return true
	}
	c, _ := classOf(name)
	if len(m.filter.Types) > 0 && !slices.Contains(m.filter.Types, name) {
		return false
	}
	if len(m.filter.Tags) > 0 && len(c.tags) > 0 && !overlap(m.filter.Tags, c.tags) {
		return false
	}
	return name != TypeHeartbeat || len(m.filter.Types) > 0 || slices.Contains(m.filter.Tags, "heartbeat")
}

// WantsChanges reports whether an event about something that came or went with a change may come through.
func (m *Matcher) WantsChanges() bool { return m == nil || m.changes }

// Match reports whether the filter lets an event through.
func (m *Matcher) Match(e *Event) bool {
	if m == nil {
		return true
	}
	f := &m.filter
	return m.Wants(e.Type) &&
		(len(f.Tags) == 0 || overlap(f.Tags, e.Tags)) &&
		(len(f.Sources) == 0 || slices.ContainsFunc(f.Sources, func(name string) bool { return strings.EqualFold(name, e.Source) })) &&
		(len(f.Platforms) == 0 || slices.Contains(f.Platforms, e.Platform)) &&
		(len(f.MachineTags) == 0 || overlap(f.MachineTags, e.MachineTags)) &&
		m.holds(e.Payload)
}

// holds reports whether the expression is exactly true for a payload.
func (m *Matcher) holds(payload json.RawMessage) bool {
	if m.expression == nil {
		return true
	}
	var decoded map[string]any
	if json.Unmarshal(payload, &decoded) != nil {
		return false
	}
	return m.expression.Evaluate(decoded).Status == compliance.StatusOK
}

func overlap[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}
