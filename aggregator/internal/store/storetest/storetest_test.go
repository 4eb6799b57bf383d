// SPDX-License-Identifier: Apache-2.0

//go:build unix

package storetest_test

import (
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

func TestDatabasesArePrivateAndMigrated(t *testing.T) {
	t.Parallel()
	a, b := storetest.New(t), storetest.New(t)
	if _, err := a.Exec(t.Context(), "CREATE TABLE only_in_a (n int)"); err != nil {
		t.Fatal(err)
	}
	const tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public' AND table_name = any($1)"
	var inA, inB, migrated int
	if err := a.QueryRow(t.Context(), tables, []string{"only_in_a"}).Scan(&inA); err != nil {
		t.Fatal(err)
	}
	if err := b.QueryRow(t.Context(), tables, []string{"only_in_a"}).Scan(&inB); err != nil {
		t.Fatal(err)
	}
	if inA != 1 || inB != 0 {
		t.Errorf("table of a: got %d in a and %d in b, want 1 and 0", inA, inB)
	}
	if err := b.QueryRow(t.Context(), tables, []string{"machine", "head", "journal"}).Scan(&migrated); err != nil {
		t.Fatal(err)
	}
	if migrated != 3 {
		t.Errorf("tables of the schema: got %d of 3", migrated)
	}
}
