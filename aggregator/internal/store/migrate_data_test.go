// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/migrations"
)

// upgraded returns a database that was filled when its schema was that of the migrations before the named one, and has
// today's.
func upgraded(t *testing.T, version, fill string) *pgx.Conn {
	t.Helper()
	dsn, before := storetest.Empty(t), fstest.MapFS{}
	for _, name := range must(fs.Glob(migrations.FS, "*.sql"))(t) {
		if raw := must(fs.ReadFile(migrations.FS, name))(t); name < version {
			before[name] = &fstest.MapFile{Data: raw}
		}
	}
	if err := store.MigrateFS(t.Context(), dsn, before, quiet); err != nil {
		t.Fatal(err)
	}
	conn := must(pgx.Connect(t.Context(), dsn))(t)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	must(conn.Exec(t.Context(), fill))(t)
	if err := store.Migrate(t.Context(), dsn, quiet); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestTokensOfTheOldSchemaGetAccounts(t *testing.T) {
	t.Parallel()
	conn := upgraded(t, "0006", `INSERT INTO api_token (name, digest, role) VALUES ('CI', '\x01', 'admin'), ('ci', '\x02', 'viewer'), ('odd', '\x03', 'gone')`)
	const now = `
SELECT count(DISTINCT p.id), count(DISTINCT lower(p.name)), string_agg(t.name || '=' || coalesce(r.name, ''), ' ' ORDER BY t.digest)
FROM api_token t JOIN principal p ON p.id = t.principal
LEFT JOIN principal_role h ON h.principal = p.id LEFT JOIN role r ON r.id = h.role`
	var accounts, different int
	var roles string
	if err := conn.QueryRow(t.Context(), now).Scan(&accounts, &different, &roles); err != nil {
		t.Fatal(err)
	}
	if accounts != 3 || different != 3 || roles != "CI=admin ci=viewer odd=" {
		t.Errorf("got %d accounts with %d names: %s", accounts, different, roles)
	}
}

func TestHeadsOfTheOldSchemaGetTheirBusinessUnit(t *testing.T) {
	t.Parallel()
	conn := upgraded(t, "0006", `
INSERT INTO meta_business_unit (name) VALUES ('unused'), ('Hamburg'), ('Bremen');
INSERT INTO enrollment (name, secret_digest, meta_business_unit) VALUES ('old', '\x01', 2), ('new', '\x02', 3), ('none', '\x03', NULL);
INSERT INTO source (module, name) VALUES ('rollcall.agent', 'rollcall'), ('test', 'test');
INSERT INTO machine (serial_number) VALUES ('moved'), ('unit of none'), ('never enrolled');
INSERT INTO credential (digest, machine, enrollment, modules, evidence, identity)
VALUES ('\x01', 1, 1, '{}', 0, '{}'), ('\x02', 1, 2, '{}', 0, '{}'), ('\x03', 2, 3, '{}', 0, '{}');
INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen)
SELECT m, s, decode(repeat('00', 32), 'hex'), 1, 1, now(), now(), now() FROM generate_series(1, 3) m, generate_series(1, 2) s;
INSERT INTO head_summary (head) SELECT id FROM head`)
	for sql, want := range map[string]string{
		`SELECT string_agg(name || ' ' || meta_business_unit || ' ' || key, ', ' ORDER BY id) FROM business_unit`: unitRow(2) + ", " + unitRow(3),
		`SELECT string_agg(m.serial_number || ' ' || o.name || ' ' || b.name, ', ')
FROM head_summary s JOIN head h ON h.id = s.head JOIN machine m ON m.id = h.machine JOIN source o ON o.id = h.source
JOIN business_unit b ON b.id = s.business_unit`: "moved rollcall MBU3",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// unitRow is the own unit of a meta business unit, as the test spells it.
func unitRow(id int64) string {
	unit := store.OwnUnit(id)
	return fmt.Sprint(unit.Name, " ", id, " ", unit.Key())
}
