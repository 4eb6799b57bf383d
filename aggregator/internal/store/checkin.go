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
const touchHeadsSQL = `
WITH offered AS (
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[]) AS o(head, root, instance, counter)
), locked AS (
    SELECT h.id, h.machine, o.counter, h.archived_at IS NOT NULL AS archived
    FROM offered o JOIN head h ON h.id = o.head
    WHERE h.root = o.root AND h.agent_instance = o.instance AND h.counter < o.counter
    FOR NO KEY UPDATE OF h SKIP LOCKED
), revived AS (
    INSERT INTO journal (what, machine, head) SELECT 'revive', machine, id FROM locked WHERE archived
)
UPDATE head h
SET last_seen = greatest(h.last_seen, now()), commits = h.commits + (now() > h.last_seen)::int,
    counter = l.counter, archived_at = NULL
FROM locked l WHERE h.id = l.id
RETURNING h.id`

// writeCheckIns writes one batch. Of several check-ins of one head only the one with the highest counter is written:
// the others were overtaken, or are the same one again, and are answered false.
func (s *Store) writeCheckIns(ctx context.Context, batch []CheckIn) ([]bool, error) {
	newest := make(map[int64]int, len(batch))
	for i, c := range batch {
		if j, ok := newest[c.Head]; !ok || batch[j].Counter < c.Counter {
			newest[c.Head] = i
		}
	}
	heads := make([]int64, 0, len(newest))
	roots := make([][]byte, 0, len(newest))
	instances := make([][]byte, 0, len(newest))
	counters := make([]int64, 0, len(newest))
	for _, i := range newest {
		c := &batch[i]
		heads = append(heads, c.Head)
		roots = append(roots, c.Root[:])
		instances = append(instances, c.Instance)
		counters = append(counters, int64(c.Counter))
	}
	rows, _ := s.pool.Query(ctx, touchHeadsSQL, heads, roots, instances, counters) // its error comes back from CollectRows
	touched, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("write %d check-ins: %w", len(heads), err)
	}
	answers := make([]bool, len(batch))
	for _, head := range touched {
		answers[newest[head]] = true
	}
	return answers, nil
}
