// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The rows are locked by id first; who waits for a head sees afterwards that somebody else archived it.
const archiveSQL = `
WITH live AS (
	SELECT h.id, h.machine
	FROM machine m JOIN head h ON h.machine = m.id
	WHERE m.serial_number = ANY ($1) AND h.archived_at IS NULL
	ORDER BY h.id
	FOR NO KEY UPDATE OF h
), archived AS (
	UPDATE head h SET archived_at = now() FROM live WHERE h.id = live.id
	RETURNING h.id, h.machine
)
INSERT INTO journal (what, machine, head) SELECT 'archive', machine, id FROM archived ORDER BY id`

// Archive takes the machines with these serial numbers out of sight until they report again, and returns how many
// heads that concerned. Their history stays.
func (s *Store) Archive(ctx context.Context, serials []string) (int, error) {
	var archived int
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, archiveSQL, serials)
		archived = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("archive machines: %w", err)
	}
	return archived, nil
}

// Pruned counts what Prune deleted.
type Pruned struct {
	CurrentMachineSnapshots int64 // heads
	MachineSnapshotCommits  int64 // check-ins with a newer time
	MachineSnapshots        int64 // different contents that were kept: each head's, and those of its history
}

const (
	lockPrunedSQL = `
SELECT h.id, h.commits
FROM machine m JOIN head h ON h.machine = m.id
WHERE m.serial_number = ANY ($1)
ORDER BY h.id
FOR UPDATE OF h`
	countRootsSQL = `
SELECT count(*) FROM (
	SELECT id, root FROM head WHERE id = ANY ($1)
	UNION
	SELECT head, root FROM change WHERE head = ANY ($1)
) roots`
	pruneChangesSQL = `DELETE FROM change WHERE head = ANY ($1)`
	pruneHeadsSQL   = `
WITH pruned AS (
	DELETE FROM head WHERE id = ANY ($1) RETURNING id, machine
)
INSERT INTO journal (what, machine, head) SELECT 'prune', machine, id FROM pruned ORDER BY id`
)

// Prune deletes the snapshots of the machines with these serial numbers: heads, sections, history, statuses, vitals.
// A row in the journal says so; the machines with their tags and credentials stay.
func (s *Store) Prune(ctx context.Context, serials []string) (Pruned, error) {
	var pruned Pruned
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		pruned = Pruned{}
		rows, _ := tx.Query(ctx, lockPrunedSQL, serials) // its error comes back from ForEachRow
		var heads []int64
		var head, commits int64
		_, err := pgx.ForEachRow(rows, []any{&head, &commits}, func() error {
			heads = append(heads, head)
			pruned.MachineSnapshotCommits += commits
			return nil
		})
		if err != nil || len(heads) == 0 {
			return err
		}
		pruned.CurrentMachineSnapshots = int64(len(heads))
		if err := tx.QueryRow(ctx, countRootsSQL, heads).Scan(&pruned.MachineSnapshots); err != nil {
			return err
		}
		for _, sql := range []string{pruneChangesSQL, pruneHeadsSQL} {
			if _, err := tx.Exec(ctx, sql, heads); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Pruned{}, fmt.Errorf("prune machines: %w", err)
	}
	return pruned, nil
}
