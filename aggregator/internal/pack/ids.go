// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// AppendSharedIDs appends the dictionary ids of all shared sections that rows hold, section by section, and passes the
// private ones over: their facts, which it has to hash, are most of what Fold costs.
func AppendSharedIDs(ids []int64, rows []Row) ([]int64, error) {
	for _, row := range rows {
		var err error
		if row.Kind == "" {
			ids, err = appendSmallIDs(ids, row.Base)
		} else {
			ids, err = appendLargeIDs(ids, row)
		}
		if err != nil {
			return nil, fmt.Errorf("section row %q: %w", row.Kind, err)
		}
	}
	return ids, nil
}

// appendSmallIDs reads the row of the small sections, which has no tail.
func appendSmallIDs(ids []int64, base []byte) ([]int64, error) {
	raw, err := unsqueeze(base)
	if err != nil {
		return nil, err
	}
	r := reader{in: raw}
	for r.more() {
		kind := r.text()
		r.bytes(uint64(len(asset.Digest{})))
		body := r.text()
		if r.err != nil {
			break
		}
		if ids, _, err = appendBaseIDs(ids, body); err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return ids, r.err
}

// appendLargeIDs reads a row that holds one section.
func appendLargeIDs(ids []int64, row Row) ([]int64, error) {
	raw, err := unsqueeze(row.Base)
	if err != nil {
		return nil, err
	}
	before := len(ids)
	ids, shared, err := appendBaseIDs(ids, raw)
	if err != nil || !shared || len(row.Tail) == 0 {
		return ids, err
	}
	folded := Section{Kind: row.Kind, Shared: true, IDs: ids[before:]}
	if err := applyTail(&folded, row.Tail); err != nil {
		return nil, err
	}
	return append(ids[:before], folded.IDs...), nil
}

// appendBaseIDs reads the members of one section; of a private one nothing.
func appendBaseIDs(ids []int64, base []byte) (out []int64, shared bool, err error) {
	r := reader{in: base}
	switch form := r.byte(); form {
	case baseShared:
	case basePrivate:
		return ids, false, r.err
	default:
		return nil, false, fmt.Errorf("section of unknown form %d", form)
	}
	n := r.count()
	ids = slices.Grow(ids, int(n))
	last := int64(0)
	for range n {
		next := last + int64(r.uvarint())
		if next <= last {
			r.fail(errOrder)
			break
		}
		last = next
		ids = append(ids, last)
	}
	return ids, true, r.end()
}
