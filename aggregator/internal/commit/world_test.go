// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// world is a database of the test's own and a committer over it.
type world struct {
	*commit.Committer
	store  *store.Store
	pool   *pgxpool.Pool
	t      testing.TB
	source store.Source
}

func newWorld(t testing.TB) *world {
	t.Helper()
	pool := storetest.New(t)
	s := store.New(pool)
	t.Cleanup(s.Close)
	w := &world{Committer: commit.New(s, slog.New(slog.DiscardHandler)), store: s, pool: pool, t: t}
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	w.source = must(s.EnsureSource(t.Context(), store.Source{Module: "rollcall.agent", Name: "rollcall"}))(t)
	return w
}

// second is another committer with its own caches, as another process has them, on the same database.
func (w *world) second() *commit.Committer {
	s := store.New(w.pool)
	w.t.Cleanup(s.Close)
	return commit.New(s, slog.New(slog.DiscardHandler))
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

// facts are canonical bodies by kind; a kind that stands in it with none is an empty section.
type facts map[string][]string

// deb is the body of a package.
func deb(name, version string) string { return fmt.Sprintf(`{"name":%q,"version":%q}`, name, version) }

// debs are n packages of version 1.
func debs(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = deb(fmt.Sprintf("package-%04d", i), "1")
	}
	return out
}

// linux is a small machine.
func linux() facts {
	return facts{
		"deb_packages": {deb("bash", "5.2"), deb("curl", "8.0")},
		"disks":        {`{"name":"sda","size":1000}`},
		"os_version":   {`{"major":12,"name":"Debian GNU/Linux"}`},
		"system_info":  {`{"computer_name":"bee","hardware_model":"KVM"}`},
	}
}

// with returns the facts with some kinds replaced.
func (f facts) with(other facts) facts {
	out := facts{}
	for _, m := range []facts{f, other} {
		for kind, bodies := range m {
			out[kind] = bodies
		}
	}
	return out
}

func (f facts) without(kind string) facts {
	out := f.with(nil)
	delete(out, kind)
	return out
}

func (f facts) section(kind string) *snapshot.Section {
	raw := make([][]byte, len(f[kind]))
	for i, body := range f[kind] {
		raw[i] = []byte(body)
	}
	return snapshot.NewSection(kind, raw)
}

func (f facts) root() asset.Digest {
	digests := map[string]asset.Digest{}
	for kind := range f {
		digests[kind] = f.section(kind).Digest()
	}
	return snapshot.Root(digests)
}

func (f facts) kinds() []string {
	var kinds []string
	for kind := range f {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// short is what the wire carries of a digest.
func short(d asset.Digest) []byte { return d[:16] }

// counts are the rows that a refused push must not add.
type counts struct{ assets, heads, changes, journal int }

func (w *world) counts() counts {
	w.t.Helper()
	var c counts
	err := w.pool.QueryRow(w.t.Context(), `SELECT (SELECT count(*) FROM asset), (SELECT count(*) FROM head),
		(SELECT count(*) FROM change), (SELECT count(*) FROM journal)`).Scan(&c.assets, &c.heads, &c.changes, &c.journal)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// value runs a query for one value.
func value[T any](w *world, sql string, args ...any) T {
	w.t.Helper()
	var v T
	if err := w.pool.QueryRow(w.t.Context(), sql, args...).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// fsck fails the test with every problem of the database.
func (w *world) fsck() store.FsckCounts {
	w.t.Helper()
	var problems []string
	counts := must(w.store.Fsck(w.t.Context(), func(p string) { problems = append(problems, p) }))(w.t)
	if len(problems) > 0 {
		w.t.Fatalf("fsck:\n%s", strings.Join(problems, "\n"))
	}
	return counts
}

// holds fails the test unless the head has exactly these sections.
func (w *world) holds(head int64, want facts) {
	w.t.Helper()
	w.compare(must(w.store.SectionsAt(w.t.Context(), head, timeZero))(w.t).Sections, want)
}

// heldAt is holds for the moment after a change.
func (w *world) heldAt(head, seq int64, want facts) pack.Sections {
	w.t.Helper()
	m := must(w.store.SectionsAtSeq(w.t.Context(), head, seq))(w.t)
	w.compare(m.Sections, want)
	return m.Sections
}

func (w *world) compare(got pack.Sections, want facts) {
	w.t.Helper()
	found := facts{}
	for kind, s := range got {
		if kind == pack.KindAdded {
			continue
		}
		found[kind] = []string{}
		for _, a := range must(w.store.LoadSection(w.t.Context(), s))(w.t).Assets {
			found[kind] = append(found[kind], string(a.Body))
		}
	}
	if a, b := found.kinds(), want.kinds(); !slices.Equal(a, b) {
		w.t.Fatalf("kinds: got %v, want %v", a, b)
	}
	for kind := range want {
		a, b := slices.Sorted(slices.Values(found[kind])), slices.Sorted(slices.Values(want[kind]))
		if !slices.Equal(a, b) {
			w.t.Fatalf("%s: got %d facts, want %d: %.300q, want %.300q", kind, len(a), len(b), a, b)
		}
	}
}

// changes lists the changes of a head, oldest first.
func (w *world) changes(head int64) []store.Change {
	w.t.Helper()
	out := must(w.store.ListChanges(w.t.Context(), head, store.ChangeFilter{Limit: 1000}))(w.t)
	slices.Reverse(out)
	return out
}
