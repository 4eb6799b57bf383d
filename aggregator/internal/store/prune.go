// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Pruned counts what Prune deleted.
type Pruned struct {
	CurrentMachineSnapshots int64 `json:"current_machine_snapshots"` // heads
	MachineSnapshotCommits  int64 `json:"machine_snapshot_commits"`  // check-ins with a newer time
	MachineSnapshots        int64 `json:"machine_snapshots"`         // different contents that were kept: each head's, and those of its history
}

func (p *Pruned) add(other Pruned) {
	p.CurrentMachineSnapshots += other.CurrentMachineSnapshots
	p.MachineSnapshotCommits += other.MachineSnapshotCommits
	p.MachineSnapshots += other.MachineSnapshots
}

const (
	lockPrunedSQL = `
SELECT h.id, h.commits, m.id, m.serial_number
FROM machine m JOIN head h ON h.machine = m.id
WHERE m.serial_number = ANY ($1)
  AND ($2::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($2)))
ORDER BY h.id
FOR UPDATE OF h`
	countRootsSQL = `
SELECT id, count(*) FROM (
	SELECT id, root FROM head WHERE id = ANY ($1)
	UNION
	SELECT head, root FROM change WHERE head = ANY ($1)
) roots
GROUP BY id`
	pruneChangesSQL = `DELETE FROM change WHERE head = ANY ($1)`
	pruneWaiversSQL = `DELETE FROM waiver WHERE machine = ANY ($1)`
	pruneHeadsSQL   = `
WITH pruned AS (
	DELETE FROM head WHERE id = ANY ($1) RETURNING id, machine
)
INSERT INTO journal (what, machine, head) SELECT 'prune', machine, id FROM pruned ORDER BY id`
)

// Prune deletes the snapshots of the machines in reach with these serial numbers: heads, sections, history, statuses,
// waivers, vitals. A row in the journal says so; the machines with their tags and credentials stay. Many are pruned in
// several transactions: after an error some may be.
func (s *Store) Prune(ctx context.Context, serials []string) (Pruned, error) {
	var pruned Pruned
	err := inBatches(serials, func(batch []string) error {
		p := pruning{machines: map[int64]*prunedMachine{}}
		if err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return p.run(ctx, tx, batch) }); err != nil {
			return err
		}
		for _, machine := range p.machines {
			pruned.add(machine.Pruned)
		}
		return nil
	})
	if err != nil {
		return Pruned{}, fmt.Errorf("prune machines: %w", err)
	}
	return pruned, nil
}

// pruning is one transaction of Prune.
type pruning struct {
	heads    []int64
	of       []int64 // machine of each head
	order    []int64 // machines as their heads come
	machines map[int64]*prunedMachine
}

type prunedMachine struct {
	Pruned
	serial string
}

func (p *pruning) run(ctx context.Context, tx pgx.Tx, serials []string) error {
	if err := p.lock(ctx, tx, serials); err != nil || len(p.heads) == 0 {
		return err
	}
	if err := p.count(ctx, tx); err != nil {
		return err
	}
	for _, sql := range []string{pruneChangesSQL, pruneHeadsSQL} {
		if _, err := tx.Exec(ctx, sql, p.heads); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, pruneWaiversSQL, p.order); err != nil {
		return err
	}
	if err := p.audit(ctx, tx); err != nil {
		return err
	}
	return settleCompliance(ctx, tx, p.order)
}

func (p *pruning) audit(ctx context.Context, tx pgx.Tx) error {
	if !asked(ctx) {
		return nil
	}
	entries := make([]Audit, 0, len(p.order))
	for _, id := range p.order {
		machine := p.machines[id]
		entries = append(entries, auditOfMachine("pruned", id, machine.serial, machine.Pruned, Pruned{}))
	}
	return record(ctx, tx, entries...)
}

func (p *pruning) lock(ctx context.Context, tx pgx.Tx, serials []string) error {
	rows, _ := tx.Query(ctx, lockPrunedSQL, serials, auth.ReachOf(ctx).Tags) // its error comes back from ForEachRow
	var head, commits, id int64
	var serial string
	_, err := pgx.ForEachRow(rows, []any{&head, &commits, &id, &serial}, func() error {
		machine := p.machines[id]
		if machine == nil {
			machine = &prunedMachine{serial: serial}
			p.machines[id] = machine
			p.order = append(p.order, id)
		}
		machine.CurrentMachineSnapshots++
		machine.MachineSnapshotCommits += commits
		p.heads, p.of = append(p.heads, head), append(p.of, id)
		return nil
	})
	return err
}

// count adds up the different contents of each head.
func (p *pruning) count(ctx context.Context, tx pgx.Tx) error {
	machineOf := make(map[int64]*prunedMachine, len(p.heads))
	for i, head := range p.heads {
		machineOf[head] = p.machines[p.of[i]]
	}
	rows, _ := tx.Query(ctx, countRootsSQL, p.heads) // its error comes back from ForEachRow
	var head, roots int64
	_, err := pgx.ForEachRow(rows, []any{&head, &roots}, func() error {
		machineOf[head].MachineSnapshots += roots
		return nil
	})
	return err
}
