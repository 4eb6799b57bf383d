// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

const (
	// checkInShards is how many batches of check-ins are under way at once. A head always goes into the same shard.
	checkInShards = 2
	// maxCheckInBatch bounds the heads of one UPDATE.
	maxCheckInBatch = 512
	// checkInLinger is how long check-ins wait for company while there are fewer than enoughCheckIns.
	checkInLinger  = 20 * time.Millisecond
	enoughCheckIns = 64
)

// CheckIn is an agent's word that its snapshot is still the head's.
type CheckIn struct {
	Head     int64
	Root     asset.Digest
	Instance []byte
	Counter  uint64
}

// TouchHead records a check-in when the head still has the offered root and the stamp follows the last accepted one
// of the same agent process. It answers false when nothing was written, for whatever reason: the caller reads the
// head to find out. True means that the check-in is on disk. Check-ins that arrive together share one UPDATE.
func (s *Store) TouchHead(ctx context.Context, c CheckIn) (bool, error) {
	return s.checkIns[uint64(c.Head)%checkInShards].do(ctx, c)
}

// The decision is the write's: what an earlier reader saw of the head does not count. Rows that a push has locked are
// passed over, so that no batch waits for a push: their check-ins are answered false.
const followingSQL = `
WITH offered AS (
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[]) AS o(head, root, instance, counter)
), locked AS (
    SELECT h.id, h.machine, o.counter, h.archived_at IS NOT NULL AS archived
    FROM offered o JOIN head h ON h.id = o.head
    WHERE h.root = o.root AND h.agent_instance = o.instance AND h.counter < o.counter
    FOR NO KEY UPDATE OF h SKIP LOCKED
)`

const (
	// Archived heads are left as they are: there is more to do for them than one statement can.
	touchHeadsSQL = followingSQL + `, touched AS (
    UPDATE head h
    SET last_seen = greatest(h.last_seen, now()), commits = h.commits + (now() > h.last_seen)::int, counter = l.counter
    FROM locked l WHERE h.id = l.id AND NOT l.archived
)
SELECT id, archived FROM locked`

	reviveHeadsSQL = followingSQL + `, revived AS (
    INSERT INTO journal (what, machine, head) SELECT 'revive', machine, id FROM locked WHERE archived ORDER BY id
)
UPDATE head h
SET last_seen = greatest(h.last_seen, now()), commits = h.commits + (now() > h.last_seen)::int, counter = l.counter,
    archived_at = NULL
FROM locked l WHERE h.id = l.id
RETURNING h.id, h.machine`
)

// writeCheckIns writes one batch. Of several check-ins of one head only the one with the highest counter is written:
// the others were overtaken, or are the same one again, and are answered false.
func (s *Store) writeCheckIns(ctx context.Context, batch []CheckIn) ([]bool, error) {
	newest := make(map[int64]int, len(batch))
	for i, c := range batch {
		if j, ok := newest[c.Head]; !ok || batch[j].Counter < c.Counter {
			newest[c.Head] = i
		}
	}
	columns := newCheckInColumns(len(newest))
	for _, i := range newest {
		columns.add(&batch[i])
	}
	answers := make([]bool, len(batch))
	archived := newCheckInColumns(0)
	var head int64
	var asleep bool
	rows, _ := s.pool.Query(ctx, touchHeadsSQL, columns.arguments()...) // its error comes back from ForEachRow
	_, err := pgx.ForEachRow(rows, []any{&head, &asleep}, func() error {
		if asleep {
			archived.add(&batch[newest[head]])
		} else {
			answers[newest[head]] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write %d check-ins: %w", len(newest), err)
	}
	// The others are on disk already. Without a revival an answer is false, and the slow way meets the error again.
	revived, _ := s.reviveHeads(ctx, archived)
	for _, head := range revived {
		answers[newest[head]] = true
	}
	return answers, nil
}

// reviveHeads writes check-ins of heads that are archived, and returns those that it has touched: what they said of their
// machines before counts again.
func (s *Store) reviveHeads(ctx context.Context, c checkInColumns) (heads []int64, err error) {
	if len(c.heads) == 0 {
		return nil, nil
	}
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var machines []int64
		var head, machine int64
		rows, _ := tx.Query(ctx, reviveHeadsSQL, c.arguments()...) // its error comes back from ForEachRow
		_, err := pgx.ForEachRow(rows, []any{&head, &machine}, func() error {
			heads, machines = append(heads, head), append(machines, machine)
			return nil
		})
		if err != nil {
			return err
		}
		return settleCompliance(ctx, tx, machines)
	})
	if err != nil {
		return nil, err
	}
	return heads, nil
}

// checkInColumns are check-ins as the statements take them.
type checkInColumns struct {
	heads            []int64
	roots, instances [][]byte
	counters         []int64
}

func newCheckInColumns(n int) checkInColumns {
	return checkInColumns{make([]int64, 0, n), make([][]byte, 0, n), make([][]byte, 0, n), make([]int64, 0, n)}
}

func (c *checkInColumns) add(one *CheckIn) {
	c.heads = append(c.heads, one.Head)
	c.roots = append(c.roots, one.Root[:])
	c.instances = append(c.instances, one.Instance)
	c.counters = append(c.counters, int64(one.Counter))
}

func (c *checkInColumns) arguments() []any { return []any{c.heads, c.roots, c.instances, c.counters} }
