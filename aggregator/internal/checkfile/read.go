// SPDX-License-Identifier: Apache-2.0

package checkfile

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// reader collects the checks of a file, and what is wrong with them.
type reader struct {
	file     string
	today    time.Time
	checks   []Check
	problems []error
}

// maxProblems is how much is told of one file.
const maxProblems = 20

func (r *reader) fail(line int, check, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, &Error{File: r.file, Line: line, Check: check, Err: fmt.Errorf(format, args...)})
	}
}

// document reads a list of checks, or one.
func (r *reader) document(n *yaml.Node) {
	switch {
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			r.check(item)
		}
	case n.Kind == yaml.MappingNode:
		r.check(n)
	case n.Tag != "!!null":
		r.fail(n.Line, "", "a list of checks, or one check")
	}
}

// check reads one check.
func (r *reader) check(n *yaml.Node) {
	if len(r.checks) == maxChecks {
		r.fail(n.Line, "", "more than %d checks", maxChecks)
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n.Line, "", "a check has keys: name, source_name, jmespath_expression …")
		return
	}
	before := len(r.problems)
	c := Check{File: r.file, Line: n.Line, Name: nameOf(n)}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if seen[key.Value] {
			r.fail(key.Line, c.Name, "%s stands twice", key.Value)
		}
		seen[key.Value] = true
		r.field(&c, key, value)
	}
	c.Severity = cmp.Or(c.Severity, compliance.DefaultSeverity)
	if len(r.problems) > before {
		return
	}
	expression, err := dated(c.Expression, r.today)
	if err != nil {
		r.fail(n.Line, c.Name, "jmespath_expression: %w", err)
		return
	}
	c.Expression = expression
	if err := c.validate(); err != nil {
		r.fail(n.Line, c.Name, "%w", err)
		return
	}
	r.checks = append(r.checks, c)
}

// nameOf finds the name first, so that every problem can tell it.
func nameOf(n *yaml.Node) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if value := n.Content[i+1]; n.Content[i].Value == "name" && value.Kind == yaml.ScalarNode {
			return strings.TrimSpace(value.Value)
		}
	}
	return ""
}

// field reads one key.
func (r *reader) field(c *Check, key, value *yaml.Node) {
	texts := map[string]*string{
		"name": &c.Name, "description": &c.Description, "severity": &c.Severity, "source_name": &c.SourceName, "jmespath_expression": &c.Expression,
	}
	lists := map[string]*[]string{"labels": &c.Labels, "platforms": &c.Platforms, "tags": &c.Tags}
	switch {
	case texts[key.Value] != nil:
		text, err := textOf(value)
		if err != nil {
			r.fail(value.Line, c.Name, "%s: %w", key.Value, err)
			return
		}
		if key.Value != "description" {
			text = strings.TrimSpace(text) // a folded text ends with a line break
		}
		*texts[key.Value] = strings.TrimRight(text, "\n")
	case lists[key.Value] != nil:
		list, err := listOf(value)
		if err != nil {
			r.fail(value.Line, c.Name, "%s: %w", key.Value, err)
			return
		}
		*lists[key.Value] = list
	default:
		r.fail(key.Line, c.Name, "unknown key %q", key.Value)
	}
}

var (
	errText = errors.New("a text is needed; put it into quotes")
	errList = errors.New("a list of texts is needed")
)

func textOf(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Anchor != "" {
		return "", errText
	}
	return n.Value, nil
}

func listOf(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode || n.Anchor != "" {
		return nil, errList
	}
	var list []string
	for _, item := range n.Content {
		text, err := textOf(item)
		switch {
		case err != nil:
			return nil, err
		case strings.TrimSpace(text) == "":
			return nil, errors.New("an empty text is in the list")
		case slices.Contains(list, text):
			return nil, fmt.Errorf("%q stands twice", text)
		}
		list = append(list, text)
	}
	return list, nil
}

// day is how an expression asks for one; braces never stand like that in JMESPath.
var day = regexp.MustCompile(`\{\{\s*today\s*(?:([+-])\s*([0-9]{1,5})d\s*)?\}\}`)

// dated fills in the days.
func dated(expression string, today time.Time) (string, error) {
	out := day.ReplaceAllStringFunc(expression, func(found string) string {
		parts := day.FindStringSubmatch(found)
		days, _ := strconv.Atoi(parts[1] + parts[2]) // the pattern lets nothing else through; none is 0
		return today.AddDate(0, 0, days).Format(time.DateOnly)
	})
	if strings.Contains(out, "{{") {
		return "", errors.New("write a day as {{today}}, {{today+30d}} or {{today-1d}}")
	}
	return out, nil
}
