// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// KindAdded is a private pseudo-section of at most one fact: what only the aggregator knows (platform, type,
// reference …). It is stored and undone like a section and is no part of the root.
const KindAdded = "@added"

// Section is the content of one kind in one snapshot.
type Section struct {
	Kind   string
	Shared bool
	Digest asset.Digest
	IDs    []int64          // shared: dictionary ids, ascending
	Facts  []snapshot.Asset // private: by ascending digest
}

// Sections holds the sections of a head by kind. A kind that is not in it is dropped or was never reported.
type Sections map[string]*Section

// Root returns the root digest over the sections' digests.
func (s Sections) Root() asset.Digest {
	digests := make(map[string]asset.Digest, len(s))
	for kind, section := range s {
		if !strings.HasPrefix(kind, "@") {
			digests[kind] = section.Digest
		}
	}
	return snapshot.Root(digests)
}

// Delta is what one change did to one kind. Lists stand in ascending order.
type Delta struct {
	Kind          string
	Shared        bool
	Before, After bool // whether the section was there before and is there after the change
	AddedIDs      []int64
	RemovedIDs    []int64
	Added         []snapshot.Asset
	Removed       []snapshot.Asset
	Edits         []TimesEdit // of snapshot.KindInstallTimes: what is in neither Added nor Removed
}

// Empty tells whether the change left the kind as it was.
func (d *Delta) Empty() bool {
	return d.Before == d.After &&
		len(d.AddedIDs)+len(d.RemovedIDs)+len(d.Added)+len(d.Removed)+len(d.Edits) == 0
}

// Diff returns what turns before into after; nil stands for a section that is not there.
func Diff(before, after *Section) Delta {
	var d Delta
	switch {
	case before == nil && after == nil:
		return d
	case before == nil:
		before = &Section{Kind: after.Kind, Shared: after.Shared}
		d.After = true
	case after == nil:
		after = &Section{Kind: before.Kind, Shared: before.Shared}
		d.Before = true
	default:
		d.Before, d.After = true, true
	}
	d.Kind, d.Shared = after.Kind, after.Shared
	d.AddedIDs, d.RemovedIDs = difference(before.IDs, after.IDs, cmp.Compare[int64])
	d.Added, d.Removed = difference(before.Facts, after.Facts, compareFacts)
	d.pair(before, after)
	return d
}

// Undo returns the section as it was before the change; nil when it was not there. The digest is left zero: who needs
// it has the dictionary. It is an error when an edit does not fit the section, which one of them then is not.
func (d *Delta) Undo(after *Section) (*Section, error) {
	if !d.Before {
		return nil, nil
	}
	out := &Section{Kind: d.Kind, Shared: d.Shared}
	if after != nil {
		out.IDs, out.Facts = after.IDs, after.Facts
	}
	out.IDs = merge(out.IDs, d.RemovedIDs, d.AddedIDs, cmp.Compare[int64])
	added, removed := d.Added, d.Removed
	if len(d.Edits) > 0 {
		from, to, err := applyEdits(out.Facts, d.Edits, (*TimesEdit).undo)
		if err != nil {
			return nil, fmt.Errorf("undo %s: %w", d.Kind, err)
		}
		added, removed = slices.Concat(added, from), slices.Concat(removed, to)
		slices.SortFunc(added, compareFacts)
		slices.SortFunc(removed, compareFacts)
	}
	out.Facts = merge(out.Facts, removed, added, compareFacts)
	return out, nil
}

func compareFacts(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) }

// difference compares two ascending lists.
func difference[T any](before, after []T, compare func(a, b T) int) (added, removed []T) {
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		switch c := compare(before[i], after[j]); {
		case c < 0:
			removed = append(removed, before[i])
			i++
		case c > 0:
			added = append(added, after[j])
			j++
		default:
			i++
			j++
		}
	}
	return append(added, after[j:]...), append(removed, before[i:]...)
}

// merge returns the ascending list with plus added and minus taken out; all are ascending. What is in both stays.
func merge[T any](list, plus, minus []T, compare func(a, b T) int) []T {
	out := make([]T, 0, len(list)+len(plus))
	for _, v := range list {
		for len(plus) > 0 && compare(plus[0], v) < 0 {
			out = append(out, plus[0])
			plus = plus[1:]
		}
		for len(minus) > 0 && compare(minus[0], v) < 0 {
			minus = minus[1:]
		}
		if len(minus) > 0 && compare(minus[0], v) == 0 {
			continue
		}
		if len(plus) > 0 && compare(plus[0], v) == 0 {
			plus = plus[1:]
		}
		out = append(out, v)
	}
	return append(out, plus...)
}

// With returns the section's dictionary ids with added put in and removed taken out, ascending; both are ascending.
func (s *Section) With(added, removed []int64) []int64 {
	return merge(s.IDs, added, removed, cmp.Compare[int64])
}
