// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Tagged counts what TagMachines did. What an operation finds done already is not counted.
type Tagged struct {
	Machines int64 // each once
	Added    int64
	Removed  int64

	// Changed are the machines whose tags are others than before.
	Changed []int64
}

// TagMachines runs the operations over the tags of the machines with these serial numbers. Whoever reaches every
// machine also tags those that nobody has heard of: they are put into the registry. Taxonomies and tags that are
// missing are made first, also when there are no machines; its refusals are those of ensureTag, and ErrBeyond when a tag
// would let the actor do more to a machine than before. Many machines are tagged in several transactions: after an error
// some may be.
func (s *Store) TagMachines(ctx context.Context, serials []string, operations []TagOperation) (Tagged, error) {
	const attempts = 3 // somebody may delete tags meanwhile
	var tagged Tagged
	for range attempts {
		plan, err := s.planTags(ctx, operations)
		if err == nil {
			err = s.tagAll(ctx, serials, plan, &tagged)
		}
		if err == nil {
			return tagged, nil
		}
		if !errors.Is(err, ErrRetry) {
			return Tagged{}, fmt.Errorf("tag machines: %w", err)
		}
		tagged.Machines = 0 // what was added and removed stays so
	}
	return Tagged{}, fmt.Errorf("tag machines: %w", ErrRetry)
}

func (s *Store) tagAll(ctx context.Context, serials []string, plan *tagPlan, tagged *Tagged) error {
	return inBatches(serials, func(batch []string) error {
		edits, err := s.tagBatch(ctx, batch, plan)
		if err != nil {
			return err
		}
		tagged.Machines += int64(len(edits))
		for _, e := range edits {
			tagged.Added += e.added
			tagged.Removed += e.removed
			if e.changed() {
				tagged.Changed = append(tagged.Changed, e.machine)
			}
		}
		return nil
	})
}

// Asking first, because an insert that finds a conflict burns an id.
const registerMachinesSQL = `
INSERT INTO machine (serial_number)
SELECT n.serial FROM unnest($1::text[]) AS n(serial)
WHERE NOT EXISTS (SELECT FROM machine m WHERE m.serial_number = n.serial)
ORDER BY n.serial
ON CONFLICT (serial_number) DO NOTHING`

// tagBatch tags some machines. PostgreSQL ends one of two transactions that wait for each other, as this one and an
// enrolment that tags the same machine may; the work is done again then.
func (s *Store) tagBatch(ctx context.Context, serials []string, plan *tagPlan) (edits []*tagEdit, err error) {
	if auth.ReachOf(ctx).All() {
		if _, err := s.pool.Exec(ctx, registerMachinesSQL, serials); err != nil {
			return nil, err
		}
	}
	err = s.inTxAgain(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		edits, err = tagLocked(ctx, tx, serials, plan)
		return err
	})
	return edits, err
}

// inTxAgain is inTx for what somebody else may wait for while it waits for them: it runs fn again when PostgreSQL ended
// its transaction for that.
func (s *Store) inTxAgain(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	const attempts = 4
	var err error
	for range attempts {
		if err = s.inTx(ctx, fn); !deadlocked(err) {
			break
		}
	}
	return err
}

func deadlocked(err error) bool {
	const deadlockDetected = "40P01"
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refusal.Code == deadlockDetected
}

const (
	lockTaggedSQL = `
SELECT m.id, m.serial_number
FROM machine m
WHERE m.serial_number = ANY ($1) AND ($2::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($2)))
ORDER BY m.id
FOR NO KEY UPDATE OF m`

	// Who deletes a tag has to wait: see TagMachines.
	holdTagsSQL = `SELECT id FROM tag WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE`

	heldTagsSQL = `
SELECT m.machine, t.id, t.name, coalesce(t.taxonomy, 0), coalesce(x.name, '')
FROM machine_tag m JOIN tag t ON t.id = m.tag LEFT JOIN taxonomy x ON x.id = t.taxonomy
WHERE m.machine = ANY ($1)`
)

