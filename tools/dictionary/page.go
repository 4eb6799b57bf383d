// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// page writes the dictionary; errors of w are those of its last Flush.
type page struct {
	w     io.Writer
	m     model
	table coverage
}

const opening = `# Data dictionary

Every field that a machine's inventory can have, why it is collected, on which systems, and how to turn it off. This page is
made by ` + "`make generate`" + ` from the comments in ` + "`proto/rollcall/inventory/v1`" + ` and from
` + "`tools/dictionary/coverage.yaml`" + `; change those.

A field is optional unless it says "required". Shared kinds are stored once for the fleet, private ones with the machine. The
column *on* has the systems on which the agent fills the field where the machine has such a thing; other sources may fill it
everywhere. A dash: the agent never does.

## Turning things off

A collector, or one kind of a collector, is turned off on the machine or at the centre. What it reported before disappears
with the next report. The centre cannot turn on what a machine turned off.

On the machine, in ` + "`agent.yaml`" + `:

` + "```yaml" + `
disabled_collectors: [browser_extensions, users]
` + "```" + `

At the centre, for all machines of an enrolment, by ` + "`PUT /api/v1/configurations/{id}`" + ` ([operations](operations.md)):

` + "```json" + `
{"name": "default", "collectors": {"browser_extensions": {"enabled": false}, "users": {"enabled": false}}}
` + "```" + `

Three things cannot be turned off: the plain keys, what the agent tells about itself, and the evidence that identifies a
machine when it enrols.
`

// write prints the whole page.
func (p page) write() {
	fmt.Fprint(p.w, opening)
	p.plain()
	for _, f := range p.m.sections(true) {
		p.kind(f, p.table.Kinds[f.name])
	}
	p.agent()
	p.leftOut()
}

// plain prints the keys that are no sections.
func (p page) plain() {
	fmt.Fprint(p.w, "\n## Plain keys\n\n| key | type | | why |\n|---|---|---|---|\n")
	for _, f := range p.m.sections(false) {
		fmt.Fprintf(p.w, "| `%s` | %s | %s | %s |\n", f.name, f.valueType(), cell(f.described()...), cell(p.table.Plain[f.name]))
		for _, inner := range p.m.under(f.typ, f.name+".") {
			fmt.Fprintf(p.w, "| `%s` | %s | %s | |\n", inner.path, inner.valueType(), cell(inner.described()...))
		}
	}
}

// kind prints one section.
func (p page) kind(f field, k kind) {
	fmt.Fprintf(p.w, "\n## `%s`\n\n%s\n\n", f.name, p.nature(f))
	fmt.Fprintf(p.w, "* Why: %s\n", k.Why)
	if where := k.where(); len(where) > 0 {
		fmt.Fprintf(p.w, "* On: %s.\n* Off: %s.\n", list(where), p.off(f.name, k.Collector))
	}
	for _, line := range grouped(k.Not.on) {
		fmt.Fprintf(p.w, "* Not on %s\n", line)
	}
	if k.Note != "" {
		fmt.Fprintf(p.w, "* %s\n", k.Note)
	}
	fields := p.m.under(f.typ, "")
	if len(fields) == 0 {
		return
	}
	fmt.Fprint(p.w, "\n| key | type | on | |\n|---|---|---|---|\n")
	for _, inner := range fields {
		p.field(inner, k, p.m[f.typ].name)
	}
}

// field prints one row of a section's table.
func (p page) field(f field, k kind, row string) {
	notes := f.described()
	if kind := p.m.kindOf(f.typ); kind != "" && f.typ != row {
		notes = append(notes, fmt.Sprintf("Its fields are those of `%s`.", kind))
	}
	var on []string
	for _, s := range k.where() {
		if k.unfilled(f.path, s) == "" {
			on = append(on, s)
		}
	}
	if _, stated := k.Unfilled[f.path]; stated {
		for _, line := range grouped(func(system string) string {
			if k.Not.on(system) != "" {
				return ""
			}
			return k.Unfilled[f.path].on(system)
		}) {
			notes = append(notes, "Not on "+line)
		}
	}
	fmt.Fprintf(p.w, "| `%s` | %s | %s | %s |\n", f.path, f.valueType(), list(on), cell(notes...))
}

