// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// Before tells whether a position lies before another one.
func (p Position) Before(other Position) bool {
	return p.XID < other.XID || p.XID == other.XID && p.ID < other.ID
}

// JournalEnd returns the position behind everything that Tail returns now.
func (s *Store) JournalEnd(ctx context.Context) (Position, error) {
	start, err := s.IndexStart(ctx)
	if err != nil || start.XID == 0 {
		return Position{}, err
	}
	return Position{XID: start.XID - 1, ID: math.MaxInt64}, nil
}

const (
	journalAtSQL = `
SELECT xid::text::bigint, at FROM journal
WHERE (xid, id) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, id
LIMIT 1`
	oldestEntrySQL = `SELECT at FROM journal ORDER BY xid, id LIMIT 1`
)

// JournalSince returns a position behind which every entry lies that is not older than a moment, and of the older ones
// few: those of about a minute.
func (s *Store) JournalSince(ctx context.Context, at time.Time) (Position, error) {
	floor, err := s.JournalFloor(ctx)
	if err != nil {
		return Position{}, err
	}
	end, err := s.JournalEnd(ctx)
	if err != nil || !floor.Before(end) {
		return floor, err
	}
	// Transactions write their first row, which gives them their place, at most so long after the moment that rows carry.
	at = at.Add(-2 * maxTransaction)
	low, high := floor.XID, end.XID // behind low there may be older entries, behind high there are none
	for low < high {
		middle := low + (high-low)/2
		var xid int64
		var found time.Time
		err := s.pool.QueryRow(ctx, journalAtSQL, fmt.Sprint(middle), int64(math.MaxInt64)).Scan(&xid, &found)
		switch {
		case errors.Is(err, pgx.ErrNoRows) || err == nil && !found.Before(at):
			high = middle
		case err != nil:
			return Position{}, fmt.Errorf("journal since %s: %w", at, err)
		default:
			low = min(max(uint64(xid), middle+1), high)
		}
	}
	if place := (Position{XID: low, ID: math.MaxInt64}); low > floor.XID && floor.Before(place) {
		return place, nil
	}
	return floor, nil
}

// OldestEntry returns when the oldest entry of the journal was written; the zero time when there is none.
func (s *Store) OldestEntry(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := s.pool.QueryRow(ctx, oldestEntrySQL).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("oldest entry of the journal: %w", err)
	}
	return at, nil
}

const taggedWithSQL = `SELECT DISTINCT machine FROM machine_tag WHERE machine = ANY ($1) AND tag = ANY ($2)`

// InReach returns those of the machines that carry at least one of the tags now.
func (s *Store) InReach(ctx context.Context, machines, tags []int64) (map[int64]bool, error) {
	rows, _ := s.pool.Query(ctx, taggedWithSQL, machines, tags) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("machines in reach: %w", err)
	}
	reached := make(map[int64]bool, len(found))
	for _, id := range found {
		reached[id] = true
	}
	return reached, nil
}
