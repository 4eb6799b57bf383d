// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// HistoryFilter chooses heads for an export of their history; zero fields choose all.
type HistoryFilter struct {
	Since time.Time // changed at or after
	Scope auth.Scope
}

// HistoryHead is a head, archived or not, with its sections, all of one moment.
type HistoryHead struct {
	ID        int64
	Serial    string
	Source    int32
	Root      asset.Digest
	Seq       int64
	ChangedAt time.Time
	LastSeen  time.Time
	Sections  pack.Sections
}

const historyFromSQL = `
FROM head h JOIN machine m ON m.id = h.machine
WHERE h.id > $1 AND ($2::timestamptz IS NULL OR h.changed_at >= $2)
  AND ($3::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($3)))`

const (
	historyHeadsSQL = `
SELECT h.id, m.serial_number, h.source, h.root, h.seq, h.changed_at, h.last_seen` + historyFromSQL + `
ORDER BY h.id
LIMIT $4`
	countHistoryHeadsSQL = `SELECT count(*)` + historyFromSQL
)

// CountHistoryHeads returns how many heads StreamHistoryHeads hands over, as of now.
func (s *Store) CountHistoryHeads(ctx context.Context, f HistoryFilter) (int64, error) {
	var n int64
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, countHistoryHeadsSQL, 0, optionalTime(f.Since), f.Scope.Tags).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count heads: %w", err)
	}
	return n, nil
}

// StreamHistoryHeads hands heads to fn by id, archived ones among them, and stops at its first error. It reads in
// batches as StreamHeads does, and ends with an error when the database is exchanged meanwhile.
func (s *Store) StreamHistoryHeads(ctx context.Context, f HistoryFilter, fn func(HistoryHead) error) error {
	epoch := s.CurrentEpoch()
	last := int64(0)
	for {
		heads, err := s.historyBatch(ctx, f, last)
		if err != nil {
			return fmt.Errorf("stream heads: %w", err)
		}
		for i := range heads {
			if err := fn(heads[i]); err != nil {
				return err
			}
			if s.CurrentEpoch() != epoch { // what fn remembers of assets by their ids may be wrong now
				return errEpochEnded
			}
		}
		if len(heads) < streamBatch {
			return nil
		}
		last = heads[len(heads)-1].ID
	}
}

func (s *Store) historyBatch(ctx context.Context, f HistoryFilter, after int64) ([]HistoryHead, error) {
	var heads []HistoryHead
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, historyHeadsSQL, after, optionalTime(f.Since), f.Scope.Tags, streamBatch) // its error comes back from CollectRows
		var err error
		if heads, err = pgx.CollectRows(rows, scanHistoryHead); err != nil {
			return err
		}
		ids := make([]int64, len(heads))
		for i := range heads {
			ids[i] = heads[i].ID
		}
		sections, err := foldHeads(ctx, tx, ids, nil)
		for i := range heads {
			if heads[i].Sections = sections[heads[i].ID]; heads[i].Sections == nil {
				heads[i].Sections = pack.Sections{}
			}
		}
		return err
	})
	return heads, err
}

func scanHistoryHead(row pgx.CollectableRow) (HistoryHead, error) {
	var h HistoryHead
	var root []byte
	err := row.Scan(&h.ID, &h.Serial, &h.Source, &root, &h.Seq, &h.ChangedAt, &h.LastSeen)
	if err == nil {
		h.Root, err = asset.ParseDigest(root)
	}
	return h, err
}

// Step is one change of a head without what it did.
type Step struct {
	Seq  int64
	At   time.Time
	Root asset.Digest // afterwards
}

const (
	headSeqSQL = `SELECT seq FROM head WHERE id = $1`
	stepsSQL   = `SELECT seq, at, root FROM change WHERE head = $1 AND seq <= $2 ORDER BY seq DESC`
	// A page of changes; each may be a megabyte.
	changesBackSQL = `
SELECT ` + changeColumns + ` FROM change
WHERE head = $1 AND seq <= $2
ORDER BY seq DESC
LIMIT $3`
)

var (
	// errBehind says that a replica has not seen yet what the export goes on from.
	errBehind = errors.New("the replica lacks a change that was read before")
	// errNoHead says that a head was pruned meanwhile, or that a replica has not seen it yet.
	errNoHead = errors.New("the head is gone")
)

// StepsBack returns the changes of a head that are kept without a gap, from seq on back, the newest first. A head that
// was pruned meanwhile has none.
func (s *Store) StepsBack(ctx context.Context, head, seq int64) ([]Step, error) {
	var steps []Step
	err := s.inHistory(ctx, head, seq, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, stepsSQL, head, seq) // its error comes back from CollectRows
		var err error
		steps, err = pgx.CollectRows(rows, scanStep)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("changes of head %d: %w", head, err)
	}
	for i := range steps {
		if steps[i].Seq != seq-int64(i) {
			return steps[:i], nil
		}
	}
	return steps, nil
}

// ChangesBack returns up to limit changes of a head from seq on back, the newest first.
func (s *Store) ChangesBack(ctx context.Context, head, seq int64, limit int) ([]Change, error) {
	var changes []Change
	err := s.inHistory(ctx, head, seq, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, changesBackSQL, head, seq, limit) // its error comes back from CollectRows
		var err error
		changes, err = pgx.CollectRows(rows, scanChange)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("changes of head %d: %w", head, err)
	}
	return changes, nil
}

// inHistory runs fn where exports read, but not on a replica that has not come to the head's change seq yet. Of a head
// that was pruned meanwhile nothing is read.
func (s *Store) inHistory(ctx context.Context, head, seq int64, fn func(context.Context, pgx.Tx) error) error {
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var reached int64
		err := tx.QueryRow(ctx, headSeqSQL, head).Scan(&reached)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return errNoHead
		case err != nil:
			return err
		case reached < seq:
			return errBehind
		}
		return fn(ctx, tx)
	})
	if errors.Is(err, errNoHead) {
		return nil // so says the primary, which is asked last
	}
	return err
}

func scanStep(row pgx.CollectableRow) (Step, error) {
	var step Step
	var root []byte
	err := row.Scan(&step.Seq, &step.At, &root)
	if err == nil {
		step.Root, err = asset.ParseDigest(root)
	}
	return step, err
}

// UndoIn turns the sections that a head had after the change into those that it had before, whose Digests it leaves zero.
func (c *Change) UndoIn(sections pack.Sections) error {
	if err := undoDeltas(sections, c.Deltas); err != nil {
		return fmt.Errorf("change %d: %w", c.Seq, err)
	}
	return nil
}