// nature says what a kind is: how it is stored, and the model's own words.
func (p page) nature(f field) string {
	text := "Private"
	if strings.Contains(f.options, "SHARING_SHARED") {
		text = "Shared"
	}
	if f.list {
		text += ", a list"
	}
	text += "."
	if f.comment != "" && !heading(f.comment) {
		text += " " + f.comment
	}
	if m, ok := p.m[f.typ]; ok {
		return text + " " + m.comment
	}
	return text + " One value: " + f.valueType() + "."
}

// heading tells a heading inside Snapshot from a field's own comment: headings are short.
func heading(comment string) bool { return len(strings.Fields(comment)) <= 7 }

// agent prints what the agent tells about itself.
func (p page) agent() {
	fmt.Fprint(p.w, "\n## What the agent tells about itself\n\nBeside the inventory: evidence when it enrols, the rest with a check-in. The [protocol](protocol.md) describes it.\n\n")
	fmt.Fprint(p.w, "| field | why |\n|---|---|\n")
	for _, row := range p.table.Agent {
		fmt.Fprintf(p.w, "| `%s` | %s |\n", row.Field, row.Why)
	}
}

// leftOut prints what is not collected on purpose.
func (p page) leftOut() {
	fmt.Fprint(p.w, "\n## What is left out on purpose\n\n| what | of | why not |\n|---|---|---|\n")
	for _, row := range p.table.LeftOut {
		reason := row.Reason
		if row.Sync != "" {
			reason += fmt.Sprintf(" The check-in tells it as `%s`.", row.Sync)
		}
		fmt.Fprintf(p.w, "| %s | %s | %s |\n", row.What, row.Of, reason)
	}
}

// where returns the systems on which the agent collects a kind.
func (k kind) where() []string {
	return slices.DeleteFunc(slices.Clone(systems), func(s string) bool { return k.Not.on(s) != "" })
}

// off says how a kind is turned off, and what goes with it.
func (p page) off(kind, collector string) string {
	text := fmt.Sprintf("`disabled_collectors: [%s]`", kind)
	if collector != "" {
		return text + fmt.Sprintf(", or `[%s]` with all of that collector", collector)
	}
	var others []string
	for _, f := range p.m.sections(true) {
		if p.table.Kinds[f.name].Collector == kind {
			others = append(others, "`"+f.name+"`")
		}
	}
	if len(others) > 0 {
		text += ", which turns off " + strings.Join(others, " and ") + " too"
	}
	return text
}

// described returns what the model says about a field.
func (f field) described() (notes []string) {
	if strings.Contains(f.options, "(required) = true") {
		notes = append(notes, "Required.")
	}
	if f.comment != "" {
		notes = append(notes, f.comment)
	}
	if strings.Contains(f.options, "membership") {
		notes = append(notes, "Kept apart from the row's digest.")
	}
	return notes
}

// grouped joins systems that have the same reason: "macOS, Windows: the reason."
func grouped(reason func(system string) string) []string {
	var lines []string
	for i, s := range systems {
		text := reason(s)
		if text == "" || slices.ContainsFunc(systems[:i], func(other string) bool { return reason(other) == text }) {
			continue
		}
		same := slices.DeleteFunc(slices.Clone(systems), func(other string) bool { return reason(other) != text })
		if len(same) == len(systems) {
			lines = append(lines, "any system: "+text)
			continue
		}
		lines = append(lines, list(same)+": "+text)
	}
	return lines
}

// list spells systems.
func list(names []string) string {
	switch len(names) {
	case 0:
		return "—"
	case len(systems):
		return "all"
	}
	var out []string
	for _, s := range names {
		out = append(out, shown[s])
	}
	return strings.Join(out, ", ")
}

// cell joins sentences for a table.
func cell(sentences ...string) string {
	return strings.ReplaceAll(strings.Join(sentences, " "), "|", `\|`)
}
