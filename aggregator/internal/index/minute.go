// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// seenMargin is how much older than the newest last_seen one may be that is written later: a transaction's time is
	// that of its beginning. Sources may also give times of their own; those wait for the reading of all.
	seenMargin = 2 * time.Minute
	// seenAllEvery is after how many minutes all times are read.
	seenAllEvery = 15
	// seenBatch is for how many heads readers wait.
	seenBatch = 5000
	// sampleSize is how many machines are compared from either side.
	sampleSize = 16
	// sampleAttempts is how often a machine may change while it is compared.
	sampleAttempts = 3
)

// everyMinute does what need not be done at every poll.
func (x *Index) everyMinute(ctx context.Context) {
	s := x.current()
	if s == nil {
		return
	}
	s.minutes++
	err := x.seen(ctx, s, s.minutes%seenAllEvery == 0)
	if err == nil {
		err = x.check(ctx, s)
	}
	if err != nil && ctx.Err() == nil {
		x.log.Warn("index not compared", "err", err)
	}
	x.numbers.bytes.Store(s.bytes())
}

// seen reads when heads were seen, which no journal tells.
func (x *Index) seen(ctx context.Context, s *state, all bool) error {
	var after time.Time
	if !all {
		after = s.newestSeen.Add(-seenMargin)
	}
	heads, err := x.store.HeadsSeen(ctx, after)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(heads, seenBatch) {
		x.write(func() {
			for _, seen := range batch {
				if h := s.byHead[seen.Head]; h != nil && h.lastSeen.Before(seen.LastSeen) {
					h.lastSeen = seen.LastSeen
				}
				if s.newestSeen.Before(seen.LastSeen) {
					s.newestSeen = seen.LastSeen
				}
			}
		})
	}
	return nil
}

// check compares a few machines with the store: some that the index has, and some that the store has. One that differs
// again and again is counted, logged, and read anew.
func (x *Index) check(ctx context.Context, s *state) error {
	machines := s.sample(sampleSize)
	if len(s.byHead) > 0 {
		heads, err := x.store.IndexHeads(ctx, rand.Int64N(s.newestHead+1), sampleSize)
		if err != nil {
			return err
		}
		for _, h := range heads {
			machines = append(machines, h.Machine)
		}
	}
	slices.Sort(machines)
	machines = slices.Compact(machines)
	checked := len(machines)
	for range sampleAttempts {
		if len(machines) == 0 {
			break
		}
		heads, err := x.store.IndexMachines(ctx, machines, nil)
		if err != nil {
			return err
		}
		if err := x.catchUp(ctx); err != nil { // now the index is as new as what was read, or newer
			return err
		}
		machines = s.differing(machines, heads)
	}
	x.numbers.checked.Add(int64(checked))
	x.numbers.mismatches.Add(int64(len(machines)))
	for _, id := range machines {
		if !x.reported[id] {
			x.reported[id] = true
			x.log.Error("index differs from the database: the machine is read anew", "machine", id)
		}
	}
	return x.refresh(ctx, s, machines, false)
}

// sample returns up to n machines that follow one chosen by chance.
func (s *state) sample(n int) []int64 {
	var machines []int64
	if len(s.bySerial) == 0 {
		return machines
	}
	first := rand.IntN(len(s.bySerial))
	for i := range min(n, len(s.bySerial)) {
		machines = append(machines, s.bySerial[(first+i)%len(s.bySerial)].id)
	}
	return machines
}

// differing returns those of machines that the state has otherwise than was read; one that has moved on since is right.
func (s *state) differing(machines []int64, heads []store.IndexHead) []int64 {
	ordinals := roaring.New()
	for i := range heads {
		if h := s.byHead[heads[i].ID]; h != nil {
			ordinals.Add(h.ordinal)
		}
	}
	ids := s.catalog.idsOf(ordinals)
	var differing []int64
	for _, id := range machines {
		of := slices.DeleteFunc(slices.Clone(heads), func(h store.IndexHead) bool { return h.Machine != id })
		if !s.same(s.machines[id], of, ids) {
			differing = append(differing, id)
		}
	}
	return differing
}

func (s *state) same(m *machine, heads []store.IndexHead, ids map[uint32][]int64) bool {
	if m == nil {
		return len(heads) == 0
	}
	return slices.Equal(m.tags, tagsOf(heads)) && sameOverall(m.overall, heads) && slices.EqualFunc(m.heads, heads, func(h *head, read store.IndexHead) bool {
		if h.id != read.ID || h.seq < read.Seq {
			return false
		}
		want, err := pack.AppendSharedIDs(nil, read.Rows)
		if h.seq > read.Seq || err != nil {
			return true
		}
		slices.Sort(want)
		return h.archived == read.Archived && h.summary == read.Summary && h.principalUser() == read.User && h.source == read.Source &&
			slices.Equal(ids[h.ordinal], want) && s.hasStatuses(h, read.Statuses)
	})
}

func tagsOf(heads []store.IndexHead) []int64 {
	if len(heads) == 0 {
		return nil
	}
	return heads[0].Tags
}

// sameOverall compares with the overall status that was read with the heads of a machine.
func sameOverall(overall *compliance.Status, heads []store.IndexHead) bool {
	if len(heads) == 0 || overall == nil || heads[0].Overall == nil {
		return overall == nil && (len(heads) == 0 || heads[0].Overall == nil)
	}
	return *overall == *heads[0].Overall
}

// hasStatuses tells whether these are the statuses of a head.
func (s *state) hasStatuses(h *head, want []store.IndexStatus) bool {
	have := 0
	for _, of := range s.statuses {
		for _, heads := range of {
			if heads.Contains(h.ordinal) {
				have++
			}
		}
	}
	return have == len(want) && !slices.ContainsFunc(want, func(w store.IndexStatus) bool {
		heads := s.statuses[w.Check][w.Status]
		return heads == nil || !heads.Contains(h.ordinal)
	})
}
