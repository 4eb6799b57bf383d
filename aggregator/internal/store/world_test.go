// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// world is a database with a small fleet of the test's own.
type world struct {
	*store.Store
	t    *testing.T
	pool *pgxpool.Pool
}

// agentSource is the source of most test machines.
const agentSource = "rollcall"

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, storetest.New(t))
}

// newWorldOn makes a world of a migrated database.
func newWorldOn(t *testing.T, pool *pgxpool.Pool) *world {
	t.Helper()
	w := &world{Store: store.New(pool), t: t, pool: pool}
	t.Cleanup(w.Close)
	if err := w.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	return w
}

// report is what a source says of a machine: canonical bodies by kind; a nil list drops the kind.
type report map[string][]string

// commit writes a report as the commit package would, keeping the kinds that it does not mention.
func (w *world) commit(serial, source string, r report, change ...func(*store.Commit)) store.Written {
	w.t.Helper()
	ctx := w.t.Context()
	machine := must(w.EnsureMachine(ctx, serial))(w.t)
	from := must(w.EnsureSource(ctx, store.Source{Module: "test." + source, Name: source}))(w.t)
	state := must(w.LoadHead(ctx, machine, from.ID))(w.t)
	before := must(pack.Fold(state.Rows))(w.t)
	after := maps.Clone(before)
	c := store.Commit{Machine: machine, Source: from.ID, State: &state}
	var deltas []pack.Delta
	for _, kind := range slices.Sorted(maps.Keys(r)) {
		after[kind] = w.section(kind, r[kind])
		if after[kind] == nil {
			delete(after, kind)
		}
		if d := pack.Diff(before[kind], after[kind]); !d.Empty() {
			deltas = append(deltas, d)
			c.Kinds = append(c.Kinds, kind)
		}
	}
	c.Root, c.Plan = after.Root(), pack.NewPlan(state.Rows, after, deltas)
	if state.ID == 0 {
		for i := range deltas {
			deltas[i] = pack.Delta{Kind: deltas[i].Kind, Shared: deltas[i].Shared, After: true}
		}
	}
	c.Delta = pack.EncodeDeltas(deltas)
	for _, f := range change {
		f(&c)
	}
	return must(w.WriteCommit(ctx, &c))(w.t)
}

// section puts bodies into the dictionary and returns the section of them; nil for nil.
func (w *world) section(kind string, bodies []string) *pack.Section {
	w.t.Helper()
	if bodies == nil {
		return nil
	}
	raw := make([][]byte, len(bodies))
	for i := range bodies {
		raw[i] = []byte(bodies[i])
	}
	s := snapshot.NewSection(kind, raw)
	known, ok := snapshot.KindOf(kind)
	if !ok {
		w.t.Fatalf("no kind %s", kind)
	}
	out := &pack.Section{Kind: kind, Shared: known.Shared, Digest: s.Digest()}
	if !known.Shared {
		out.Facts = s.Assets
		return out
	}
	var assets []store.NewAsset
	var ids []asset.ID
	for _, a := range s.Assets {
		assets = append(assets, store.NewAsset{Kind: kind, Asset: a})
		ids = append(ids, a.Digest.ID())
	}
	if err := w.PutAssets(w.t.Context(), assets); err != nil {
		w.t.Fatal(err)
	}
	for _, a := range must(w.FindAssets(w.t.Context(), ids))(w.t) {
		out.IDs = append(out.IDs, a.ID)
	}
	slices.Sort(out.IDs)
	return out
}

// bodies lists what a stored section holds, in order of the bodies.
func (w *world) bodies(s *pack.Section) []string {
	w.t.Helper()
	if s == nil {
		return nil
	}
	out := []string{}
	for _, fact := range s.Facts {
		out = append(out, string(fact.Body))
	}
	for _, a := range must(w.BodiesOf(w.t.Context(), s.IDs))(w.t) {
		out = append(out, string(a.Body))
	}
	slices.Sort(out)
	return out
}

// exec runs SQL that no program would run.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// count runs a query for one number.
func (w *world) count(sql string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.pool.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// waitUntil polls until a query counts something. It keeps one connection, so that pg_stat_activity goes on showing what
// the others did last.
func (w *world) waitUntil(sql string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	conn := must(w.pool.Acquire(ctx))(w.t)
	defer conn.Release()
	for n := 0; n == 0; {
		if err := conn.QueryRow(ctx, sql).Scan(&n); err != nil {
			w.t.Fatalf("waiting for %s: %v", sql, err)
		}
	}
}

// deb is the body of a package.
func deb(name, version string) string {
	return fmt.Sprintf(`{"arch":"amd64","name":%q,"version":%q}`, name, version)
}

// debs makes a section large enough for a row of its own.
func debs(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = deb(fmt.Sprintf("package-%04d", i), "1")
	}
	return out
}

// summary is a change of a commit: what lists show.
func summary(s store.Summary) func(*store.Commit) {
	return func(c *store.Commit) { c.Summary = &s }
}

// must fails the test with the error of a call.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
