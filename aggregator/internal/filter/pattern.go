// SPDX-License-Identifier: Apache-2.0

package filter

import "strings"

// Pattern is a text in lower case in which any characters may stand between the parts. The zero Pattern matches nothing.
type Pattern struct {
	parts []string // at least one; between two of them was a *
}

// Exactly returns the pattern that only one text matches, whatever its case.
func Exactly(text string) Pattern { return Pattern{parts: []string{strings.ToLower(text)}} }

// Exact returns the one text in lower case that matches, false when there may be several.
func (p Pattern) Exact() (string, bool) {
	if len(p.parts) != 1 {
		return "", false
	}
	return p.parts[0], true
}

// Match tells whether a text in lower case is the pattern's, from beginning to end. A * alone wants a text that is not
// empty.
func (p Pattern) Match(lower string) bool {
	switch {
	case len(p.parts) == 0:
		return false
	case len(p.parts) == 1:
		return lower == p.parts[0]
	case p.all():
		return lower != ""
	}
	last := len(p.parts) - 1
	rest, ok := strings.CutPrefix(lower, p.parts[0])
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, p.parts[last]); !ok {
		return false
	}
	return inOrder(rest, p.parts[1:last])
}

// Within tells whether some stretch of a text in lower case is the pattern's.
func (p Pattern) Within(lower string) bool {
	return len(p.parts) > 0 && inOrder(lower, p.parts)
}

// inOrder tells whether all parts stand in a text, one behind the other.
func inOrder(text string, parts []string) bool {
	for _, part := range parts {
		_, behind, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = behind
	}
	return true
}

func (p Pattern) all() bool {
	for _, part := range p.parts {
		if part != "" {
			return false
		}
	}
	return len(p.parts) > 1
}

// literal is the text as it was written, but for its case.
func (p Pattern) literal() string { return strings.Join(p.parts, "*") }

// append takes one more character, in any case.
func (p *Pattern) append(c string) {
	if len(p.parts) == 0 {
		p.parts = []string{""}
	}
	p.parts[len(p.parts)-1] += c
}

// wildcard takes a *. Two in a row are one.
func (p *Pattern) wildcard() {
	n := len(p.parts)
	if n > 1 && p.parts[n-1] == "" {
		return
	}
	if n == 0 {
		p.parts = []string{""}
	}
	p.parts = append(p.parts, "")
}

// lower is the pattern as it is compared.
func (p Pattern) lower() Pattern {
	out := Pattern{parts: make([]string, len(p.parts))}
	for i, part := range p.parts {
		out.parts[i] = strings.ToLower(part)
	}
	return out
}
