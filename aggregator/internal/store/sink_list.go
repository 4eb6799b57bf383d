// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MaxSinkLag is how many entries of the journal are counted that a sink has not delivered: it stands for that many or more.
const MaxSinkLag = 10_000

// Sink is how far a sink has come.
type Sink struct {
	Name        string
	Delivered   int64 // events
	Attempts    int64
	Failures    int64 // of the attempts
	LastError   string
	Held        bool       // an aggregator delivers for it
	DisabledAt  *time.Time // its receiver said that it is gone
	MissedAt    *time.Time // it lagged behind for so long that entries were trimmed before it had read them
	UpdatedAt   time.Time
	LagEntries  int     // of the journal that it has not dealt with, up to MaxSinkLag
	LagSeconds  float64 // age of the oldest of them
	DeadLetters int
}

const sinksSQL = `
SELECT s.name, s.delivered, s.attempts, s.failures, s.last_error, s.holder IS NOT NULL AND s.lease_until > now(),
       s.disabled_at, s.missed_at, s.updated_at,
       (SELECT count(*) FROM (
           SELECT FROM journal j
           WHERE (j.xid, j.id) > (s.xid, s.id) AND j.xid < pg_snapshot_xmin(pg_current_snapshot()) LIMIT $1) unread),
       coalesce((
           SELECT greatest(extract(epoch FROM now() - j.at), 0)::float8 FROM journal j
           WHERE (j.xid, j.id) > (s.xid, s.id) AND j.xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY j.xid, j.id LIMIT 1), 0),
       (SELECT count(*) FROM dead_letter d WHERE d.sink = s.name)
FROM sink s
ORDER BY s.name`

// Sinks lists the sinks there have been, by name.
func (s *Store) Sinks(ctx context.Context) ([]Sink, error) {
	rows, _ := s.pool.Query(ctx, sinksSQL, MaxSinkLag) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Sink])
	if err != nil {
		return nil, fmt.Errorf("list sinks: %w", err)
	}
	return found, nil
}

// SinkState says what there is to do for a sink.
type SinkState struct {
	Name   string
	Free   bool // enabled, and nobody else has its lease
	Replay bool // dead letters of it are to be delivered again
}

const sinkStatesSQL = `
SELECT n.name, s.name IS NULL OR s.disabled_at IS NULL AND (s.holder IS NULL OR s.holder = $2 OR s.lease_until < now()),
       EXISTS (SELECT FROM dead_letter d WHERE d.sink = n.name AND d.replay_at IS NOT NULL)
FROM unnest($1::text[]) AS n(name) LEFT JOIN sink s USING (name)`

// SinkStates returns the state of each named sink, for one who may hold leases.
func (s *Store) SinkStates(ctx context.Context, names []string, holder uuid.UUID) ([]SinkState, error) {
	rows, _ := s.pool.Query(ctx, sinkStatesSQL, names, holder) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SinkState])
	if err != nil {
		return nil, fmt.Errorf("states of sinks: %w", err)
	}
	return found, nil
}

const lastEntrySQL = `
SELECT coalesce(max(xid::text::bigint), 0), coalesce(max(id), 0)
FROM (SELECT xid, id FROM journal WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid DESC, id DESC LIMIT 1) last`

// LastEntry returns the position of the last entry that Tail would return; the zero Position when there is none. It
// costs next to nothing.
func (s *Store) LastEntry(ctx context.Context) (Position, error) {
	var xid, id int64
	if err := s.pool.QueryRow(ctx, lastEntrySQL).Scan(&xid, &id); err != nil {
		return Position{}, fmt.Errorf("last entry of the journal: %w", err)
	}
	return Position{XID: uint64(xid), ID: id}, nil
}
