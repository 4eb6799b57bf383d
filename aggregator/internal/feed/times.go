// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Install times travel apart from the rows that they belong to, in buckets of a dozen. What a change did to a bucket
// nearly always tells whose time is whose; the two snapshots around the change tell the rest.

// rowTimes are the install times of rows that came and went, in seconds.
type rowTimes struct{ added, removed map[asset.Digest]int64 }

// bucket is the part of a kind's rows whose times are kept together.
type bucket struct {
	kind  string
	first byte // of their digests
}

// bucketChange is what a change did to a bucket: its times, and the rows it is about.
type bucketChange struct {
	gone, came     []int64
	removed, added []asset.Digest
}

// timeField returns the key that install times of a kind stand under in a tree; "" when it has none.
func timeField(kind string) string {
	k, known := snapshot.KindOf(kind)
	if !known || k.Fact == nil {
		return ""
	}
	if f := asset.MembershipField(k.Fact); f != nil {
		return string(f.Name())
	}
	return ""
}

// timesDelta returns what a change did to install times; nil when it did nothing.
func timesDelta(change *store.Change) *pack.Delta {
	i := slices.IndexFunc(change.Deltas, func(d pack.Delta) bool { return d.Kind == snapshot.KindInstallTimes })
	if i < 0 {
		return nil
	}
	return &change.Deltas[i]
}

// loadTimes finds out the install times of rows that came and went and that somebody wants.
func (p *page) loadTimes(ctx context.Context) error {
	maker := event.NewMaker(event.Event{}, p.matcher)
	for key, change := range p.changes {
		if key.Seq == 1 {
			continue
		}
		for i := range change.Deltas {
			d := &change.Deltas[i]
			if timeField(d.Kind) == "" || !maker.WantsChange(d.Kind, true) && !maker.WantsChange(d.Kind, false) {
				continue
			}
			times, ok := p.told(&change, d)
			if !ok {
				var err error
				if times, err = p.looked(ctx, key, &change, d); err != nil {
					return err
				}
			}
			if len(times.added)+len(times.removed) > 0 {
				p.times[timesKey{key, d.Kind}] = times
			}
		}
	}
	return nil
}

// told returns the times that the change itself tells; false when it does not tell all.
func (p *page) told(change *store.Change, d *pack.Delta) (rowTimes, bool) {
	buckets := map[bucket]*bucketChange{}
	at := func(b bucket) *bucketChange {
		if buckets[b] == nil {
			buckets[b] = &bucketChange{}
		}
		return buckets[b]
	}
	if t := timesDelta(change); t != nil {
		for i := range t.Edits {
			first, gone, came := t.Edits[i].Times()
			b := at(bucket{t.Edits[i].Kind, first})
			b.gone, b.came = append(b.gone, gone...), append(b.came, came...)
		}
		eachBucket(t.Removed, func(b bucket, times []int64) { at(b).gone = append(at(b).gone, times...) })
		eachBucket(t.Added, func(b bucket, times []int64) { at(b).came = append(at(b).came, times...) })
	}
	for _, digest := range p.digests(d.AddedIDs, d.Added) {
		b := at(bucket{d.Kind, digest[0]})
		b.added = append(b.added, digest)
	}
	for _, digest := range p.digests(d.RemovedIDs, d.Removed) {
		b := at(bucket{d.Kind, digest[0]})
		b.removed = append(b.removed, digest)
	}
	times := rowTimes{added: map[asset.Digest]int64{}, removed: map[asset.Digest]int64{}}
	for key, b := range buckets {
		if key.kind == d.Kind && !b.tell(&times) {
			return rowTimes{}, false
		}
	}
	return times, true
}

// tell adds the times of a bucket's rows, if they are beyond doubt: as many times came as rows, and all of them are the
// same, and likewise what went.
func (b *bucketChange) tell(times *rowTimes) bool {
	came, gone := without(b.came, b.gone), without(b.gone, b.came)
	if len(b.came)+len(b.gone) == 0 { // no row of the bucket has a time, unless one took another's place within the minute
		return len(b.added) == 0 || len(b.removed) == 0
	}
	return assign(times.added, b.added, came) && assign(times.removed, b.removed, gone)
}

