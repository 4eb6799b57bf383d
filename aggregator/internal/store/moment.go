// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// GoneError says that a moment lies before everything that is kept.
type GoneError struct {
	Oldest time.Time // the oldest moment that can be answered for the head
}

// Error names the oldest moment.
func (e *GoneError) Error() string {
	return "no longer kept: the oldest snapshot is of " + e.Oldest.UTC().Format(time.RFC3339Nano)
}

// Moment is the content of a head at some time.
type Moment struct {
	Seq  int64
	At   time.Time    // when it became so; zero when that change is not kept
	Root asset.Digest // zero when that change is not kept
	// Sections of kinds that changed since have no Digest.
	Sections pack.Sections
}

// SectionsAt returns what a head held at a time; the zero time is now. Before the head's first snapshot there is
// ErrNotFound; where the changes since are no longer kept, a *GoneError.
func (s *Store) SectionsAt(ctx context.Context, head int64, at time.Time) (Moment, error) {
	return s.moment(ctx, head, func(u *undo) error {
		if at.IsZero() || !at.Before(u.changedAt) {
			return nil
		}
		if at.Before(u.firstAt) {
			return fmt.Errorf("no snapshot yet: %w", ErrNotFound)
		}
		return u.backTo(ctx, undoToTimeSQL, at)
	})
}

// SectionsAtSeq returns what a head held after its change number seq, counted from 1. Without such a change there is
// ErrNotFound; where the changes since are no longer kept, a *GoneError.
func (s *Store) SectionsAtSeq(ctx context.Context, head, seq int64) (Moment, error) {
	return s.moment(ctx, head, func(u *undo) error {
		switch {
		case seq < 1 || seq > u.moment.Seq:
			return fmt.Errorf("change %d: %w", seq, ErrNotFound)
		case seq == u.moment.Seq:
			return nil
		}
		if err := u.backTo(ctx, undoToSeqSQL, seq); err != nil {
			return err
		}
		if u.moment.Seq != seq {
			return u.gone(ctx)
		}
		return nil
	})
}

const (
	momentHeadSQL = `SELECT root, seq, first_at, changed_at FROM head WHERE id = $1`
	undoToTimeSQL = `SELECT ` + changeColumns + ` FROM change WHERE head = $1 AND at > $2 ORDER BY seq DESC`
	undoToSeqSQL  = `SELECT ` + changeColumns + ` FROM change WHERE head = $1 AND seq > $2 ORDER BY seq DESC`
	oneChangeSQL  = `SELECT at, root FROM change WHERE head = $1 AND seq = $2`
)

// moment folds a head and lets back undo its changes, all in one view of the database.
func (s *Store) moment(ctx context.Context, head int64, back func(*undo) error) (Moment, error) {
	var u undo
	err := s.inSnapshot(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var root []byte
		u = undo{tx: tx, head: head}
		err := tx.QueryRow(ctx, momentHeadSQL, head).Scan(&root, &u.moment.Seq, &u.firstAt, &u.changedAt)
		if err != nil {
			return notFound(err)
		}
		u.moment.At = u.changedAt
		if u.moment.Root, err = asset.ParseDigest(root); err != nil {
			return err
		}
		if u.moment.Sections, err = foldHead(ctx, tx, head); err != nil {
			return err
		}
		return back(&u)
	})
	if err != nil {
		return Moment{}, fmt.Errorf("snapshot of head %d: %w", head, err)
	}
	return u.moment, nil
}

// undo goes back in the history of a head.
type undo struct {
	tx                 pgx.Tx
	head               int64
	firstAt, changedAt time.Time
	moment             Moment
}

// backTo undoes the changes that a query finds, the newest first, and dates what is left. to is a time or a seq.
func (u *undo) backTo(ctx context.Context, sql string, to any) error {
	rows, _ := u.tx.Query(ctx, sql, u.head, to) // its error comes back from eachRow
	gap := false
	err := eachRow(rows, scanChange, func(c Change) error {
		if gap = gap || c.Seq != u.moment.Seq; gap {
			return nil
		}
		if err := undoDeltas(u.moment.Sections, c.Deltas); err != nil {
			return fmt.Errorf("change %d: %w", c.Seq, err)
		}
		u.moment.Seq--
		return nil
	})
	if err != nil {
		return err
	}
	if gap {
		return u.gone(ctx)
	}
	return u.date(ctx, to)
}

// date finds out since when the sections were what they are now, and whether a change before the moment in question
// may be missing.
func (u *undo) date(ctx context.Context, to any) error {
	var root []byte
	u.moment.At, u.moment.Root = time.Time{}, asset.Digest{}
	err := u.tx.QueryRow(ctx, oneChangeSQL, u.head, u.moment.Seq).Scan(&u.moment.At, &root)
	if err == nil {
		u.moment.Root, err = asset.ParseDigest(root)
		return err
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if u.moment.Seq == 1 {
		u.moment.At = u.firstAt
		return nil
	}
	oldest, err := u.oldest(ctx)
	if err != nil {
		return err
	}
	if at, ok := to.(time.Time); ok && at.Before(oldest) {
		return &GoneError{Oldest: oldest}
	}
	return nil
}

func (u *undo) gone(ctx context.Context) error {
	oldest, err := u.oldest(ctx)
	if err != nil {
		return err
	}
	return &GoneError{Oldest: oldest}
}

// oldest returns the oldest moment that can be answered: the beginning of the oldest partition from which on there is
// one for every week, where history was cleaned up to, or the beginning of the head.
func (u *undo) oldest(ctx context.Context) (time.Time, error) {
	oldest, err := u.oldestWeek(ctx)
	if err != nil {
		return time.Time{}, err
	}
	floor, err := historyFloor(ctx, u.tx)
	if floor.After(u.changedAt) { // the newest change stays, and with it every moment since
		floor = u.changedAt
	}
	if floor.After(oldest) {
		oldest = floor
	}
	return oldest, err
}

func (u *undo) oldestWeek(ctx context.Context) (time.Time, error) {
	mondays, err := partitions(ctx, u.tx)
	if err != nil {
		return time.Time{}, err
	}
	first := len(mondays) - 1
	for first > 0 && mondays[first-1].Add(week).Equal(mondays[first]) {
		first--
	}
	switch {
	case first < 0:
		return u.changedAt, nil
	case mondays[first].Before(u.firstAt):
		return u.firstAt, nil
	default:
		return mondays[first], nil
	}
}

// undoDeltas turns sections into what they were before a change.
func undoDeltas(sections pack.Sections, deltas []pack.Delta) error {
	for i := range deltas {
		d := &deltas[i]
		before, err := d.Undo(sections[d.Kind])
		switch {
		case err != nil:
			return err
		case before != nil:
			sections[d.Kind] = before
		default:
			delete(sections, d.Kind)
		}
	}
	return nil
}

// eachRow reads rows one by one, so that they are never all in memory.
func eachRow[T any](rows pgx.Rows, scan pgx.RowToFunc[T], fn func(T) error) error {
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return err
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inSnapshot runs fn in one read-only transaction of bounded length that sees the database as it is now, whatever is
// committed meanwhile.
func (s *Store) inSnapshot(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	return readSnapshot(ctx, s.pool, maxTransaction, fn)
}
