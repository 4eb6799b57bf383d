// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/migrations"
)

func TestKeysOfBusinessUnitsAreStable(t *testing.T) {
	t.Parallel()
	unit := func(reference, name, config string) *store.ReportedUnit {
		return &store.ReportedUnit{Source: store.Source{Module: "m", Name: "s", Config: config}, Reference: reference, Name: name}
	}
	// printf 'referencer1source%s' $(printf 'modulemnames' | sha1sum | cut -c1-40) | sha1sum
	const pinned = "090718d43b7937fff381340f3230d2d43d49afa6"
	if got := unit("r1", "one", "").Key(); got != pinned {
		t.Errorf("got %s, want %s", got, pinned)
	}
	if unit("r1", "renamed", "").Key() != pinned {
		t.Error("the name is part of the key")
	}
	for _, other := range []*store.ReportedUnit{unit("r2", "one", ""), unit("r1", "one", `{"host":"a"}`)} {
		if other.Key() == pinned {
			t.Errorf("%+v has the same key", other)
		}
	}
}

func TestAReportedBusinessUnitFindsItsMetaBusinessUnit(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	hamburg := must(w.CreateEnrollment(ctx, store.NewEnrollment{Name: "e", BusinessUnit: "Hamburg"}))(t).BusinessUnit
	jamf := store.Source{Module: "zentral.contrib.jamf", Name: "jamf"}
	report := func(source store.Source, reference, name string) store.ReportedUnit {
		return store.ReportedUnit{Source: source, Reference: reference, Name: name}
	}
	var group errgroup.Group
	for range 8 { // at once
		group.Go(func() error {
			_, err := w.EnsureBusinessUnit(ctx, report(jamf, "site,1", "Hamburg"))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	own := store.OwnUnit(hamburg.ID)
	reports := []store.ReportedUnit{
		report(jamf, "site,2", "Bremen"),        // makes it
		report(jamf, "site,1", "Hamburg (old)"), // stays where it is
		own,                                     // by its number
		report(own.Source, "MBU999", "MBU999"),  // nobody's number: by its name
		report(jamf, own.Reference, "Hamburg"),  // another source's reference is no number of ours
	}
	for _, r := range reports {
		must(w.EnsureBusinessUnit(ctx, r))(t)
	}
	var got []string
	for _, u := range must(w.BusinessUnits(ctx, 0, 100))(t) {
		got = append(got, fmt.Sprintf("%s %s in %s", u.Reported.Reference, u.Reported.Name, u.Meta.Name))
	}
	want := []string{
		"MBU1 MBU1 in Hamburg", "site,1 Hamburg (old) in Hamburg", "site,2 Bremen in Bremen", "MBU999 MBU999 in MBU999", "MBU1 Hamburg in Hamburg",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var made []string // as the audit log has it
	for _, e := range must(w.ListAudit(ctx, store.AuditFilter{Object: "meta_business_unit"}, 0, 100))(t) {
		made = append(made, e.Action+" "+e.ObjectName)
	}
	if want := "created MBU999, created Bremen, created Hamburg"; strings.Join(made, ", ") != want {
		t.Errorf("audit log: got %v, want %s", made, want)
	}
}

// A database from before knows which enrolment a machine came through: its head gets the unit that its tree names.
func TestMigrationGivesHeadsTheirBusinessUnit(t *testing.T) {
	t.Parallel()
	dsn := storetest.Empty(t)
	before := fstest.MapFS{}
	names := must(fs.Glob(migrations.FS, "*.sql"))(t)
	for _, name := range names {
		if name < "0008" {
			before[name] = &fstest.MapFile{Data: must(fs.ReadFile(migrations.FS, name))(t)}
		}
	}
	if err := store.MigrateFS(t.Context(), dsn, before, quiet); err != nil {
		t.Fatal(err)
	}
	conn := must(pgx.Connect(t.Context(), dsn))(t)
	defer conn.Close(t.Context())
	_, err := conn.Exec(t.Context(), `
INSERT INTO meta_business_unit (name) SELECT 'unit ' || n FROM generate_series(1, 130) n;
INSERT INTO enrollment (name, secret_digest, meta_business_unit) SELECT 'e' || id, convert_to(id::text, 'UTF8'), id FROM meta_business_unit;
INSERT INTO enrollment (name, secret_digest) VALUES ('none', 'none');
INSERT INTO machine (serial_number) SELECT 'M' || n FROM generate_series(1, 3) n;
INSERT INTO credential (digest, machine, enrollment, modules, evidence, identity)
VALUES ('1', 1, 5, '{}', 0, '{}'), ('2', 1, 128, '{}', 0, '{}'), ('3', 2, 131, '{}', 0, '{}'), ('4', 3, 7, '{}', 0, '{}');
INSERT INTO source (module, name) VALUES ('rollcall.agent', 'rollcall'), ('zentral.contrib.jamf', 'jamf');
INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen)
SELECT m, s, decode(repeat('00', 32), 'hex'), 1, 1, now(), now(), now() FROM generate_series(1, 3) m, generate_series(1, 2) s ORDER BY s, m;
INSERT INTO head_summary (head) SELECT id FROM head;`)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), dsn, quiet); err != nil {
		t.Fatal(err)
	}
	rows, _ := conn.Query(t.Context(), `SELECT key FROM business_unit ORDER BY meta_business_unit`)
	keys := must(pgx.CollectRows(rows, pgx.RowTo[string]))(t)
	if len(keys) != 130 {
		t.Fatalf("%d units, want 130", len(keys))
	}
	for i, key := range keys { // SHA-1 as SQL and as Go
		if own := store.OwnUnit(int64(i + 1)); key != own.Key() {
			t.Errorf("unit %d: got key %s, want %s", i+1, key, own.Key())
		}
	}
	rows, _ = conn.Query(t.Context(), `
SELECT coalesce(b.reference, '-') FROM head_summary s LEFT JOIN business_unit b ON b.id = s.business_unit ORDER BY s.head`)
	got := strings.Join(must(pgx.CollectRows(rows, pgx.RowTo[string]))(t), " ")
	if want := "MBU128 - MBU7 - - -"; got != want {
		t.Errorf("heads: got %s, want %s", got, want)
	}
}