func assign(times map[asset.Digest]int64, rows []asset.Digest, moments []int64) bool {
	if len(rows) == 0 {
		return true
	}
	if len(moments) != len(rows) || slices.ContainsFunc(moments, func(m int64) bool { return m != moments[0] }) {
		return false
	}
	for _, row := range rows {
		times[row] = moments[0]
	}
	return true
}

// without returns the times of a list that are not matched by one of another list.
func without(list, other []int64) []int64 {
	list = slices.Clone(list)
	for _, t := range other {
		if i := slices.Index(list, t); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	return list
}

// eachBucket hands over the buckets that came or went whole.
func eachBucket(facts []snapshot.Asset, fn func(bucket, []int64)) {
	for i := range facts {
		var fact struct {
			Kind   string  `json:"kind"`
			Bucket string  `json:"bucket"`
			Times  []int64 `json:"times"`
		}
		if json.Unmarshal(facts[i].Body, &fact) != nil {
			continue // of a form that no tree shows either
		}
		if first, err := hex.DecodeString(fact.Bucket); err == nil && len(first) == 1 {
			fn(bucket{fact.Kind, first[0]}, fact.Times)
		}
	}
}

// digests returns the digests of shared or of private assets.
func (p *page) digests(ids []int64, facts []snapshot.Asset) []asset.Digest {
	out := make([]asset.Digest, 0, len(ids)+len(facts))
	for _, id := range ids {
		out = append(out, p.bodies[id].Digest)
	}
	for i := range facts {
		out = append(out, facts[i].Digest)
	}
	return out
}

// looked returns the times of rows as the snapshots before and after a change have them; none when those are not kept.
func (p *page) looked(ctx context.Context, key store.ChangeKey, change *store.Change, d *pack.Delta) (rowTimes, error) {
	moment, err := p.feed.store.SectionsAtSeq(ctx, key.Head, key.Seq)
	if notKept(err) {
		return rowTimes{}, nil
	}
	if err != nil {
		return rowTimes{}, err
	}
	rows, times := moment.Sections[d.Kind], moment.Sections[snapshot.KindInstallTimes]
	var out rowTimes
	if out.added, err = p.joined(ctx, rows, times); err != nil {
		return rowTimes{}, err
	}
	if rows, err = d.Undo(rows); err != nil {
		return rowTimes{}, err
	}
	if t := timesDelta(change); t != nil {
		if times, err = t.Undo(times); err != nil {
			return rowTimes{}, err
		}
	}
	out.removed, err = p.joined(ctx, rows, times)
	return out, err
}

// notKept tells whether an error says that a snapshot is gone: its history was dropped, or its machine pruned.
func notKept(err error) bool {
	_, gone := errors.AsType[*store.GoneError](err)
	return gone || errors.Is(err, store.ErrNotFound)
}

// joined returns the install times of a whole section.
func (p *page) joined(ctx context.Context, rows, times *pack.Section) (map[asset.Digest]int64, error) {
	if rows == nil || times == nil {
		return nil, nil
	}
	digests, err := p.feed.store.AssetDigests(ctx, rows.IDs)
	if err != nil {
		return nil, fmt.Errorf("install times of %s: %w", rows.Kind, err)
	}
	section := &snapshot.Section{Kind: rows.Kind, Assets: slices.Clone(rows.Facts)}
	for _, d := range digests {
		section.Assets = append(section.Assets, snapshot.Asset{Digest: d})
	}
	slices.SortFunc(section.Assets, func(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) })
	joined := make(map[asset.Digest]int64, len(section.Assets))
	for i, seconds := range snapshot.JoinTimes(section, &snapshot.Section{Kind: times.Kind, Assets: times.Facts}) {
		joined[section.Assets[i].Digest] = seconds
	}
	return joined, nil
}

// withTime returns a row as it stands in a tree, with its install time behind the other keys.
func withTime(body []byte, field string, seconds int64) json.RawMessage {
	end := bytes.LastIndexByte(body, '}')
	at := time.Unix(seconds, 0).UTC()
	if seconds == snapshot.NoTime || end < 1 || body[0] != '{' || at.Year() < 1 || at.Year() > 9999 || bytes.Contains(body, []byte(`"`+field+`":`)) {
		return body
	}
	out := append(make([]byte, 0, len(body)+len(field)+32), body[:end]...)
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return append(append(append(append(append(out, '"'), field...), `":"`...), normal.Datetime(at)...), `"}`...)
}
