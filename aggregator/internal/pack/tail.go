// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Entries of a tail: an operation and an id of the dictionary, facts, or the short id of a removed private fact.
const (
	tailAdd    = '+'
	tailRemove = '-'
)

// tail is what happened to a section since its base was written, summed up.
type tail struct {
	addedIDs map[int64]bool // false: removed
	added    map[asset.ID]snapshot.Asset
	removed  map[asset.ID]bool
}

// readTail decodes a tail.
func readTail(s *Section, raw []byte) (tail, error) {
	t := tail{addedIDs: map[int64]bool{}, added: map[asset.ID]snapshot.Asset{}, removed: map[asset.ID]bool{}}
	r := reader{in: raw}
	for r.more() {
		op := r.byte()
		switch {
		case op != tailAdd && op != tailRemove:
			return t, fmt.Errorf("tail entry %q", op)
		case s.Shared:
			id := int64(r.uvarint())
			if id <= 0 {
				r.fail(errOrder)
			}
			t.addedIDs[id] = op == tailAdd
		case op == tailAdd:
			for _, f := range r.facts(s.Kind) {
				t.added[f.Digest.ID()] = f
				delete(t.removed, f.Digest.ID())
			}
		default:
			if raw := r.bytes(uint64(len(asset.ID{}))); r.err == nil {
				id := asset.ID(raw)
				delete(t.added, id)
				t.removed[id] = true
			}
		}
	}
	return t, r.err
}

// applyTail folds a stored tail into a section.
func applyTail(s *Section, stored []byte) error {
	raw, err := unsqueeze(stored)
	if err != nil || len(raw) == 0 {
		return err
	}
	t, err := readTail(s, raw)
	if err != nil {
		return err
	}
	if s.Shared {
		s.IDs = t.foldIDs(s.IDs)
		return nil
	}
	facts := slices.DeleteFunc(s.Facts, func(f snapshot.Asset) bool {
		_, again := t.added[f.Digest.ID()]
		return again || t.removed[f.Digest.ID()]
	})
	for _, f := range t.added {
		facts = append(facts, f)
	}
	slices.SortFunc(facts, compareFacts)
	s.Facts = facts
	return nil
}

func (t *tail) foldIDs(base []int64) []int64 {
	var plus, minus []int64
	for id, added := range t.addedIDs {
		if added {
			plus = append(plus, id)
		} else {
			minus = append(minus, id)
		}
	}
	slices.Sort(plus)
	slices.Sort(minus)
	return merge(base, plus, minus, cmp.Compare[int64])
}

// extendTail returns the stored tail with a change behind it; false when it grew so long that the base has to be
// written anew.
func extendTail(stored []byte, d *Delta) ([]byte, bool) {
	raw, err := unsqueeze(stored)
	if err != nil {
		return nil, false
	}
	raw = slices.Clone(raw)
	for _, id := range d.RemovedIDs {
		raw = binary.AppendUvarint(append(raw, tailRemove), uint64(id))
	}
	for _, id := range d.AddedIDs {
		raw = binary.AppendUvarint(append(raw, tailAdd), uint64(id))
	}
	for _, f := range d.Removed {
		id := f.Digest.ID()
		raw = append(append(raw, tailRemove), id[:]...)
	}
	if len(d.Added) > 0 {
		raw = appendFacts(append(raw, tailAdd), d.Kind, d.Added)
	}
	out := squeeze(raw)
	if len(out) > maxTailBytes || (d.Shared && len(raw) > maxTailIDBytes) {
		return nil, false
	}
	return out, true
}
