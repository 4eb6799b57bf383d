// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// aptEntry is one entry of apt's sources, in either of its two styles.
type aptEntry struct {
	types, addresses, suites, components []string
	options                              map[string]string
}

// rows makes a row of each type, address and suite. A suite that ends in a slash is a path, and has no components.
func (e aptEntry) rows(file string) []*inventoryv1.Repository {
	var rows []*inventoryv1.Repository
	for _, kind := range e.types {
		if kind != "deb" && kind != "deb-src" {
			continue
		}
		for _, address := range e.addresses {
			for _, suite := range e.suites {
				rows = append(rows, e.row(kind, address, suite, file))
			}
		}
	}
	return rows
}

// row makes one row. Signatures are checked unless an option says otherwise, by definition.
func (e aptEntry) row(kind, address, suite, file string) *inventoryv1.Repository {
	row := repository("apt", "", address, file)
	row.Distribution, row.IsSource = fact(suite), proto.Bool(kind == "deb-src")
	for _, c := range e.components {
		row.Components = append(row.Components, clean(c))
	}
	row.Architectures = sortedWords(firstOf(e.options["architectures"], e.options["arch"]))
	trusted, _ := switchedOn(e.options["trusted"])
	insecure, _ := switchedOn(e.options["allow-insecure"])
	row.SignatureChecked = proto.Bool(!trusted && !insecure)
	if key := e.options["signed-by"]; !strings.Contains(key, "BEGIN PGP") {
		row.Key = fact(strings.Join(strings.Fields(key), " "))
	}
	if on, ok := switchedOn(e.options["enabled"]); ok {
		row.Enabled = proto.Bool(on)
	}
	return row
}

// aptList reads the one-line style: deb [ option=value ] address suite component …
//
// Source: sources.list(5).
func aptList(_ *finder, file, text string) []*inventoryv1.Repository {
	var rows []*inventoryv1.Repository
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		line, _, _ = strings.Cut(line, "#")
		kind, rest := nextWord(line)
		if kind == "" {
			continue
		}
		e := aptEntry{types: []string{kind}, options: map[string]string{}}
		if options, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]"); ok && strings.HasPrefix(rest, "[") {
			for _, option := range strings.Fields(options) {
				name, value, _ := strings.Cut(option, "=")
				e.options[strings.ToLower(strings.TrimRight(name, "+-"))] = value
			}
			rest = strings.TrimSpace(after)
		}
		address, rest := nextWord(rest)
		suite, rest := nextWord(rest)
		if suite == "" {
			continue
		}
		e.addresses, e.suites, e.components = []string{address}, []string{suite}, strings.Fields(rest)
		rows = append(rows, e.rows(file)...)
	}
	return rows
}

// nextWord splits off the first word. The names of discs stand in brackets, blanks included: cdrom:[Debian 12]/.
func nextWord(line string) (word, rest string) {
	line = strings.TrimSpace(line)
	depth := 0
	for i, r := range line {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case (r == ' ' || r == '\t') && (depth <= 0 || !strings.HasPrefix(line, "cdrom:")):
			return line[:i], strings.TrimSpace(line[i:])
		}
	}
	return line, ""
}

// aptSources reads the style of control files, in paragraphs.
//
// Source: sources.list(5), "deb822-style format".
func aptSources(_ *finder, file, text string) []*inventoryv1.Repository {
	var rows []*inventoryv1.Repository
	fields := map[string]string{}
	flush := func() {
		e := aptEntry{
			types: strings.Fields(fields["types"]), addresses: strings.Fields(fields["uris"]),
			suites: strings.Fields(fields["suites"]), components: strings.Fields(fields["components"]), options: fields,
		}
		for _, row := range e.rows(file) {
			row.Name = fact(fields["x-repolib-name"])
			rows = append(rows, row)
		}
		fields = map[string]string{}
	}
	var last string
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += "\n" + line
		default:
			var value string
			last, value, _ = strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(last))
			fields[last] = strings.TrimSpace(value)
		}
	}
	flush()
	return rows
}
