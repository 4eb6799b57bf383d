// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// column is one column of a table: its title, and where in a row its value is, with dots between keys.
type column struct{ title, path string }

// output writes rows as a table, JSON (an array of the whole rows) or CSV.
type output struct {
	format  string
	out     io.Writer
	columns []column
	tabs    *tabwriter.Writer
	csv     *csv.Writer
	begun   bool
}

// table returns an output in the chosen format.
func (p *program) table(columns ...column) *output {
	o := &output{format: p.cli.Output, out: p.out, columns: columns}
	switch o.format {
	case "csv":
		o.csv = csv.NewWriter(p.out)
	case "table":
		o.tabs = tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	}
	return o
}

// raw adds a row as the server sent it.
func (o *output) raw(row json.RawMessage) error {
	if o.format == "json" {
		return o.json(row)
	}
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(row))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	return o.add(v)
}

// add adds a row.
func (o *output) add(row map[string]any) error {
	if o.format == "json" {
		raw, err := json.Marshal(row)
		if err != nil {
			return err
		}
		return o.json(raw)
	}
	if o.csv != nil {
		return o.addCSV(row)
	}
	cells, titles := make([]string, len(o.columns)), make([]string, len(o.columns))
	for i, c := range o.columns {
		titles[i], cells[i] = c.title, spell(lookup(row, c.path))
	}
	if !o.begun {
		o.begun = true
		if _, err := fmt.Fprintln(o.tabs, strings.Join(titles, "\t")); err != nil {
			return err
		}
	}
	for i, cell := range cells {
		if cells[i] = printable(cell); cells[i] == "" {
			cells[i] = "-"
		}
	}
	_, err := fmt.Fprintln(o.tabs, strings.Join(cells, "\t"))
	return err
}

// addCSV writes a row under the names that the API has for the values. Text that a spreadsheet would run as a formula
// gets an apostrophe in front.
func (o *output) addCSV(row map[string]any) error {
	names, cells := make([]string, len(o.columns)), make([]string, len(o.columns))
	for i, c := range o.columns {
		value := lookup(row, c.path)
		names[i], cells[i] = c.path, spell(value)
		if _, number := value.(json.Number); !number && strings.ContainsAny(cells[i][:min(1, len(cells[i]))], "=+-@\t\r\n") {
			cells[i] = "'" + cells[i]
		}
	}
	if !o.begun {
		o.begun = true
		if err := o.csv.Write(names); err != nil {
			return err
		}
	}
	return o.csv.Write(cells)
}

func (o *output) json(row json.RawMessage) error {
	joint := ",\n"
	if !o.begun {
		o.begun, joint = true, "[\n"
	}
	_, err := fmt.Fprintf(o.out, "%s%s", joint, row)
	return err
}

// end writes what is still to be written.
func (o *output) end() error {
	switch {
	case o.tabs != nil:
		return o.tabs.Flush()
	case o.csv != nil:
		o.csv.Flush()
		return o.csv.Error()
	case o.begun:
		_, err := fmt.Fprintln(o.out, "\n]")
		return err
	}
	_, err := fmt.Fprintln(o.out, "[]")
	return err
}

// object prints one answer: indented JSON, or lines of key and value.
func (p *program) object(raw json.RawMessage) error {
	if p.cli.Output == "json" {
		var b bytes.Buffer
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.out, b.String())
		return err
	}
	t := p.table(column{"FIELD", "field"}, column{"VALUE", "value"})
	err := eachField(raw, func(name string, value any) error {
		return t.add(map[string]any{"field": name, "value": value})
	})
	if err != nil {
		return err
	}
	return t.end()
}

// eachField goes through the fields of an object in the order that they were sent in.
func eachField(raw json.RawMessage, fn func(name string, value any) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if _, err := d.Token(); err != nil { // {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := fn(fmt.Sprint(name), value); err != nil {
			return err
		}
	}
	return nil
}

// lookup follows a path through objects; from a list it takes what each entry has there.
func lookup(v any, path string) any {
	if path == "" {
		return v
	}
	key, rest, _ := strings.Cut(path, ".")
	switch v := v.(type) {
	case map[string]any:
		return lookup(v[key], rest)
	case []any:
		found := make([]any, len(v))
		for i := range v {
			found[i] = lookup(v[i], path)
		}
		return found
	}
	return nil
}

// spell writes a value into one cell.
func spell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = spell(v[i])
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		raw, err := json.Marshal(v)
		if err != nil { // it came from JSON
			return ""
		}
		return string(raw)
	}
	return fmt.Sprint(v)
}

// printable takes out of a text what would move the cursor of a terminal: machines may say anything of themselves.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}
