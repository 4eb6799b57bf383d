// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"fmt"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// JSON writes the tree of a snapshot without decoding its bodies. It is the same
// tree that Build returns.
func JSON(sections snapshot.Sections, added Added) ([]byte, error) {
	out := make([]byte, 1, sizeOf(sections))
	out[0] = '{'
	for _, key := range keyOrder(sections) {
		before := len(out)
		if before > 1 {
			out = append(out, ',')
		}
		name, err := asset.CanonicalScalar(key)
		if err != nil {
			return nil, fmt.Errorf("kind %q: %w", key, err)
		}
		out = append(append(out, name...), ':')
		value := len(out)
		if out, err = appendKey(out, sections, &added, key); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if len(out) == value {
			out = out[:before]
		}
	}
	return append(out, '}'), nil
}

func sizeOf(sections snapshot.Sections) int {
	size := 1024
	for _, section := range sections {
		for i := range section.Assets {
			size += len(section.Assets[i].Body) + len(`,"install_time":"2006-01-02T15:04:05"`)
		}
	}
	return size
}

// appendKey appends the value of one key, nothing when the tree does not have it.
func appendKey(out []byte, sections snapshot.Sections, added *Added, key string) ([]byte, error) {
	value, err := added.value(key)
	if err != nil || value != nil {
		return append(out, value...), err
	}
	rows := rowsOf(sections, key)
	field := timeKey(key)
	if isSingle(key) {
		if len(rows) == 0 {
			return out, nil
		}
		return appendRow(out, rows[0], field), nil
	}
	links := added.links(key)
	if len(rows)+len(links) == 0 {
		return out, nil
	}
	out = append(out, '[')
	for i, r := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendRow(out, r, field)
	}
	for i, link := range links {
		if i+len(rows) > 0 {
			out = append(out, ',')
		}
		body, err := asset.JSON(link)
		if err != nil {
			return nil, err
		}
		out = append(out, body...)
	}
	return append(out, ']'), nil
}

// appendRow appends a body, with the install time as its last key.
func appendRow(out []byte, r row, field string) []byte {
	if !r.takesTime(field) {
		return append(out, r.asset.Body...)
	}
	body := r.asset.Body
	end := bytes.LastIndexByte(body, '}')
	out = append(out, body[:end]...)
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out = append(append(append(out, '"'), field...), `":"`...)
	out = append(out, timeText(r.seconds)...)
	return append(out, `"}`...)
}

// takesTime reports whether a row has an install time to show.
func (r *row) takesTime(field string) bool {
	return field != "" && r.seconds != snapshot.NoTime &&
		len(r.asset.Body) > 1 && r.asset.Body[0] == '{' && !saysTime(r.asset.Body, field)
}

// saysTime reports whether a body says an install time itself, against the
// model's rule: then it keeps its own.
func saysTime(body []byte, field string) bool {
	return field != "" && bytes.Contains(body, []byte(`"`+field+`":`))
}
