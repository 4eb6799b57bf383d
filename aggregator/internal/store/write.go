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

// Commit is what one transaction writes about one head. Everything in it was computed from State, outside the
// transaction.
type Commit struct {
	Machine int64
	Source  int32
	State   *HeadState // what was read

	Root  asset.Digest
	Plan  pack.Plan
	Kinds []string // changed kinds; empty: nothing changed, the head is only touched
	Delta []byte   // pack.EncodeDeltas

	Stamp      *Stamp // nil when the source is no agent
	Credential int64  // 0 when the source is no agent
	LastSeen   time.Time

	Summary  *Summary // nil: unchanged
	Statuses []Status // Machine, Head and HeadSeq are filled in here
	Cleared  []int64  // checks that do not apply to the machine any more
}

// Stamp is the accepted order of an agent's request.
type Stamp struct {
	Instance []byte
	Counter  uint64
	TakeOver bool // Instance takes the place of the head's
	Resync   bool // Instance came back from an earlier state of the machine
}

// Summary is what people list and filter machines by.
type Summary struct {
	ComputerName  string
	Platform      string
	Type          string
	OSVersion     string
	HardwareModel string
}

// Written tells what WriteCommit did.
type Written struct {
	Head     int64
	Seq      int64
	At       time.Time
	Statuses []StatusChange
}

// ErrFrozen says that the credential was frozen or revoked while the push was computed.
var ErrFrozen = errors.New("credential is frozen")

const (
	newHeadSQL = `
INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen, agent_instance, counter, resynced)
SELECT $1, $2, $3, 1, 1, n.at, n.at, coalesce($4, n.at), $5, $6, $7
FROM (SELECT clock_timestamp() AS at) n
ON CONFLICT DO NOTHING
RETURNING id, changed_at, last_seen`

	lockHeadSQL = `
SELECT h.seq, h.agent_instance, h.counter, h.archived_at IS NOT NULL,
       greatest(clock_timestamp(), h.changed_at + interval '1 microsecond')
FROM head h WHERE h.id = $1 FOR NO KEY UPDATE`

	credentialAliveSQL = `
SELECT frozen_at IS NULL AND revoked_at IS NULL FROM credential WHERE id = $1 FOR SHARE`

	generationSQL = `SELECT generation FROM check_generation`
)

// WriteCommit writes a commit in one transaction, durable when it returns. It answers ErrRetry when the head, or the
// set of checks, is not what the commit was computed from, and ErrFrozen when the agent's credential is dead.
func (s *Store) WriteCommit(ctx context.Context, c *Commit) (Written, error) {
	var written Written
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		w := commitWriter{tx: tx, commit: c}
		if err := w.lock(ctx); err != nil {
			return err
		}
		if err := w.verify(ctx); err != nil {
			return err
		}
		if err := w.write(ctx); err != nil {
			return err
		}
		written = Written{Head: w.head, Seq: w.seq, At: w.at, Statuses: w.changes}
		return nil
	})
	if err != nil {
		return Written{}, fmt.Errorf("commit: %w", err)
	}
	return written, nil
}

// commitWriter is one attempt at a commit.
type commitWriter struct {
	tx      pgx.Tx
	commit  *Commit
	head    int64
	seq     int64
	at      time.Time
	revived bool
	changes []StatusChange
}

// lock makes the head, or locks it and compares it with what was read.
func (w *commitWriter) lock(ctx context.Context) error {
	c := w.commit
	if c.State.ID == 0 {
		return w.create(ctx)
	}
	var instance []byte
	var counter int64
	err := w.tx.QueryRow(ctx, lockHeadSQL, c.State.ID).Scan(&w.seq, &instance, &counter, &w.revived, &w.at)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrRetry // pruned
	}
	if err != nil {
		return fmt.Errorf("lock head: %w", err)
	}
	// Check-ins of the same process may have raised the counter since; what matters is that this request still follows.
	follows := c.Stamp == nil || uint64(counter) < c.Stamp.Counter
	if w.seq != c.State.Seq || string(instance) != string(c.State.Instance) || !follows {
		return ErrRetry
	}
	w.head = c.State.ID
	if len(c.Kinds) > 0 {
		w.seq++
	}
	return nil
}

func (w *commitWriter) create(ctx context.Context) error {
	c := w.commit
	stamp := c.Stamp
	if stamp == nil {
		stamp = &Stamp{Instance: []byte{}}
	}
	var lastSeen time.Time
	err := w.tx.QueryRow(ctx, newHeadSQL, c.Machine, c.Source, c.Root[:], optionalTime(c.LastSeen),
		stamp.Instance, int64(stamp.Counter), stamp.Resync).Scan(&w.head, &w.at, &lastSeen)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrRetry // somebody else made it
	}
	if err != nil {
		return fmt.Errorf("make head: %w", err)
	}
	w.seq = 1
	return nil
}

// verify compares the rest of what the commit was computed from.
func (w *commitWriter) verify(ctx context.Context) error {
	if w.commit.Credential != 0 {
		alive := false
		err := w.tx.QueryRow(ctx, credentialAliveSQL, w.commit.Credential).Scan(&alive)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("credential: %w", err)
		}
		if !alive {
			return ErrFrozen
		}
	}
	var generation int64
	if err := w.tx.QueryRow(ctx, generationSQL).Scan(&generation); err != nil {
		return fmt.Errorf("check generation: %w", err)
	}
	if generation != w.commit.State.CheckGeneration {
		return ErrRetry
	}
	return nil
}

// optionalTime maps the zero time to NULL.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
