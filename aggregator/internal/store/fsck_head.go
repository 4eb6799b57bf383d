// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// headCheck is the check of one head: its sections as they are, then change by change backwards.
type headCheck struct {
	*fsck
	tx                 pgx.Tx
	name               string
	head               int64
	seq                int64
	firstAt, changedAt time.Time
	root               asset.Digest
	sections           pack.Sections
	digests            map[string]asset.Digest // of the sections that belong to the root, recomputed
}

const checkedHeadSQL = `
SELECT format('head %s (%s, %s)', h.id, m.serial_number, s.name), h.root, h.seq, h.first_at, h.changed_at
FROM head h JOIN machine m ON m.id = h.machine JOIN source s ON s.id = h.source
WHERE h.id = $1`

// head checks one head; one that is gone by now is passed over.
func (f *fsck) head(ctx context.Context, tx pgx.Tx, id int64) error {
	c := headCheck{fsck: f, tx: tx, head: id, digests: map[string]asset.Digest{}}
	var root []byte
	err := tx.QueryRow(ctx, checkedHeadSQL, id).Scan(&c.name, &root, &c.seq, &c.firstAt, &c.changedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	f.counts.Heads++
	if c.root, err = asset.ParseDigest(root); err != nil {
		return err
	}
	rows, _ := tx.Query(ctx, sectionRowsSQL, id) // its error comes back from CollectRows
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pack.Row])
	if err != nil {
		return err
	}
	if c.sections, err = pack.Fold(stored); err != nil {
		c.say("%v", err)
		return nil
	}
	if err := c.current(ctx); err != nil {
		return err
	}
	return c.history(ctx)
}

func (c *headCheck) say(format string, args ...any) {
	c.problem("%s: %s", c.name, fmt.Sprintf(format, args...))
}

// current checks the sections as they are.
func (c *headCheck) current(ctx context.Context) error {
	for _, kind := range slices.Sorted(maps.Keys(c.sections)) {
		c.counts.Sections++
		if err := c.section(ctx, kind); err != nil {
			return err
		}
		stored := c.sections[kind]
		if kind == pack.KindAdded {
			if len(stored.Facts) != 1 || stored.Facts[0].Digest != stored.Digest {
				c.say("section %s: its digest is not that of its fact", kind)
			}
			continue
		}
		if got := c.digests[kind]; got != stored.Digest {
			c.say("section %s: digest %s, its assets have %s", kind, stored.Digest, got)
		}
	}
	if got := snapshot.Root(c.digests); got != c.root {
		c.say("root %s, its sections have %s", c.root, got)
	}
	return nil
}

// section recomputes the digest of one section.
func (c *headCheck) section(ctx context.Context, kind string) error {
	section := c.sections[kind]
	if section == nil {
		delete(c.digests, kind)
		return nil
	}
	if strings.HasPrefix(kind, "@") {
		return nil
	}
	if !section.Shared {
		digests := make([]asset.Digest, len(section.Facts))
		for i := range section.Facts {
			digests[i] = section.Facts[i].Digest
		}
		c.digests[kind] = snapshot.Digest(kind, digests)
		return nil
	}
	if !ascending(section.IDs, cmp.Compare[int64]) {
		c.say("section %s: ids are not ascending", kind)
	}
	digests, err := c.digestsOf(ctx, kind, section.IDs)
	c.digests[kind] = snapshot.Digest(kind, digests)
	return err
}

