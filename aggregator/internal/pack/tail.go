// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Entries of a tail: an operation and an id of the dictionary, facts, the short id of a removed private fact, or edits
// of install times.
const (
	tailAdd    = '+'
	tailRemove = '-'
	tailEdit   = '~'
)

// tail is what happened to a section since its base was written, summed up.
type tail struct {
	addedIDs map[int64]bool // false: removed
	added    map[asset.ID]snapshot.Asset
	removed  map[asset.ID]bool
	edits    []TimesEdit // of what added and removed make of the base
}

// readTail decodes a tail.
func readTail(s *Section, raw []byte) (tail, error) {
	t := tail{addedIDs: map[int64]bool{}, added: map[asset.ID]snapshot.Asset{}, removed: map[asset.ID]bool{}}
	r := reader{in: raw}
	for r.more() {
		op := r.byte()
		switch {
		case op == tailEdit && s.Kind == snapshot.KindInstallTimes && !s.Shared:
			t.edits = append(t.edits, r.edits(false)...)
		case op != tailAdd && op != tailRemove:
			return t, fmt.Errorf("tail entry %q", op)
		case s.Shared:
			id := int64(r.uvarint())
			if id <= 0 {
				r.fail(errOrder)
			}
			t.addedIDs[id] = op == tailAdd
		default:
			if err := t.settle(s.Facts); err != nil {
				return t, err
			}
			t.members(&r, s.Kind, op)
		}
	}
	if r.err != nil {
		return t, r.err
	}
	return t, t.settle(s.Facts)
}

// members reads private facts that came, or the id of one that went.
func (t *tail) members(r *reader, kind string, op byte) {
	if op == tailAdd {
		for _, f := range r.facts(kind) {
			t.add(f)
		}
		return
	}
	if raw := r.bytes(uint64(len(asset.ID{}))); r.err == nil {
		t.remove(asset.ID(raw))
	}
}

func (t *tail) add(f snapshot.Asset) {
	t.added[f.Digest.ID()] = f
	delete(t.removed, f.Digest.ID())
}

func (t *tail) remove(id asset.ID) {
	delete(t.added, id)
	t.removed[id] = true
}

// settle applies the edits. What follows them may remove what they made.
func (t *tail) settle(base []snapshot.Asset) error {
	if len(t.edits) == 0 {
		return nil
	}
	if len(t.added)+len(t.removed) > 0 {
		base = t.foldFacts(slices.Clone(base))
	}
	from, to, err := applyEdits(base, t.edits, (*TimesEdit).redo)
	if err != nil {
		return err
	}
	for _, f := range from {
		t.remove(f.Digest.ID())
	}
	for _, f := range to {
		t.add(f)
	}
	t.edits = nil
	return nil
}

// foldFacts returns the private facts of a base with what came and went, both in ascending order. It reuses base.
func (t *tail) foldFacts(base []snapshot.Asset) []snapshot.Asset {
	facts := slices.DeleteFunc(base, func(f snapshot.Asset) bool {
		_, again := t.added[f.Digest.ID()]
		return again || t.removed[f.Digest.ID()]
	})
	return merge(facts, slices.SortedFunc(maps.Values(t.added), compareFacts), nil, compareFacts)
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
	s.Facts = t.foldFacts(s.Facts)
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
	if len(d.Edits) > 0 {
		raw = appendEdits(append(raw, tailEdit), d.Edits, false)
	}
	out := squeeze(raw)
	if len(out) > maxTailBytes || (d.Shared && len(raw) > maxTailIDBytes) || (d.Kind == snapshot.KindInstallTimes && len(out) > maxTailTimesBytes) {
		return nil, false
	}
	return out, true
}
