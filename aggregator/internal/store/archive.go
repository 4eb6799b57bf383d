// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// massBatch bounds the machines that one transaction of a mass operation changes.
const massBatch = 250

// inBatches cuts serial numbers, each taken once, into batches for a transaction each.
func inBatches(serials []string, do func([]string) error) error {
	for batch := range slices.Chunk(distinct(serials), massBatch) {
		if err := do(batch); err != nil {
			return err
		}
	}
	return nil
}

// distinct returns the texts in order, each once.
func distinct(texts []string) []string {
	sorted := slices.Clone(texts)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// asked tells whether somebody asked for what happens. What agents and the program itself do is not in the audit log.
func asked(ctx context.Context) bool {
	p, ok := auth.PrincipalOf(ctx)
	return ok && p.Kind != auth.Machine
}

// The rows are locked by id first; who waits for a head sees afterwards that somebody else archived it.
const archiveSQL = `
WITH live AS (
	SELECT h.id, h.machine
	FROM machine m JOIN head h ON h.machine = m.id
	WHERE m.serial_number = ANY ($1) AND h.archived_at IS NULL
	  AND ($2::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($2)))
	ORDER BY h.id
	FOR NO KEY UPDATE OF h
), archived AS (
	UPDATE head h SET archived_at = now() FROM live WHERE h.id = live.id
	RETURNING h.id, h.machine
), told AS (
	INSERT INTO journal (what, machine, head) SELECT 'archive', machine, id FROM archived ORDER BY id
)
SELECT m.id, m.serial_number, count(*)
FROM archived a JOIN machine m ON m.id = a.machine
GROUP BY m.id
ORDER BY m.id`

// archivedCount is what the audit log says of an archived machine.
type archivedCount struct {
	CurrentMachineSnapshots int64 `json:"current_machine_snapshots"`
}

// Archive takes the machines in reach with these serial numbers out of sight until they report again, and returns how
// many heads that concerned. Their history stays. Many are archived in several transactions: after an error some may
// be.
func (s *Store) Archive(ctx context.Context, serials []string) (int, error) {
	archived := 0
	err := inBatches(serials, func(batch []string) error {
		n := 0
		err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			n, err = archiveBatch(ctx, tx, batch)
			return err
		})
		archived += n
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("archive machines: %w", err)
	}
	return archived, nil
}

func archiveBatch(ctx context.Context, tx pgx.Tx, serials []string) (heads int, err error) {
	rows, _ := tx.Query(ctx, archiveSQL, serials, auth.ReachOf(ctx).Tags) // its error comes back from ForEachRow
	var entries []Audit
	var machines []int64
	var machine, count int64
	var serial string
	_, err = pgx.ForEachRow(rows, []any{&machine, &serial, &count}, func() error {
		heads += int(count)
		machines = append(machines, machine)
		entries = append(entries, auditOfMachine("archived", machine, serial, archivedCount{count}, archivedCount{}))
		return nil
	})
	if err == nil && asked(ctx) {
		err = record(ctx, tx, entries...)
	}
	if err != nil {
		return heads, err
	}
	return heads, settleCompliance(ctx, tx, machines)
}

// auditOfMachine is an entry about a machine.
func auditOfMachine(action string, id int64, serial string, before, after any) Audit {
	return Audit{Action: action, Object: "machine", ObjectID: fmt.Sprint(id), ObjectName: serial, Before: before, After: after}
}
