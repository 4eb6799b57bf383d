// SPDX-License-Identifier: Apache-2.0

// Package checkfile reads files of compliance checks: what an organisation keeps in a repository, and what the packs that
// come with the client are written in. A file is YAML, a list of checks or one check in each document. The package is
// strict, so that a slip is found before a fleet is judged by it: unknown keys, keys that stand twice, anchors, other types
// and expressions that do not compile are refused with file and line. It reads bytes and opens nothing.
//
// In an expression {{today}}, {{today+30d}} and {{today-1d}} stand for a day, as 2026-03-01: checks know no clock, so who
// asks for a term says anew, as often as the answer is to be right, which day it ends.
package checkfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

const (
	// MaxBytes is the size of the largest file that is read.
	MaxBytes = 1 << 20
	// maxChecks bounds the checks of a file.
	maxChecks = 1000
)

// Check is a check as a file has it. What the file leaves out is as in a new check.
type Check struct {
	File string
	Line int // on which it begins, from 1

	Name        string
	Description string
	Severity    string
	Labels      []string
	SourceName  string
	Platforms   []string
	Tags        []string // names
	Expression  string   // its days are filled in
}

// Error says what is wrong with a file, and where.
type Error struct {
	File  string
	Line  int    // 0: in the file as a whole
	Check string // its name, empty when it has none yet
	Err   error
}

// Error names file, line and check.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Check != "" {
		fmt.Fprintf(&b, ": check %q", e.Check)
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Errorf is an Error about the check.
func (c *Check) Errorf(format string, args ...any) error {
	return &Error{File: c.File, Line: c.Line, Check: c.Name, Err: fmt.Errorf(format, args...)}
}

// Parse returns the checks of a file, in its order. All that is wrong is told at once, each an *Error.
func Parse(file string, raw []byte, today time.Time) ([]Check, error) {
	if len(raw) > MaxBytes {
		return nil, &Error{File: file, Err: fmt.Errorf("more than %d bytes", MaxBytes)}
	}
	r := &reader{file: file, today: today}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &Error{File: file, Err: err} // it names the line
		}
		if len(document.Content) > 0 {
			r.document(document.Content[0])
		}
	}
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return r.checks, nil
}

// Unique refuses checks of one name, be they of several files: names are what a check is found by again.
func Unique(checks []Check) error {
	first := map[string]*Check{}
	var problems []error
	for i := range checks {
		c := &checks[i]
		if before := first[c.Name]; before != nil {
			problems = append(problems, c.Errorf("the name stands at %s:%d already", before.File, before.Line))
			continue
		}
		first[c.Name] = c
	}
	return errors.Join(problems...)
}

// validate checks what the API would refuse.
func (c *Check) validate() error {
	probe := compliance.Check{
		Name: c.Name, Description: c.Description, SourceName: c.SourceName, Platforms: c.Platforms, Expression: c.Expression,
		Severity: c.Severity, Labels: c.Labels,
	}
	return probe.Validate()
}
