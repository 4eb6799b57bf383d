// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

const (
	lockHeadSeqsSQL = `
SELECT id, seq FROM head WHERE id = ANY ($1::bigint[])
ORDER BY id
FOR NO KEY UPDATE`

	// The checks stay as they are until the statuses are stored.
	lockVersionsSQL = `
SELECT id, version FROM jmespath_check WHERE id = ANY ($1::bigint[])
ORDER BY id
FOR SHARE`
)

// PutHeadStatuses stores results of evaluations outside a commit, of one machine at most once for each check. It
// returns the heads, ascending, that are no longer at the change that was evaluated: it stores nothing for them. A head
// that was pruned needs no statuses, nor does a version of a check that is not the newest one any more.
func (s *Store) PutHeadStatuses(ctx context.Context, statuses []Status) (moved []int64, err error) {
	if len(statuses) == 0 {
		return nil, nil
	}
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var current []Status
		var err error
		if current, moved, err = lockCurrent(ctx, tx, statuses); err != nil {
			return err
		}
		if current, err = ofNewestVersions(ctx, tx, current); err != nil {
			return err
		}
		put, err := putStatuses(ctx, tx, current)
		if err != nil {
			return err
		}
		return settleCompliance(ctx, tx, put.unsettled)
	})
	if err != nil {
		return nil, fmt.Errorf("put %d statuses of heads: %w", len(statuses), err)
	}
	return moved, nil
}

// lockCurrent locks the heads of statuses and returns the statuses whose heads are at the change they were computed
// at, and the heads that are at another one.
func lockCurrent(ctx context.Context, tx pgx.Tx, statuses []Status) (current []Status, moved []int64, err error) {
	heads := make([]int64, len(statuses))
	for i := range statuses {
		heads[i] = statuses[i].Head
	}
	rows, _ := tx.Query(ctx, lockHeadSeqsSQL, heads) // its error comes back from ForEachRow
	seqs := make(map[int64]int64, len(heads))
	var head, seq int64
	if _, err := pgx.ForEachRow(rows, []any{&head, &seq}, func() error {
		seqs[head] = seq
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for _, one := range statuses {
		seq, there := seqs[one.Head]
		switch {
		case there && seq == one.HeadSeq:
			current = append(current, one)
		case there:
			moved = append(moved, one.Head)
		}
	}
	slices.Sort(moved)
	return current, slices.Compact(moved), nil
}

// ofNewestVersions locks the checks of statuses and returns the statuses of versions that are the newest.
func ofNewestVersions(ctx context.Context, tx pgx.Tx, statuses []Status) ([]Status, error) {
	checks := make([]int64, len(statuses))
	for i := range statuses {
		checks[i] = statuses[i].CheckID
	}
	slices.Sort(checks)
	rows, _ := tx.Query(ctx, lockVersionsSQL, slices.Compact(checks)) // its error comes back from ForEachRow
	versions := map[int64]int{}
	var id int64
	var version int
	if _, err := pgx.ForEachRow(rows, []any{&id, &version}, func() error {
		versions[id] = version
		return nil
	}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(statuses, func(s Status) bool { return s.CheckVersion < versions[s.CheckID] || versions[s.CheckID] == 0 }), nil
}
