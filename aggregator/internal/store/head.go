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

// Source is who reports.
type Source struct {
	ID     int32
	Module string
	Name   string
	Config string // canonical JSON, empty when the source has none
}

// Head is the current snapshot of a machine and source, without its sections.
type Head struct {
	ID         int64 // 0: there is none yet
	Root       asset.Digest
	Seq        int64
	FirstAt    time.Time
	ChangedAt  time.Time
	LastSeen   time.Time
	Archived   bool
	Instance   []byte // agent process of the last accepted stamp, empty when no agent ever wrote
	Counter    uint64
	Resynced   bool         // the instance came back from an earlier state of the machine
	Superseded []Superseded // agent processes that a later one took over from
}

// Superseded is an agent process whose place another one took.
type Superseded struct {
	Instance []byte
	Since    uint64 // first counter of the process that took over
}

// HeadState is everything that a commit is computed from.
type HeadState struct {
	Head
	Rows            []pack.Row
	Tags            []int64 // of the machine
	CheckGeneration int64
}

const ensureSourceSQL = `
WITH added AS (
    INSERT INTO source (module, name, config) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING id)
SELECT id FROM added
UNION ALL
SELECT id FROM source WHERE module = $1 AND name = $2 AND config = $3
LIMIT 1`

// EnsureSource returns the source with its id, making it on first mention.
func (s *Store) EnsureSource(ctx context.Context, source Source) (Source, error) {
	const attempts = 3 // a source that is being made by somebody else is seen by neither half of the query
	for range attempts {
		err := s.pool.QueryRow(ctx, ensureSourceSQL, source.Module, source.Name, source.Config).Scan(&source.ID)
		if err == nil {
			return source, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return Source{}, fmt.Errorf("source %s: %w", source.Name, err)
		}
	}
	return Source{}, fmt.Errorf("source %s: %w", source.Name, ErrRetry)
}

const (
	headSQL = `
SELECT id, root, seq, first_at, changed_at, last_seen, archived_at IS NOT NULL, agent_instance, counter, resynced
FROM head WHERE machine = $1 AND source = $2`

	headRowsSQL = `
SELECT s.kind, s.base, s.tail, s.digest
FROM head h JOIN head_section s ON s.head = h.id
WHERE h.machine = $1 AND h.source = $2`

	headInstancesSQL = `
SELECT i.instance, i.since
FROM head h JOIN head_instance i ON i.head = h.id
WHERE h.machine = $1 AND h.source = $2`

	headContextSQL = `
SELECT generation, ARRAY(SELECT tag FROM machine_tag WHERE machine = $1 ORDER BY tag)
FROM check_generation`
)

// LoadHead reads the head of a machine and source, without locking it: WriteCommit finds out when it changed
// meanwhile. A head that does not exist has the ID 0.
func (s *Store) LoadHead(ctx context.Context, machine int64, source int32) (HeadState, error) {
	var state HeadState
	batch := &pgx.Batch{}
	batch.Queue(headSQL, machine, source).QueryRow(func(row pgx.Row) error {
		err := scanHead(row, &state.Head)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	batch.Queue(headInstancesSQL, machine, source).Query(func(rows pgx.Rows) (err error) {
		state.Superseded, err = pgx.CollectRows(rows, scanSuperseded)
		return err
	})
	batch.Queue(headRowsSQL, machine, source).Query(func(rows pgx.Rows) (err error) {
		state.Rows, err = pgx.CollectRows(rows, pgx.RowToStructByPos[pack.Row])
		return err
	})
	batch.Queue(headContextSQL, machine).QueryRow(func(row pgx.Row) error {
		return row.Scan(&state.CheckGeneration, &state.Tags)
	})
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return HeadState{}, fmt.Errorf("load head: %w", err)
	}
	return state, nil
}

func scanHead(row pgx.Row, h *Head) error {
	var root []byte
	var counter int64
	err := row.Scan(&h.ID, &root, &h.Seq, &h.FirstAt, &h.ChangedAt, &h.LastSeen, &h.Archived, &h.Instance, &counter, &h.Resynced)
	if err != nil {
		return err
	}
	h.Counter = uint64(counter)
	h.Root, err = asset.ParseDigest(root)
	return err
}

func scanSuperseded(row pgx.CollectableRow) (Superseded, error) {
	var s Superseded
	var since int64
	err := row.Scan(&s.Instance, &since)
	s.Since = uint64(since)
	return s, err
}