func ascending[T any](list []T, compare func(a, b T) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

// digestsOf returns the digests of dictionary ids, ascending, and notes that the ids are used.
func (c *headCheck) digestsOf(ctx context.Context, kind string, ids []int64) ([]asset.Digest, error) {
	if err := c.lookUp(ctx, ids); err != nil {
		return nil, err
	}
	digests := make([]asset.Digest, 0, len(ids))
	for _, id := range ids {
		known, ok := c.cache[id]
		digests = append(digests, known.Digest)
		if !ok {
			c.say("section %s: asset %d does not exist", kind, id)
			continue
		}
		c.used.add(id)
		if known.Kind != kind {
			c.say("section %s: asset %d is of kind %s", kind, id, known.Kind)
		}
	}
	slices.SortFunc(digests, asset.Digest.Compare)
	return digests, nil
}

// lookUp fills the cache with what it lacks of ids.
func (c *headCheck) lookUp(ctx context.Context, ids []int64) error {
	const most = 400_000
	if len(c.cache) > most {
		clear(c.cache)
	}
	var unknown []int64
	for _, id := range ids {
		if _, ok := c.cache[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	rows, _ := c.tx.Query(ctx, assetsByIDSQL, unknown) // its error comes back from ForEachRow
	var known KnownAsset
	var digest []byte
	_, err := pgx.ForEachRow(rows, []any{&known.ID, &digest, &known.Kind}, func() (err error) {
		known.Digest, err = asset.ParseDigest(digest)
		c.cache[known.ID] = known
		return err
	})
	return err
}

const historySQL = `SELECT ` + changeColumns + ` FROM change WHERE head = $1 ORDER BY seq DESC`

// history undoes the changes that are kept, the newest first. It reads them all before it looks assets up, which needs
// the connection.
func (c *headCheck) history(ctx context.Context) error {
	rows, _ := c.tx.Query(ctx, historySQL, c.head) // its error comes back from CollectRows
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedChange])
	if err != nil {
		return err
	}
	next := c.seq
	at := c.changedAt.Add(time.Nanosecond)
	for i := range changes {
		stored := &changes[i]
		c.counts.Changes++
		if stored.Seq != next {
			c.say("change %d follows change %d backwards", stored.Seq, next+1)
			return nil
		}
		if !stored.At.Before(at) {
			c.say("change %d is of %s, not before %s", stored.Seq, stored.At, at)
		}
		at = stored.At
		change, err := stored.decode()
		if err != nil {
			c.say("%v", err)
			return nil
		}
		if undone, err := c.back(ctx, &change); err != nil || !undone {
			return err
		}
		next--
	}
	return c.missing(ctx, next)
}

// missing tells when changes up to seq should be kept, but are not. Retention may have dropped a week meanwhile.
func (c *headCheck) missing(ctx context.Context, seq int64) error {
	kept := func(at time.Time) bool { return !c.oldest.IsZero() && !at.Before(c.oldest) }
	missing := func() bool { return seq > 0 && kept(c.firstAt) || seq == c.seq && kept(c.changedAt) }
	if !missing() {
		return nil
	}
	if err := c.begins(ctx, c.tx); err != nil {
		return err
	}
	if missing() {
		c.say("changes up to %d are missing", seq)
	}
	return nil
}

// back compares one change with the sections after it, and undoes it; false when it cannot be undone.
func (c *headCheck) back(ctx context.Context, change *Change) (bool, error) {
	if got := snapshot.Root(c.digests); got != change.Root {
		c.say("change %d: root %s, the sections have %s", change.Seq, change.Root, got)
	}
	for i := range change.Deltas {
		d := &change.Deltas[i]
		c.fits(change.Seq, d)
		if _, err := c.digestsOf(ctx, d.Kind, slices.Concat(d.AddedIDs, d.RemovedIDs)); err != nil {
			return false, err
		}
	}
	if err := undoDeltas(c.sections, change.Deltas); err != nil {
		c.say("change %d: %v", change.Seq, err)
		return false, nil
	}
	for i := range change.Deltas {
		if err := c.section(ctx, change.Deltas[i].Kind); err != nil {
			return false, err
		}
	}
	return true, nil
}

// fits checks that a section holds what a change added and nothing of what it removed.
func (c *headCheck) fits(seq int64, d *pack.Delta) {
	section := c.sections[d.Kind]
	if d.After != (section != nil) {
		c.say("change %d: section %s is there afterwards: %v, the change says %v", seq, d.Kind, section != nil, d.After)
	}
	if section == nil {
		section = &pack.Section{}
	}
	compare := func(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) }
	if !all(section.IDs, d.AddedIDs, cmp.Compare[int64], true) || !all(section.Facts, d.Added, compare, true) {
		c.say("change %d: section %s lacks what it added", seq, d.Kind)
	}
	// The section may be gone: then nothing of what was removed is there.
	if !all(section.IDs, d.RemovedIDs, cmp.Compare[int64], false) || !all(section.Facts, d.Removed, compare, false) {
		c.say("change %d: section %s has what it removed", seq, d.Kind)
	}
}

// all tells whether an ascending list holds every one of values, or none of them.
func all[T any](list, values []T, compare func(a, b T) int, held bool) bool {
	return !slices.ContainsFunc(values, func(v T) bool {
		_, found := slices.BinarySearchFunc(list, v, compare)
		return found != held
	})
}
