// SPDX-License-Identifier: Apache-2.0

package hosttest

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// Registry is a registry of Windows made of exported files. The zero Registry is empty.
type Registry struct {
	keys map[string]*key // by path in lower case
	// Refuse lists keys, as paths from HKLM or HKU on, that may not be read.
	Refuse []string
}

// key is one key.
type key struct {
	below  map[string]string // names of the keys below it, by name in lower case
	values map[string]host.RegistryValue
}

var _ host.Registry = (*Registry)(nil)

// ParseRegistry reads the text of files that regedit exports, one after the other: version 5, in UTF-16LE with a byte
// order mark or in UTF-8. A later value takes the place of an earlier one.
func ParseRegistry(files ...[]byte) (*Registry, error) {
	r := &Registry{}
	for n, raw := range files {
		if err := r.parse(plain(raw)); err != nil {
			return nil, fmt.Errorf("file %d: %w", n+1, err)
		}
	}
	return r, nil
}

// plain makes text of either encoding, with lines that go on joined to one.
func plain(raw []byte) string {
	text := strings.TrimPrefix(string(raw), "\ufeff")
	if len(raw) >= 2 && raw[0] == 0xff && raw[1] == 0xfe {
		units := make([]uint16, (len(raw)-2)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(raw[2+2*i:])
		}
		text = string(utf16.Decode(units))
	}
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// parse reads one file.
func (r *Registry) parse(text string) error {
	head, body, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(head) != "Windows Registry Editor Version 5.00" {
		return errors.New("no registry file of version 5")
	}
	var current *key
	number := 1
	for body != "" {
		var line string
		line, body = logicalLine(body, &number)
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "" || strings.HasPrefix(trimmed, ";"):
		case strings.HasPrefix(trimmed, "[-"):
			current = nil // what a file deletes was never there
		case strings.HasPrefix(trimmed, "["):
			path, ok := strings.CutSuffix(trimmed[1:], "]")
			if !ok {
				return fmt.Errorf("line %d: a key without an end", number)
			}
			current = r.add(shortPath(path))
		case current != nil:
			name, value, err := parseValue(trimmed)
			if err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
			if value != nil {
				current.values[name] = *value
			}
		}
	}
	return nil
}

// logicalLine cuts off the first line with those that continue it: hexadecimal bytes go on behind a backslash, text goes
// on behind a line break inside its quotes.
func logicalLine(text string, number *int) (line, rest string) {
	for {
		next, tail, _ := strings.Cut(text, "\n")
		*number++
		line, text = line+next, tail
		trimmed := strings.TrimRight(line, " \t")
		switch {
		case strings.HasSuffix(trimmed, `,\`) && !openQuote(line):
			line = strings.TrimSuffix(trimmed, `\`)
		case openQuote(line) && !strings.HasPrefix(line, "[") && !strings.HasPrefix(line, ";"):
			line += "\n"
		default:
			return line, text
		}
		if text == "" {
			return line, text
		}
	}
}

// openQuote tells whether a quote is open at the end.
func openQuote(s string) bool {
	open := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && open:
			i++
		case s[i] == '"':
			open = !open
		}
	}
	return open
}

// shortPath is a path with the short name of its hive.
func shortPath(path string) string {
	root, rest, deep := strings.Cut(path, `\`)
	short := map[string]string{"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_USERS": "HKU", "HKEY_CURRENT_USER": "HKCU"}[strings.ToUpper(root)]
	if short == "" {
		short = root
	}
	if !deep {
		return short
	}
	return short + `\` + rest
}

// add returns the key at a path, made with all above it when it is new.
func (r *Registry) add(path string) *key {
	if k, ok := r.keys[strings.ToLower(path)]; ok {
		return k
	}
	k := &key{below: map[string]string{}, values: map[string]host.RegistryValue{}}
	if r.keys == nil {
		r.keys = map[string]*key{}
	}
	r.keys[strings.ToLower(path)] = k
	if at := strings.LastIndexByte(path, '\\'); at >= 0 {
		name := path[at+1:]
		r.add(path[:at]).below[strings.ToLower(name)] = name
	}
	return k
}

// parseValue reads `"name"=value`; nil for a value that the file deletes.
func parseValue(line string) (name string, value *host.RegistryValue, err error) {
	var rest string
	if after, ok := strings.CutPrefix(line, "@"); ok {
		rest = after
	} else if name, rest, err = quoted(line); err != nil {
		return "", nil, err
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(rest), "=")
	if !ok {
		return "", nil, fmt.Errorf("no value in %.40q", line)
	}
	if rest = strings.TrimSpace(rest); rest == "-" {
		return name, nil, nil
	}
	v, err := parseContent(rest)
	return name, &v, err
}

// parseContent reads what is behind the equals sign.
func parseContent(s string) (host.RegistryValue, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch {
	case strings.HasPrefix(s, `"`):
		text, tail, err := quoted(s)
		if err == nil && strings.TrimSpace(tail) != "" {
			err = fmt.Errorf("%.20q behind a text", tail)
		}
		return host.RegistryValue{Type: 1, Data: utf16LE(text)}, err
	case kind == "dword":
		n, err := strconv.ParseUint(strings.TrimSpace(rest), 16, 32)
		return host.RegistryValue{Type: 4, Data: binary.LittleEndian.AppendUint32(nil, uint32(n))}, err
	case kind == "qword":
		n, err := strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
		return host.RegistryValue{Type: 11, Data: binary.LittleEndian.AppendUint64(nil, n)}, err
	case kind == "hex":
		data, err := hexBytes(rest)
		return host.RegistryValue{Type: 3, Data: data}, err
	case strings.HasPrefix(kind, "hex("):
		number, err := strconv.ParseUint(strings.TrimSuffix(kind[len("hex("):], ")"), 16, 32)
		if err != nil {
			return host.RegistryValue{}, err
		}
		data, err := hexBytes(rest)
		return host.RegistryValue{Type: uint32(number), Data: data}, err
	}
	return host.RegistryValue{}, fmt.Errorf("no such type of value: %.20q", s)
}

// hexBytes reads bytes with commas between them.
func hexBytes(s string) ([]byte, error) {
	digits := strings.Map(func(r rune) rune {
		if r == ',' || r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, s)
	return hex.DecodeString(digits)
}

// quoted cuts off a text in quotes, in which a backslash takes the special meaning from the next character.
func quoted(s string) (text, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", fmt.Errorf("no quote before %.40q", s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '"':
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("no quote behind %.40q", s)
}

// utf16LE spells a text as the registry stores it.
func utf16LE(s string) []byte {
	var raw []byte
	for _, unit := range append(utf16.Encode([]rune(s)), 0) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return raw
}

// find returns a key that is there and may be read.
func (r *Registry) find(path string) (*key, error) {
	if slices.ContainsFunc(r.Refuse, func(refused string) bool { return strings.EqualFold(refused, path) }) {
		return nil, fmt.Errorf("registry key %s: %w", path, fs.ErrPermission)
	}
	k, ok := r.keys[strings.ToLower(path)]
	if !ok {
		return nil, fmt.Errorf("registry key %s: %w", path, fs.ErrNotExist)
	}
	return k, nil
}

// Keys implements host.Registry.
func (r *Registry) Keys(path string) ([]string, error) {
	k, err := r.find(path)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Values(k.below)), nil
}

// Values implements host.Registry.
func (r *Registry) Values(path string) (map[string]host.RegistryValue, error) {
	k, err := r.find(path)
	if err != nil {
		return nil, err
	}
	return maps.Clone(k.values), nil
}
