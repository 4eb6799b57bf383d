// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// TestPeerKeepsWhatItIsGiven keeps the comparison honest: a store that forgets half of it would be fast.
func TestPeerKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	pool, err := store.Open(t.Context(), storetest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	peer, err := newPeerStore(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	inventory := machineOf(1)
	before, err := snapshot.Split(inventory)
	if err != nil {
		t.Fatal(err)
	}
	inventory.DebPackages[0] = debPackage(0, 2, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	after, err := snapshot.Split(inventory)
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name               string
		sections           snapshot.Sections
		snapshots, commits int
	}{
		{"first", before, 1, 1},
		{"unchanged", before, 1, 2},
		{"upgraded", after, 2, 3},
		{"set back", before, 2, 4},
	}
	for _, step := range steps { // one after the other
		assets := peerAssetsOf(step.sections)
		if err := peer.commit(t.Context(), "S1", snapshot.Root(step.sections.Digests()), assets); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		kept, snapshots, commits := peerContent(t, pool)
		want := make([]keptRow, len(assets))
		for i, a := range assets {
			want[i] = keptRow{a.Digest.String(), a.installed}
		}
		if !slices.Equal(sorted(kept), sorted(want)) {
			t.Errorf("%s: %d rows of the current snapshot, want other %d", step.name, len(kept), len(want))
		}
		if snapshots != step.snapshots || commits != step.commits {
			t.Errorf("%s: got %d snapshots and %d commits, want %d and %d", step.name, snapshots, commits, step.snapshots, step.commits)
		}
	}
}

// keptRow is what the peer keeps of an asset of a snapshot.
type keptRow struct {
	digest    string
	installed int64
}

func sorted(rows []keptRow) []keptRow {
	return slices.SortedFunc(slices.Values(rows), func(a, b keptRow) int { return strings.Compare(a.digest, b.digest) })
}

// peerContent returns the current snapshot of the only machine, and how many snapshots and commits there are.
func peerContent(t *testing.T, pool *pgxpool.Pool) (kept []keptRow, snapshots, commits int) {
	t.Helper()
	const currentSQL = `
SELECT encode(a.digest, 'hex'), coalesce(j.installed, -1)
FROM current_machine_snapshot c
JOIN machine_snapshot_asset j ON j.snapshot = c.snapshot
JOIN asset a ON a.id = j.asset`
	rows, err := pool.Query(t.Context(), currentSQL)
	if err != nil {
		t.Fatal(err)
	}
	kept, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r keptRow, err error) {
		err = row.Scan(&r.digest, &r.installed)
		return r, err
	})
	if err != nil {
		t.Fatal(err)
	}
	const countSQL = `SELECT (SELECT count(*) FROM machine_snapshot), (SELECT count(*) FROM machine_snapshot_commit)`
	if err := pool.QueryRow(t.Context(), countSQL).Scan(&snapshots, &commits); err != nil {
		t.Fatal(err)
	}
	return kept, snapshots, commits
}
