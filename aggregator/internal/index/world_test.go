// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// world is a database of the test's own with some aggregators.
type world struct {
	t    *testing.T
	pool *pgxpool.Pool
}

// aggregator is a store with its own caches, a committer and an index, as one process has them.
type aggregator struct {
	*Index
	t      *testing.T
	pool   *pgxpool.Pool
	store  *store.Store
	commit *commit.Committer
	byHand bool // the test turns the index
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, pool: storetest.New(t)}
}

// aggregator starts one whose index the test turns by hand.
func (w *world) aggregator() *aggregator {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := store.New(w.pool)
	w.t.Cleanup(s.Close)
	if err := s.EnsurePartitions(w.t.Context(), 2); err != nil {
		w.t.Fatal(err)
	}
	a := &aggregator{t: w.t, pool: w.pool, store: s, commit: commit.New(s, log), Index: New(s, Options{Log: log}), byHand: true}
	a.rebuild(w.t.Context())
	if a.current() == nil {
		w.t.Fatal("the index was not built")
	}
	return a
}

// running starts one whose index runs by itself.
func (w *world) running() *aggregator {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := store.New(w.pool)
	w.t.Cleanup(s.Close)
	a := &aggregator{t: w.t, pool: w.pool, store: s, commit: commit.New(s, log), Index: New(s, Options{Log: log})}
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	return a
}

// fresh waits until the index is built and knows everything.
func (a *aggregator) fresh() {
	a.t.Helper()
	deadline := time.After(time.Minute)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for a.Fresh(a.t.Context()) != nil {
		select {
		case <-deadline:
			a.t.Fatal("the index does not get ready")
		case <-again.C:
		}
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// report is what a source says of a machine: canonical bodies by kind.
type report struct {
	serial, source string
	module         string // of the source; empty: one of its own
	name, platform string
	kind           string    // type of the machine
	unit           string    // name of the business unit
	at             time.Time // when it was seen; zero: now
	sections       map[string][]string
}

func deb(name, version string) string { return fmt.Sprintf(`{"name":%q,"version":%q}`, name, version) }

// push commits a report as the open door would.
func (a *aggregator) push(ctx context.Context, r report) error {
	machine, err := a.store.EnsureMachine(ctx, r.serial)
	if err != nil {
		return err
	}
	source, err := a.store.EnsureSource(ctx, store.Source{Module: cmp.Or(r.module, "test."+r.source), Name: r.source})
	if err != nil {
		return err
	}
	p := &commit.Push{
		Machine: machine, Serial: r.serial, Source: source, Complete: true,
		Added: commit.Added{Platform: r.platform, Type: r.kind}, LastSeen: r.at,
	}
	if r.unit != "" {
		p.Added.BusinessUnit = &inventoryv1.BusinessUnit{
			Name: &r.unit, Reference: proto.String("ref of " + r.unit), Source: &inventoryv1.Source{Module: &source.Module, Name: &source.Name},
		}
	}
	if r.name != "" {
		p.Sections = append(p.Sections, commit.Section{Kind: "system_info", Bodies: [][]byte{fmt.Appendf(nil, `{"computer_name":%q}`, r.name)}})
	}
	for kind, bodies := range r.sections {
		s := commit.Section{Kind: kind}
		for _, body := range bodies {
			s.Bodies = append(s.Bodies, []byte(body))
		}
		p.Sections = append(p.Sections, s)
	}
	_, err = a.commit.Push(ctx, p)
	return err
}

// mustPush is push for tests that expect no refusal.
func (a *aggregator) mustPush(r report) {
	a.t.Helper()
	if err := a.push(a.t.Context(), r); err != nil {
		a.t.Fatal(err)
	}
}

// catchesUp reads the journal once.
func (a *aggregator) catchesUp() {
	a.t.Helper()
	if err := a.catchUp(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// whileOthersWrite reads the journal, or asks an index that does so by itself.
func (a *aggregator) whileOthersWrite(ctx context.Context) error {
	if a.byHand {
		return a.catchUp(ctx)
	}
	_, err := a.Software(store.SoftwareFilter{Kind: "deb_packages", Limit: 5})
	if errors.Is(err, ErrBuilding) {
		return nil
	}
	return err
}

// must fails the test with the error of a call.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
