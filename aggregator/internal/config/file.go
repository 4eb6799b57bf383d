// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFileBytes bounds a configuration file.
const maxFileBytes = 1 << 20

// setting is one value of the file.
type setting struct {
	value any    // string, []any of strings, or wholeValue
	place string // "file:line: key"; "": its errors say so themselves
}

// settings are the values of a file by key; mappings inside mappings are joined with dots.
type settings map[string]setting

// readSettings reads a strict YAML file: a key that is unknown or comes twice is an error with its line.
func readSettings(path string, known, whole map[string]bool) (settings, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	if len(raw) > maxFileBytes {
		return nil, fmt.Errorf("configuration file %s: larger than %d bytes", path, maxFileBytes)
	}
	return parseSettings(path, raw, known, whole)
}

func parseSettings(path string, raw []byte, known, whole map[string]bool) (settings, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	out := settings{}
	if len(doc.Content) == 0 {
		return out, nil // empty, or comments only
	}
	r := settingsReader{path: path, known: known, whole: whole, out: out}
	return out, r.mapping(doc.Content[0], "")
}

type settingsReader struct {
	path  string
	known map[string]bool
	whole map[string]bool // those of them that are read as a whole
	out   settings
}

func (r settingsReader) mapping(node *yaml.Node, prefix string) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: a mapping of keys to values is wanted", r.path, node.Line)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := prefix + name.Value
		place := fmt.Sprintf("%s:%d: %s", r.path, name.Line, key)
		if seen[key] {
			return fmt.Errorf("%s: the key is there twice", place)
		}
		seen[key] = true
		if err := r.entry(key, place, value); err != nil {
			return err
		}
	}
	return nil
}

func (r settingsReader) entry(key, place string, node *yaml.Node) error {
	if !r.known[key] {
		if node.Kind == yaml.MappingNode && r.leadsOn(key) {
			return r.mapping(node, key+".")
		}
		return r.unknown(key, place)
	}
	if r.whole[key] {
		r.out[key] = setting{value: wholeValue{node: node, path: r.path, key: key}}
		return nil
	}
	value, err := plain(node)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if value != nil {
		r.out[key] = setting{value: value, place: place}
	}
	return nil
}

// plain turns a scalar or a list of scalars into what a flag parses; a null is no value.
func plain(node *yaml.Node) (any, error) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return nil, nil //nolint:nilnil // no value is an answer
	case node.Kind == yaml.ScalarNode:
		return node.Value, nil
	case node.Kind == yaml.SequenceNode:
		list := []any{}
		for _, n := range node.Content {
			if n.Kind != yaml.ScalarNode {
				return nil, errors.New("a list of plain values is wanted")
			}
			list = append(list, n.Value)
		}
		return list, nil
	default:
		return nil, errors.New("a value is wanted, not a mapping or an alias")
	}
}

func (r settingsReader) leadsOn(key string) bool {
	for k := range r.known {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

func (r settingsReader) unknown(key, place string) error {
	if near := nearest(key, r.known); near != "" {
		return fmt.Errorf("%s: unknown key, did you mean %s?", place, near)
	}
	return fmt.Errorf("%s: unknown key", place)
}

// nearest returns the known key that differs least from key, or "" when none is close.
func nearest(key string, known map[string]bool) string {
	best, least := "", len(key)/2+1
	for k := range known {
		if d := distance(strings.ReplaceAll(key, "-", "_"), k); d < least || d == least && best != "" && k < best {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of characters to insert, remove or replace to turn a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
