// SPDX-License-Identifier: Apache-2.0

// Command dictionary writes docs/data-dictionary.md from the comments of the .proto files given. It understands the
// way these files are written (one field or option a line, comments above), not the whole language.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// message is one message with its fields in the order of the file.
type message struct {
	name, comment string
	fields        []field
}

// field is one field; typ is its protobuf type.
type field struct {
	name, typ, comment, options string
	list                        bool
}

// scalars are the types of values in JSON terms.
var scalars = map[string]string{"string": "text", "int64": "integer", "uint64": "integer", "int32": "integer", "uint32": "integer", "bool": "boolean"}

var (
	messageLine = regexp.MustCompile(`^message (\w+) \{`)
	fieldLine   = regexp.MustCompile(`^(?:(optional|repeated) )?([\w.]+) (\w+) = \d+\s*(.*)$`)
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dictionary:", err)
		os.Exit(1)
	}
}

func run(paths []string, w io.Writer) error {
	messages := map[string]message{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parse(string(text), messages)
	}
	root, ok := messages["Snapshot"]
	if !ok {
		return fmt.Errorf("no message Snapshot in %d files", len(paths))
	}
	out := bufio.NewWriter(w)
	write(out, root, messages)
	return out.Flush()
}

// parse adds the messages of one file.
func parse(text string, messages map[string]message) {
	var (
		comment []string
		current *message
		pending string // a field whose options go on in the next line
	)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "//"); ok {
			comment = append(comment, strings.TrimSpace(text))
			continue
		}
		if pending != "" || current != nil && strings.Contains(line, " = ") && !strings.HasSuffix(line, ";") {
			pending += " " + line
			if !strings.HasSuffix(line, ";") {
				continue
			}
			line, pending = strings.TrimSpace(pending), ""
		}
		switch {
		case messageLine.MatchString(line):
			current = &message{name: messageLine.FindStringSubmatch(line)[1], comment: strings.Join(comment, " ")}
		case line == "}" && current != nil:
			messages[current.name] = *current
			current = nil
		case current != nil && fieldLine.MatchString(line):
			m := fieldLine.FindStringSubmatch(line)
			current.fields = append(current.fields, field{
				name: m[3], typ: m[2], list: m[1] == "repeated", options: m[4], comment: strings.Join(comment, " "),
			})
		case line == "":
			comment = nil
			continue
		}
		comment = nil
	}
}

// write prints the plain keys, then every kind with its objects.
func write(w io.Writer, root message, messages map[string]message) {
	fmt.Fprint(w, `# Data dictionary

Every key of the snapshot tree. This page is made from the comments in `+"`proto/rollcall/inventory/v1`"+` by
`+"`make generate`"+`; change those. A field is optional unless it says "required". Shared kinds are stored once for the
fleet, private ones with the machine.

## Plain keys

| key | type | |
|---|---|---|
`)
	seen := []string{}
	for _, f := range root.fields {
		if !strings.Contains(f.options, "sharing") {
			row(w, f)
		}
	}
	for _, f := range root.fields {
		if !strings.Contains(f.options, "sharing") {
			continue
		}
		kind := "private"
		if strings.Contains(f.options, "SHARING_SHARED") {
			kind = "shared"
		}
		if f.list {
			kind += ", a list"
		}
		fmt.Fprintf(w, "\n## `%s`\n\n%s.", f.name, strings.ToUpper(kind[:1])+kind[1:])
		m, ok := messages[f.typ]
		if f.comment != "" && !sectionComment(f.comment) {
			fmt.Fprintf(w, " %s", f.comment)
		}
		if !ok {
			fmt.Fprintf(w, " One value: %s.\n", typeOf(f))
			continue
		}
		fmt.Fprintf(w, " %s\n", m.comment)
		table(w, m, messages, &seen)
	}
	objects(w, messages, seen)
}

// sectionComment tells a heading inside Snapshot from a field's own comment: headings are short.
func sectionComment(comment string) bool { return len(strings.Fields(comment)) <= 7 }

// table prints the fields of a message and remembers the objects they hold.
func table(w io.Writer, m message, messages map[string]message, seen *[]string) {
	fmt.Fprint(w, "\n| key | type | |\n|---|---|---|\n")
	for _, f := range m.fields {
		row(w, f)
		if _, ok := messages[f.typ]; ok && !slices.Contains(*seen, f.typ) {
			*seen = append(*seen, f.typ)
		}
	}
}

// objects prints the messages that stand inside rows, and those inside them.
func objects(w io.Writer, messages map[string]message, seen []string) {
	if len(seen) == 0 {
		return
	}
	fmt.Fprint(w, "\n# Objects inside rows\n")
	for i := 0; i < len(seen); i++ {
		m := messages[seen[i]]
		fmt.Fprintf(w, "\n## %s\n\n%s\n", m.name, m.comment)
		table(w, m, messages, &seen)
	}
}

func row(w io.Writer, f field) {
	var notes []string
	if strings.Contains(f.options, "(required) = true") {
		notes = append(notes, "Required.")
	}
	if f.comment != "" {
		notes = append(notes, strings.ReplaceAll(f.comment, "|", `\|`))
	}
	if strings.Contains(f.options, "membership") {
		notes = append(notes, "Kept apart from the row's digest.")
	}
	fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.name, typeOf(f), strings.Join(notes, " "))
}

// typeOf says what a field holds, in JSON terms.
func typeOf(f field) string {
	name := f.typ
	if plain, ok := scalars[f.typ]; ok {
		name = plain
	}
	switch {
	case strings.Contains(f.options, "FORMAT_DATETIME"):
		name = "moment"
	case strings.Contains(f.options, "FORMAT_FREE_JSON"):
		name = "any JSON"
	}
	if f.list {
		return "list of " + name
	}
	return name
}
