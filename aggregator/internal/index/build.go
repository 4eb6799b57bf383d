// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// buildBatch is how many heads are read at once: some megabytes.
	buildBatch = 250
	// progressInterval is how often the log says how far the build is.
	progressInterval = 5 * time.Second
)

// rebuild builds the state and puts it in place; when that fails it waits a moment.
func (x *Index) rebuild(ctx context.Context) {
	x.mu.RLock()
	forgets := x.forgets
	x.mu.RUnlock()
	begin := time.Now()
	s, err := x.build(ctx)
	x.tried(ctx, "build", err)
	if err != nil {
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
		}
		return
	}
	x.numbers.buildNanos.Store(int64(time.Since(begin)))
	x.numbers.bytes.Store(s.bytes())
	x.write(func() {
		if x.forgets == forgets {
			x.state = s
		}
	})
	if x.current() == nil { // it is of another database
		return
	}
	x.log.Info("index built", "heads", len(s.byHead), "assets", s.catalog.count, "bytes", x.numbers.bytes.Load(),
		"duration", time.Since(begin).Round(time.Millisecond))
}

// build reads everything. What is committed while it reads comes again from the journal.
func (x *Index) build(ctx context.Context) (*state, error) {
	x.numbers.done.Store(0)
	expected, err := x.store.CountHeads(ctx)
	if err != nil {
		return nil, err
	}
	x.numbers.expected.Store(expected)
	s := newState()
	polled := time.Now()
	if s.position, err = x.store.IndexStart(ctx); err != nil {
		return nil, err
	}
	if err := x.loadSources(ctx, s); err != nil {
		return nil, err
	}
	err = x.store.IndexAssets(ctx, func(assets []store.IndexAsset) error {
		for _, a := range assets {
			s.catalog.put(a)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := x.loadHeads(ctx, s); err != nil {
		return nil, err
	}
	for _, m := range s.machines {
		s.attach(m)
	}
	s.sort()
	s.catalog.sort()
	s.catalog.compact()
	x.numbers.polledUnixMicro.Store(polled.UnixMicro())
	return s, nil
}

func (x *Index) loadSources(ctx context.Context, s *state) error {
	sources, err := x.store.Sources(ctx)
	for _, source := range sources {
		s.sources[source.ID] = source
	}
	return err
}

// loadHeads reads one batch while it enters the one before, so that PostgreSQL and this program both work.
func (x *Index) loadHeads(ctx context.Context, s *state) error {
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan []store.IndexHead, 2)
	group.Go(func() error {
		defer close(batches)
		return x.readHeads(ctx, batches)
	})
	group.Go(func() error {
		all := bulk{catalog: &s.catalog}
		said := time.Now()
		for batch := range batches {
			if err := x.enter(ctx, s, &all, batch); err != nil {
				return err
			}
			done := x.numbers.done.Add(int64(len(batch)))
			if time.Since(said) >= progressInterval {
				said = time.Now()
				x.log.Info("building the index", "heads", done, "expected", x.numbers.expected.Load())
			}
		}
		all.flush()
		return nil
	})
	return group.Wait()
}

func (x *Index) readHeads(ctx context.Context, batches chan<- []store.IndexHead) error {
	last := int64(0)
	for {
		heads, err := x.store.IndexHeads(ctx, last, buildBatch)
		if err != nil {
			return err
		}
		if len(heads) > 0 {
			select {
			case batches <- heads:
			case <-ctx.Done():
				return ctx.Err()
			}
			last = heads[len(heads)-1].ID
		}
		if len(heads) < buildBatch {
			return nil
		}
	}
}

// enter puts heads into a state that nobody else sees yet. Their machines are attached at the end.
func (x *Index) enter(ctx context.Context, s *state, all *bulk, batch []store.IndexHead) error {
	updates := x.decode(s, batch)
	assets, err := x.missingAssets(ctx, s, updates)
	if err != nil {
		return err
	}
	for _, a := range assets {
		s.catalog.put(a)
	}
	for i := range updates {
		if h := x.set(s, &updates[i]); h != nil {
			all.add(h.ordinal, updates[i].ids)
		}
	}
	return nil
}

// update is a head with what is to be done to its assets.
type update struct {
	store.IndexHead
	ids []int64 // of a whole head: all
}

// decode unpacks the sections of heads. One that is damaged is entered without assets: fsck says what is wrong with it.
func (x *Index) decode(s *state, heads []store.IndexHead) []update {
	updates := make([]update, len(heads))
	for i, h := range heads {
		updates[i].IndexHead = h
		if !h.Whole {
			continue
		}
		var err error
		if updates[i].ids, err = pack.AppendSharedIDs(nil, h.Rows); err != nil {
			x.log.Error("head indexed without its assets", "head", h.ID, "err", err)
		}
		updates[i].Rows = nil
		if s.newestSeen.Before(h.LastSeen) {
			s.newestSeen = h.LastSeen
		}
	}
	return updates
}

// missingAssets reads from the dictionary what came into it since the catalog was read.
func (x *Index) missingAssets(ctx context.Context, s *state, updates []update) ([]store.IndexAsset, error) {
	var ids []int64
	for i := range updates {
		ids = s.catalog.unknown(ids, updates[i].ids)
		for _, d := range updates[i].Deltas {
			ids = s.catalog.unknown(ids, d.AddedIDs)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return x.store.IndexAssetsOf(ctx, ids)
}

// set writes what a head says, but for its assets, into the state; its machine is detached. It answers nil when there is
// no room for the head.
func (x *Index) set(s *state, u *update) *head {
	known := s.byHead[u.ID] != nil
	h := s.ensureHead(u)
	if h == nil {
		x.log.Error("head not indexed: too many machines, or too many sources of one", "head", u.ID)
		return nil
	}
	h.source, h.archived, h.seq, h.changedAt, h.lastSeen = u.Source, u.Archived, u.Seq, u.ChangedAt, u.LastSeen
	h.summary, h.user = u.Summary, nil
	if u.User != (store.PrincipalUser{}) {
		user := u.User
		h.user = &user // not &u.User, which would keep the update, and all those read with it, in memory
	}
	for _, text := range []*string{&h.summary.Platform, &h.summary.Type, &h.summary.OSVersion, &h.summary.HardwareModel} {
		*text = s.text(*text)
	}
	h.machine.tags, h.machine.overall = u.Tags, u.Overall
	if known { // a new one has none to look for, which a build would do in every bitmap for every head
		s.dropStatuses(h)
	}
	s.addStatuses(h, u.Statuses)
	return h
}
