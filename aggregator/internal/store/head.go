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
	Resumed    []byte       // agent process that was there before one that took over, and came back as Instance; usually empty
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

// One statement, so that head and sections are of the same moment. Without a head there is one row all the same.
const loadHeadSQL = `
SELECT g.generation, ARRAY(SELECT tag FROM machine_tag WHERE machine = $1 ORDER BY tag),
       h.id, h.root, h.seq, h.first_at, h.changed_at, h.last_seen, h.archived_at IS NOT NULL, h.agent_instance, h.counter, h.resumed,
       i.instances, i.counters, s.kinds, s.bases, s.tails, s.digests
FROM check_generation g
LEFT JOIN head h ON h.machine = $1 AND h.source = $2
LEFT JOIN LATERAL (
    SELECT array_agg(instance) AS instances, array_agg(since) AS counters FROM head_instance WHERE head = h.id
) i ON true
LEFT JOIN LATERAL (
    SELECT array_agg(kind) AS kinds, array_agg(base) AS bases, array_agg(tail) AS tails, array_agg(digest) AS digests
    FROM head_section WHERE head = h.id
) s ON true`

// loadedHead is the row of loadHeadSQL.
type loadedHead struct {
	generation                   int64
	tags                         []int64
	id, seq, counter             *int64
	root, instance               []byte
	firstAt, changedAt, lastSeen *time.Time
	archived                     bool
	resumed                      []byte
	instances                    [][]byte
	since                        []int64
	kinds                        []string
	bases, tails, digests        [][]byte
}

// LoadHead reads the head of a machine and source, without locking it: WriteCommit finds out when it changed
// meanwhile. A head that does not exist has the ID 0.
func (s *Store) LoadHead(ctx context.Context, machine int64, source int32) (HeadState, error) {
	var l loadedHead
	err := s.pool.QueryRow(ctx, loadHeadSQL, machine, source).Scan(&l.generation, &l.tags,
		&l.id, &l.root, &l.seq, &l.firstAt, &l.changedAt, &l.lastSeen, &l.archived, &l.instance, &l.counter, &l.resumed,
		&l.instances, &l.since, &l.kinds, &l.bases, &l.tails, &l.digests)
	if err != nil {
		return HeadState{}, fmt.Errorf("load head: %w", err)
	}
	state := HeadState{CheckGeneration: l.generation, Tags: l.tags}
	if l.id == nil {
		return state, nil
	}
	state.Head, err = l.head()
	if err != nil {
		return HeadState{}, fmt.Errorf("load head: %w", err)
	}
	for i, kind := range l.kinds {
		state.Rows = append(state.Rows, pack.Row{Kind: kind, Base: l.bases[i], Tail: l.tails[i], Digest: l.digests[i]})
	}
	return state, nil
}

const loadSmallSectionsSQL = `
SELECT h.id, coalesce(s.base, '')
FROM head h LEFT JOIN head_section s ON s.head = h.id AND s.kind = ''
WHERE h.machine = $1 AND h.source = $2`

// LoadSmallSections returns the head of a machine and source, 0 when there is none, and the base of the row that its
// small sections share.
func (s *Store) LoadSmallSections(ctx context.Context, machine int64, source int32) (head int64, base []byte, err error) {
	err = s.pool.QueryRow(ctx, loadSmallSectionsSQL, machine, source).Scan(&head, &base)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("small sections of machine %d: %w", machine, err)
	}
	return head, base, nil
}

func (l *loadedHead) head() (Head, error) {
	root, err := asset.ParseDigest(l.root)
	h := Head{
		ID: *l.id, Root: root, Seq: *l.seq, FirstAt: *l.firstAt, ChangedAt: *l.changedAt, LastSeen: *l.lastSeen,
		Archived: l.archived, Instance: l.instance, Counter: uint64(*l.counter), Resumed: l.resumed,
	}
	for i, instance := range l.instances {
		h.Superseded = append(h.Superseded, Superseded{Instance: instance, Since: uint64(l.since[i])})
	}
	return h, err
}
