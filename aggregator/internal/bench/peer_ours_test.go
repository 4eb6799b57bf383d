// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// ourStore is the real way into the inventory from below the protocol on: commit and store.
type ourStore struct {
	*commit.Committer
	store  *store.Store
	source store.Source
}

// startOurs starts it over a durable database of its own.
func startOurs(b *testing.B) (*side, *ourStore) {
	b.Helper()
	ours := newSide(b)
	must(b, store.Migrate(b.Context(), ours.cluster.DSN(), slog.New(slog.DiscardHandler)))
	return ours, newOurs(b, ours.pool)
}

// newOurs returns it over a migrated database.
func newOurs(b *testing.B, pool *pgxpool.Pool) *ourStore {
	b.Helper()
	s := store.New(pool)
	b.Cleanup(s.Close)
	must(b, s.EnsurePartitions(b.Context(), 8))
	source, err := s.EnsureSource(b.Context(), store.Source{Module: "rollcall.agent", Name: "rollcall"})
	must(b, err)
	return &ourStore{Committer: commit.New(s, slog.New(slog.DiscardHandler)), store: s, source: source}
}

// commit stores a push, on disk when it returns. Like the sync service it finds out which assets have to travel, and
// like the peer it is told a serial number.
func (o *ourStore) commit(ctx context.Context, p *commit.Push, sections snapshot.Sections) error {
	var err error
	if p.Machine, err = o.store.EnsureMachine(ctx, p.Serial); err != nil {
		return err
	}
	for i := range p.Sections {
		s := &p.Sections[i]
		if s.IDs == nil {
			continue
		}
		known, err := o.store.FindAssets(ctx, s.IDs)
		if err != nil {
			return err
		}
		for position, k := range known {
			if k.ID == 0 {
				s.Bodies = append(s.Bodies, sections[s.Kind].Assets[position].Body)
			}
		}
	}
	_, err = o.Push(ctx, p)
	return err
}

// pushOf returns the push of a machine that had before, or reports for the first time when that is nil.
func (o *ourStore) pushOf(serial string, stamp commit.Stamp, before, after snapshot.Sections) *commit.Push {
	p := &commit.Push{Serial: serial, Source: o.source, Stamp: &stamp, Root: snapshot.Root(after.Digests())}
	for kind, section := range after {
		digest := section.Digest()
		s := commit.Section{Kind: kind, Digest: digest[:len(asset.ID{})]}
		if before != nil {
			if changeOf(&s, before[kind], section) {
				p.Sections = append(p.Sections, s)
			}
			continue
		}
		k, _ := snapshot.KindOf(kind)
		for _, a := range section.Assets {
			if k.Shared {
				s.IDs = append(s.IDs, a.Digest.ID())
			} else {
				s.Bodies = append(s.Bodies, a.Body)
			}
		}
		p.Sections = append(p.Sections, s)
	}
	return p
}

// changeOf makes a section of a push the way from before to after; false when there is none.
func changeOf(s *commit.Section, before, after *snapshot.Section) bool {
	added, removed := snapshot.Diff(before.Digests(), after.Digests())
	base := before.Digest()
	s.Delta, s.Base = true, base[:len(asset.ID{})]
	for _, d := range removed {
		s.Removed = append(s.Removed, d.ID())
	}
	for _, a := range after.Assets {
		if len(added) > 0 && a.Digest == added[0] {
			s.Bodies, added = append(s.Bodies, a.Body), added[1:]
		}
	}
	return len(s.Removed)+len(s.Bodies) > 0
}
