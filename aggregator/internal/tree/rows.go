// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// row is one asset on its way into the tree.
type row struct {
	asset   *snapshot.Asset
	seconds int64 // install time, snapshot.NoTime when there is none
}

// keyOrder returns the keys that a tree may have: the model's in its order, then
// kinds of a newer model by name.
func keyOrder(sections snapshot.Sections) []string {
	keys := slices.Clone(schemaOf(snapshotDescriptor).names)
	for _, kind := range slices.Sorted(maps.Keys(sections)) {
		if _, known := snapshot.KindOf(kind); !known {
			keys = append(keys, kind)
		}
	}
	return keys
}

// timeKey returns the key that a section's install times belong under, "" when
// its rows have none.
func timeKey(kind string) string {
	k, known := snapshot.KindOf(kind)
	if !known || k.Fact == nil {
		return ""
	}
	if f := asset.MembershipField(k.Fact); f != nil {
		return string(f.Name())
	}
	return ""
}

// isSingle reports whether a section is one value and not a list.
func isSingle(kind string) bool {
	k, known := snapshot.KindOf(kind)
	return known && k.Single
}

// rowsOf returns the rows of a section in the tree's order.
func rowsOf(sections snapshot.Sections, kind string) []row {
	section := sections[kind]
	if section == nil || len(section.Assets) == 0 {
		return nil
	}
	var moments []int64
	if timeKey(kind) != "" {
		moments = snapshot.JoinTimes(section, sections[snapshot.KindInstallTimes])
	}
	rows := make([]row, 0, len(section.Assets))
	for _, i := range inOrder(section.Assets, func(i int) []byte { return nameOf(&section.Assets[i]) }) {
		r := row{asset: &section.Assets[i], seconds: snapshot.NoTime}
		if moments != nil {
			r.seconds = moments[i]
		}
		rows = append(rows, r)
	}
	return rows
}

// inOrder returns the places of assets in the order that trees have: by name, as
// it stands in the body, and by body.
func inOrder(assets []snapshot.Asset, name func(i int) []byte) []int {
	type key struct {
		start, middle uint64 // of the name: they decide most comparisons
		place         int
	}
	names, keys := make([][]byte, len(assets)), make([]key, len(assets))
	for i := range assets {
		names[i] = name(i)
		var start [16]byte
		copy(start[:], names[i])
		keys[i] = key{binary.BigEndian.Uint64(start[:]), binary.BigEndian.Uint64(start[8:]), i}
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		if a.middle != b.middle {
			return cmp.Compare(a.middle, b.middle)
		}
		return compareRows(&assets[a.place], names[a.place], &assets[b.place], names[b.place])
	})
	order := make([]int, len(keys))
	for i := range keys {
		order[i] = keys[i].place
	}
	return order
}

func compareRows(a *snapshot.Asset, nameA []byte, b *snapshot.Asset, nameB []byte) int {
	if order := bytes.Compare(nameA, nameB); order != 0 {
		return order
	}
	return bytes.Compare(a.Body, b.Body)
}

// timeText spells a row's install time as trees do.
func timeText(seconds int64) string { return normal.Datetime(time.Unix(seconds, 0)) }

// nameOf returns what rows are ordered by: the text of "name" at the top level of
// a body, else of "interface", else nothing.
func nameOf(a *snapshot.Asset) []byte {
	body := a.Body
	var fallback []byte
	for i := skipSpace(body, 0) + 1; i < len(body); {
		key, next := member(body, i)
		if next >= len(body) {
			break
		}
		end := skipValue(body, next)
		switch string(key) {
		case `"name"`:
			return body[next:end]
		case `"interface"`:
			fallback = body[next:end]
		}
		i = skipSpace(body, end) + 1 // the comma, or the end
	}
	return fallback
}

// member returns the key that begins at or behind i, with its quotes, and where its value begins.
func member(body []byte, i int) (key []byte, value int) {
	i = skipSpace(body, i)
	if i >= len(body) || body[i] != '"' {
		return nil, len(body)
	}
	end := skipValue(body, i)
	colon := skipSpace(body, end)
	return body[i:end], skipSpace(body, colon+1)
}

// skipSpace returns the index of the first byte at or behind i that is no space.
func skipSpace(body []byte, i int) int {
	for i < len(body) && (body[i] == ' ' || body[i] == '\n' || body[i] == '\t' || body[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index behind the JSON value that begins at i. The body is known to be JSON.
func skipValue(body []byte, i int) int {
	depth := 0
	for ; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = closingQuote(body, i)
			if depth == 0 {
				return min(i+1, len(body))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the container around the value
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(body)
}

func closingQuote(body []byte, i int) int {
	i++
	end := bytes.IndexByte(body[min(i, len(body)):], '"')
	if end < 0 {
		return len(body)
	}
	escape := bytes.IndexByte(body[i:i+end], '\\')
	if escape < 0 {
		return i + end
	}
	for i += escape; i < len(body) && body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i
}
