// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// An upgraded package changes two buckets of install times, each by one time of eight or so. Kept whole, before and
// after, they would be most of its change; so a bucket that is there before and after is kept as an edit of its list.

var errEdit = errors.New("edit of install times does not fit its bucket")

// TimesEdit is what a change did to one bucket of snapshot.KindInstallTimes: it took some neighbouring times out of
// the list and put others in their place. It means something only beside the section that it belongs to.
type TimesEdit struct {
	Kind   string // of package
	bucket byte
	at     int
	gone   int     // how many times went
	old    []int64 // those that went; nil in a tail, which is never undone
	fresh  []int64 // those that came
}

// redo returns the times after the change.
func (e *TimesEdit) redo(times []int64) ([]int64, error) {
	return splice(times, e.at, e.gone, e.old, e.fresh)
}

// undo returns the times before the change.
func (e *TimesEdit) undo(times []int64) ([]int64, error) {
	return splice(times, e.at, len(e.fresh), e.fresh, e.old)
}

// splice returns a copy of the list with n values from at on replaced; from, unless it is nil, are those that must be there.
func splice(list []int64, at, n int, from, to []int64) ([]int64, error) {
	if at > len(list) || n > len(list)-at || from != nil && !slices.Equal(list[at:at+n], from) || n == len(list) && len(to) == 0 {
		return nil, errEdit
	}
	return slices.Concat(list[:at], to, list[at+n:]), nil
}

// editOf returns the edit that turns one bucket into another; false when they are not two states of one bucket.
func editOf(before, after []byte) (TimesEdit, bool) {
	b, okBefore := readTimes(before)
	a, okAfter := readTimes(after)
	if !okBefore || !okAfter || a.Kind != b.Kind || a.Bucket != b.Bucket {
		return TimesEdit{}, false
	}
	first, _ := hex.DecodeString(b.Bucket) // readTimes saw to it
	start, least := 0, min(len(b.Times), len(a.Times))
	for start < least && b.Times[start] == a.Times[start] {
		start++
	}
	end := 0
	for end < least-start && b.Times[len(b.Times)-1-end] == a.Times[len(a.Times)-1-end] {
		end++
	}
	old, fresh := b.Times[start:len(b.Times)-end], a.Times[start:len(a.Times)-end]
	return TimesEdit{Kind: b.Kind, bucket: first[0], at: start, gone: len(old), old: old, fresh: fresh}, true
}

// pair turns buckets that were removed and added into edits, unless the section has two of that name.
func (d *Delta) pair(before, after *Section) {
	if d.Kind != snapshot.KindInstallTimes || !d.Before || !d.After || len(d.Removed) == 0 || len(d.Added) == 0 {
		return
	}
	edited := map[asset.Digest]bool{}
	for _, p := range d.pairs(before, after) {
		if e, ok := editOf(p.old.Body, p.fresh.Body); ok {
			d.Edits = append(d.Edits, e)
			edited[p.old.Digest], edited[p.fresh.Digest] = true, true
		}
	}
	paired := func(f snapshot.Asset) bool { return edited[f.Digest] }
	d.Added, d.Removed = slices.DeleteFunc(d.Added, paired), slices.DeleteFunc(d.Removed, paired)
}

// timesPair is a removed fact and the added one with the same heading, and how many facts have it in all.
type timesPair struct {
	old, fresh    *snapshot.Asset
	before, after int
}

// pairs returns the pairs whose heading stands once in the section before and once after, in the order of the removed.
func (d *Delta) pairs(before, after *Section) []*timesPair {
	found := make(map[string]*timesPair, len(d.Removed))
	list := make([]*timesPair, 0, len(d.Removed))
	for i := range d.Removed {
		if h := heading(d.Removed[i].Body); h != nil {
			p := &timesPair{old: &d.Removed[i]}
			found[string(h)] = p
			list = append(list, p)
		}
	}
	each := func(facts []snapshot.Asset, fn func(p *timesPair, f *snapshot.Asset)) {
		for i := range facts {
			if p := found[string(heading(facts[i].Body))]; p != nil {
				fn(p, &facts[i])
			}
		}
	}
	each(d.Added, func(p *timesPair, f *snapshot.Asset) { p.fresh = f })
	each(before.Facts, func(p *timesPair, _ *snapshot.Asset) { p.before++ })
	each(after.Facts, func(p *timesPair, _ *snapshot.Asset) { p.after++ })
	return slices.DeleteFunc(list, func(p *timesPair) bool { return p.fresh == nil || p.before != 1 || p.after != 1 })
}

// heading returns what comes before the times in a fact; nil when it has no such form. It is asked of all buckets at
// every change.
func heading(body []byte) []byte {
	const kindAt = len(bucketKey) + 2 + len(kindKey)
	if len(body) < kindAt || string(body[:len(bucketKey)]) != bucketKey || string(body[kindAt-len(kindKey):kindAt]) != kindKey {
		return nil
	}
	end := kindAt + bytes.IndexByte(body[kindAt:], '"')
	if end < kindAt || len(body) < end+len(timesKey) || string(body[end:end+len(timesKey)]) != timesKey {
		return nil
	}
	return body[:end+len(timesKey)]
}

// heading returns what the fact of the bucket begins with.
func (e *TimesEdit) heading(out []byte) []byte {
	out = append(hex.AppendEncode(append(out, bucketKey...), []byte{e.bucket}), kindKey...)
	return append(append(out, e.Kind...), timesKey...)
}

// editedBucket is a bucket that edits are applied to.
type editedBucket struct {
	fact  int // where it stands, -1 as long as nobody found it
	times []int64
}

// applyEdits returns the facts that edits, applied in order, change, and what they turn them into, in the same order.
func applyEdits(facts []snapshot.Asset, edits []TimesEdit, apply func(*TimesEdit, []int64) ([]int64, error)) (from, to []snapshot.Asset, err error) {
	index := make(map[string]int, len(edits))
	buckets := make([]editedBucket, 0, len(edits))
	at := make([]int, len(edits))
	var name []byte
	for i := range edits {
		name = edits[i].heading(name[:0])
		n, ok := index[string(name)]
		if !ok {
			n = len(buckets)
			index[string(name)] = n
			buckets = append(buckets, editedBucket{fact: -1})
		}
		at[i] = n
	}
	for i := range facts {
		n, ok := index[string(heading(facts[i].Body))]
		if !ok {
			continue
		}
		f, ok := readTimes(facts[i].Body)
		if !ok || buckets[n].fact >= 0 {
			return nil, nil, errEdit
		}
		buckets[n] = editedBucket{fact: i, times: f.Times}
	}
	for i := range edits {
		b := &buckets[at[i]]
		if b.fact < 0 {
			return nil, nil, errEdit
		}
		if b.times, err = apply(&edits[i], b.times); err != nil {
			return nil, nil, err
		}
	}
	for _, b := range buckets {
		old := facts[b.fact]
		from = append(from, old)
		to = append(to, fact(snapshot.KindInstallTimes, appendBody(heading(old.Body), b.times)))
	}
	return from, to, nil
}