// tagLocked locks the machines, and applies the plan to the tags they have then.
func tagLocked(ctx context.Context, tx pgx.Tx, serials []string, plan *tagPlan) ([]*tagEdit, error) {
	type machine struct {
		ID     int64
		Serial string
	}
	rows, _ := tx.Query(ctx, lockTaggedSQL, serials, auth.ReachOf(ctx).Tags) // its error comes back from CollectRows
	machines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[machine])
	if err != nil || len(machines) == 0 {
		return nil, err
	}
	adds := plan.adds()
	if held, err := tx.Exec(ctx, holdTagsSQL, adds); err != nil {
		return nil, err
	} else if int(held.RowsAffected()) != len(adds) { // somebody deleted one
		return nil, ErrRetry
	}
	ids := make([]int64, len(machines))
	for i, m := range machines {
		ids[i] = m.ID
	}
	before, err := heldTags(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	edits := make([]*tagEdit, len(machines))
	for i, m := range machines {
		edits[i] = plan.apply(m.ID, m.Serial, before[m.ID])
		if err := mayRetag(ctx, slices.Collect(maps.Keys(edits[i].before)), slices.Collect(maps.Keys(edits[i].after))); err != nil {
			return nil, err
		}
	}
	return edits, writeEdits(ctx, tx, edits)
}

func heldTags(ctx context.Context, tx pgx.Tx, machines []int64) (map[int64]map[int64]namedTag, error) {
	rows, _ := tx.Query(ctx, heldTagsSQL, machines) // its error comes back from ForEachRow
	held := make(map[int64]map[int64]namedTag, len(machines))
	var machine, id int64
	var tag namedTag
	_, err := pgx.ForEachRow(rows, []any{&machine, &id, &tag.name, &tag.taxonomy, &tag.of}, func() error {
		if held[machine] == nil {
			held[machine] = map[int64]namedTag{}
		}
		held[machine][id] = tag
		return nil
	})
	return held, err
}

const (
	addMachineTagsSQL = `
INSERT INTO machine_tag (machine, tag)
SELECT * FROM unnest($1::bigint[], $2::bigint[])
ON CONFLICT DO NOTHING`
	removeMachineTagsSQL = `
DELETE FROM machine_tag m USING unnest($1::bigint[], $2::bigint[]) AS gone(machine, tag)
WHERE m.machine = gone.machine AND m.tag = gone.tag`
	journalTagsSQL = `
INSERT INTO journal (what, machine, body)
SELECT 'tag', c.machine, c.body FROM unnest($1::bigint[], $2::json[]) AS c(machine, body) ORDER BY c.machine`
	// Tags decide which checks apply, which matters to commits once there is a head. It comes last: commits do not wait
	// for it, but everybody else who changes tags does.
	raiseForTagsSQL = `
UPDATE check_generation SET generation = generation + 1 WHERE EXISTS (SELECT FROM head WHERE machine = ANY ($1))`
)

// writeEdits writes what really changed.
func writeEdits(ctx context.Context, tx pgx.Tx, edits []*tagEdit) error {
	var changed []int64
	var bodies []string
	var gained, lost struct{ machines, tags []int64 }
	var entries []Audit
	request := requestOf(ctx)
	for _, e := range edits {
		if !e.changed() {
			continue
		}
		body, err := e.body(request)
		if err != nil {
			return err
		}
		changed, bodies = append(changed, e.machine), append(bodies, body)
		entries = append(entries, e.audit())
		for _, tag := range e.gained() {
			gained.machines, gained.tags = append(gained.machines, e.machine), append(gained.tags, tag)
		}
		for _, tag := range e.lost() {
			lost.machines, lost.tags = append(lost.machines, e.machine), append(lost.tags, tag)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	batch.Queue(addMachineTagsSQL, gained.machines, gained.tags)
	batch.Queue(removeMachineTagsSQL, lost.machines, lost.tags)
	batch.Queue(journalTagsSQL, changed, bodies)
	queuePending(batch, changed)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if err := record(ctx, tx, entries...); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, raiseForTagsSQL, changed)
	return err
}
