// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// journalPage is how many entries are read at once.
	journalPage = 1000
	// refreshBatch is how many machines are read at once.
	refreshBatch = 100
	// writeBatch is how many machines readers wait for.
	writeBatch = 16
)

// catchUp applies what the journal has behind the position. Entries are hints: they name machines, and what is read of
// those is as they are now. So applying one twice, or late, or after a newer one, does no harm.
//
// An entry whose transaction is over is applied even while older transactions run, but the position waits for those:
// their entries will come in front of it.
func (x *Index) catchUp(ctx context.Context) error {
	s := x.current()
	if s == nil {
		return x.building()
	}
	began := time.Now()
	if err := x.expire(ctx, s, began); err != nil {
		return err
	}
	found, settled := 0, true
	for after := s.position; ; {
		page, err := x.store.IndexJournal(ctx, after, journalPage)
		if err != nil {
			return err
		}
		found += len(page)
		if err := x.apply(ctx, s, page); err != nil {
			return err
		}
		for _, e := range page {
			if settled = settled && e.Settled; settled {
				s.position = e.Position
				delete(s.applied, e.Position)
			} else {
				s.applied[e.Position] = true
			}
		}
		if len(page) < journalPage {
			break
		}
		after = page[len(page)-1].Position
	}
	x.numbers.waitingEntries.Store(int64(found))
	x.numbers.polledUnixMicro.Store(began.UnixMicro())
	return nil
}

// expire forgets a state that missed entries of the journal, as when the program was stopped for days.
func (x *Index) expire(ctx context.Context, s *state, now time.Time) error {
	if now.Sub(time.UnixMicro(x.numbers.polledUnixMicro.Load())) < trimAge {
		return nil
	}
	floor, err := x.store.JournalFloor(ctx)
	if err != nil || !before(s.position, floor) {
		return err
	}
	x.log.Warn("the journal was trimmed unread: the index is built anew")
	x.Forget()
	return x.building()
}

// before tells whether a position of the journal lies before another.
func before(a, b store.Position) bool { return a.XID < b.XID || a.XID == b.XID && a.ID < b.ID }

// apply looks at what entries hint at, but for those that were applied before.
func (x *Index) apply(ctx context.Context, s *state, page []store.IndexEntry) error {
	machines := map[int64]bool{}
	checks := false
	for _, e := range page {
		if s.applied[e.Position] {
			continue
		}
		checks = checks || e.What == "check"
		if s.isEdit(&e) {
			x.numbers.edits.Add(1)
		}
		if e.Machine != 0 {
			machines[e.Machine] = true
		}
	}
	if checks {
		ids, err := x.store.CheckIDs(ctx)
		if err != nil {
			return err
		}
		x.write(func() { s.keepChecks(ids) })
	}
	return x.refresh(ctx, s, slices.Sorted(maps.Keys(machines)), true)
}

// isEdit tells whether an entry may be about what Edits counts.
func (s *state) isEdit(e *store.IndexEntry) bool {
	switch e.What {
	case "check", "audit":
		return true
	case "tag":
		return s.machines[e.Machine] == nil // the index does not know whose tags these are
	}
	return false
}

// refresh brings machines up to date. With trust the heads' assets are taken to be those of their seq, otherwise they
// are read anew.
func (x *Index) refresh(ctx context.Context, s *state, machines []int64, trust bool) error {
	for batch := range slices.Chunk(machines, refreshBatch) {
		known := map[int64]store.IndexKnown{}
		for _, id := range batch {
			if m := s.machines[id]; m != nil && trust {
				for _, h := range m.heads {
					known[h.id] = store.IndexKnown{Seq: h.seq, ChangedAt: h.changedAt}
				}
			}
		}
		heads, err := x.store.IndexMachines(ctx, batch, known)
		if err != nil {
			return err
		}
		if err := x.replace(ctx, s, batch, heads); err != nil {
			return err
		}
	}
	return nil
}

// replace writes what was read of machines into the state, a few machines at a time.
func (x *Index) replace(ctx context.Context, s *state, machines []int64, heads []store.IndexHead) error {
	updates := x.decode(s, heads)
	assets, err := x.missingAssets(ctx, s, updates)
	if err != nil {
		return err
	}
	sources, err := x.missingSources(ctx, s, heads)
	if err != nil {
		return err
	}
	byMachine := map[int64][]*update{}
	for i := range updates {
		byMachine[updates[i].Machine] = append(byMachine[updates[i].Machine], &updates[i])
	}
	gone := slices.DeleteFunc(slices.Clone(machines), func(id int64) bool { return s.machines[id] == nil || byMachine[id] != nil })
	x.write(func() {
		for _, a := range assets {
			s.catalog.put(a)
		}
		s.catalog.sort()
		for _, source := range sources {
			s.sources[source.ID] = source
		}
		s.drop(gone)
	})
	for few := range slices.Chunk(slices.Sorted(maps.Keys(byMachine)), writeBatch) {
		x.write(func() {
			x.replaceFew(s, few, byMachine)
			s.sort()
		})
	}
	return nil
}

func (x *Index) missingSources(ctx context.Context, s *state, heads []store.IndexHead) ([]store.Source, error) {
	for i := range heads {
		if _, ok := s.sources[heads[i].Source]; !ok {
			return x.store.Sources(ctx)
		}
	}
	return nil, nil
}

// replaceFew brings the heads of machines up to date: what is whole takes the place of what was, what was not read is
// no more.
func (x *Index) replaceFew(s *state, machines []int64, byMachine map[int64][]*update) {
	outdated := roaring.New()
	for _, id := range machines {
		m := s.machines[id]
		if m == nil {
			continue
		}
		s.detach(m)
		for _, h := range slices.Clone(m.heads) {
			at := slices.IndexFunc(byMachine[id], func(u *update) bool { return u.ID == h.id })
			if at >= 0 && !byMachine[id][at].Whole {
				continue
			}
			outdated.Add(h.ordinal)
			if at < 0 {
				s.dropHead(h)
			}
		}
	}
	s.catalog.forget(outdated)
	for _, id := range machines {
		for _, u := range byMachine[id] {
			if h := x.set(s, u); h != nil {
				s.catalog.update(h.ordinal, u)
			}
		}
		if m := s.machines[id]; m != nil {
			s.attach(m)
		}
	}
}

// drop forgets machines that have no heads any more.
func (s *state) drop(machines []int64) {
	outdated := roaring.New()
	for _, id := range machines {
		m := s.machines[id]
		s.detach(m)
		for _, h := range slices.Clone(m.heads) {
			outdated.Add(h.ordinal)
			s.dropHead(h)
		}
		s.dropMachine(m)
	}
	s.catalog.forget(outdated)
}
