// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/migrations"
)

// slugs are pairs of a name and its slug.
var slugs = [][2]string{
	{"Prod EU", "prod-eu"},
	{"  Prod -- EU_ ", "prod-eu"},
	{"Straße №5", "strae-no5"},
	{"Café ﬁn", "cafe-fin"},
	{"a -_ b", "a-_-b"},
	{"tab\tnew\nline", "tab-new-line"},
	{"non\u00a0breaking", "non-breaking"},
	{"İstanbul", "istanbul"},
	{"C++/C#", "cc"},
	{"日本", ""},
	{"-_-", ""},
}

func TestSlugsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	for _, tt := range slugs {
		if got := store.Slugify(tt[0]); got != tt[1] {
			t.Errorf("%q: got %q, want %q", tt[0], got, tt[1])
		}
	}
}

func TestTagsOfOlderVersionsGetSlugs(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	older := fstest.MapFS{}
	names := must(fs.Glob(migrations.FS, "*.sql"))(t)
	for _, name := range names {
		if name < "0006" {
			older[name] = &fstest.MapFile{Data: must(fs.ReadFile(migrations.FS, name))(t)}
		}
	}
	if err := store.MigrateFS(t.Context(), dsn, older, quiet); err != nil {
		t.Fatal(err)
	}
	conn := must(pgx.Connect(t.Context(), dsn))(t)
	defer func() { _ = conn.Close(t.Context()) }()
	want := map[string]string{}
	taken := map[string]bool{}
	for _, tt := range slugs {
		must(conn.Exec(t.Context(), "INSERT INTO tag (name) VALUES ($1)", tt[0]))(t)
		if taken[tt[1]] { // the older one keeps it
			tt[1] = ""
		}
		want[tt[0]], taken[tt[1]] = tt[1], true
	}
	if err := store.Migrate(t.Context(), dsn, quiet); err != nil {
		t.Fatal(err)
	}
	for _, tag := range must(storeOn(t, dsn).Tags(t.Context()))(t) {
		if tag.Slug != want[tag.Name] || tag.Color != store.DefaultTagColor {
			t.Errorf("%q: got slug %q, want %q; colour %s", tag.Name, tag.Slug, want[tag.Name], tag.Color)
		}
	}
}

func TestADeletedTagLeavesEverythingThatNamedIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	kept := must(w.CreateTag(ctx, store.Tag{Name: "kept", Color: store.DefaultTagColor}))(t)
	taxonomy := must(w.CreateTaxonomy(ctx, store.Taxonomy{Name: "site"}))(t)
	gone := must(w.CreateTag(ctx, store.Tag{Name: "gone", Color: "ff0000", Taxonomy: &taxonomy.ID}))(t)
	check := must(w.CreateCheck(ctx, compliance.Check{Name: "c", SourceName: "s", Expression: "ok", Tags: []int64{gone.ID, kept.ID}}))(t)
	w.exec("INSERT INTO enrollment (name, secret_digest, tags) VALUES ('e', 'x', $1)", []int64{kept.ID, gone.ID})
	machine := must(w.EnsureMachine(ctx, "S1"))(t)
	w.exec("INSERT INTO machine_tag (machine, tag) VALUES ($1, $2), ($1, $3)", machine, kept.ID, gone.ID)
	generation := w.count("SELECT generation FROM check_generation")

	changed := must(w.DeleteTaxonomy(ctx, taxonomy.ID))(t)
	if len(changed) != 1 || changed[0].Version != check.Version+1 || !slices.Equal(changed[0].Tags, []int64{kept.ID}) {
		t.Errorf("got checks %+v", changed)
	}
	for what, sql := range map[string]string{
		"machine":   "SELECT count(*) FROM machine_tag WHERE tag <> $1",
		"enrolment": "SELECT count(*) FROM enrollment WHERE tags <> ARRAY[$1::bigint]",
		"tag":       "SELECT count(*) FROM tag WHERE id <> $1",
	} {
		if n := w.count(sql, kept.ID); n != 0 {
			t.Errorf("%s: %d rows still know the tag", what, n)
		}
	}
	if n := w.count("SELECT generation FROM check_generation"); n <= generation {
		t.Error("commits that were computed with the tag are not computed again")
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'tag' AND machine = $1", machine); n != 1 {
		t.Errorf("the journal names the machine %d times", n)
	}
	if n := w.count("SELECT count(*) FROM audit WHERE action = 'deleted' AND object IN ('tag', 'taxonomy') AND after IS NULL"); n != 2 {
		t.Errorf("the audit log has %d deletions, want that of the taxonomy and of its tag", n)
	}
	if n := w.count("SELECT count(*) FROM audit WHERE action = 'updated' AND object IN ('enrollment', 'jmespath_check')"); n != 2 {
		t.Errorf("the audit log has %d changes, want those of the enrolment and of the check", n)
	}
	if _, err := w.DeleteTag(ctx, gone.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}
