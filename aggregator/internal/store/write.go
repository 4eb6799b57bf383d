// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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

	Summary  *Summary       // nil: unchanged
	User     *PrincipalUser // nil: unchanged
	Statuses []Status       // Machine, Head and HeadSeq are filled in here
	Cleared  []int64        // checks that do not apply to the machine any more
}

// Stamp is the accepted order of an agent's request.
type Stamp struct {
	Instance []byte
	Counter  uint64
	TakeOver bool   // Instance takes the place of the head's
	Resync   bool   // Instance came back from an earlier state of the machine
	Resumes  []byte // with Resync: the process that it goes on from, when the head knew that one
}

// Summary is what people list and filter machines by.
type Summary struct {
	ComputerName  string
	Platform      string
	Type          string
	OSVersion     string
	HardwareModel string
	BusinessUnit  int64 // 0: none
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
INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen, told_at, agent_instance, counter, resumed)
SELECT $1, $2, $3, 1, 1, n.at, n.at, coalesce($4, n.at), $4, $5, $6, $7
FROM (SELECT clock_timestamp() AS at) n
ON CONFLICT DO NOTHING
RETURNING id, changed_at`

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
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	w := commitWriter{commit: c}
	err := s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		err := w.lock(ctx, conn)
		if err == nil {
			err = w.write(ctx, conn)
		}
		if err != nil && conn.Conn().PgConn().TxStatus() != 'I' {
			_, _ = conn.Exec(ctx, "ROLLBACK") // the pool closes a connection that is still in a transaction
		}
		// A check that it evaluated, or what it tells of the machine, was deleted meanwhile; or another source of the same
		// name stored statuses of the machine in another order.
		if violatesReference(err) || deadlocked(err) {
			return ErrRetry
		}
		return err
	})
	if err != nil {
		return Written{}, fmt.Errorf("commit: %w", err)
	}
	return Written{Head: w.head, Seq: w.seq, At: w.at, Statuses: w.changes}, nil
}

// commitWriter is one attempt at a commit. It takes two round trips: lock and verify, then write and commit.
type commitWriter struct {
	commit  *Commit
	head    int64
	seq     int64
	at      time.Time
	revived bool
	changes []StatusChange
}

// lock begins the transaction, makes the head or locks it, and compares everything with what the commit was computed
// from. The statements are separate, so that each sees what was committed while the one before it waited.
func (w *commitWriter) lock(ctx context.Context, conn *pgxpool.Conn) error {
	var verdict error
	refuse := func(err error) {
		if verdict == nil {
			verdict = err
		}
	}
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	w.queueLock(batch, refuse)
	w.queueVerify(batch, refuse)
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("lock head: %w", err)
	}
	return verdict
}

func (w *commitWriter) queueLock(batch *pgx.Batch, refuse func(error)) {
	c := w.commit
	if c.State.ID == 0 {
		w.queueNew(batch, refuse)
		return
	}
	batch.Queue(lockHeadSQL, c.State.ID).QueryRow(func(row pgx.Row) error {
		var instance []byte
		var counter int64
		err := row.Scan(&w.seq, &instance, &counter, &w.revived, &w.at)
		if errors.Is(err, pgx.ErrNoRows) { // pruned
			refuse(ErrRetry)
			return nil
		}
		// Check-ins of the same process may have raised the counter since; what matters is that this request still follows.
		follows := c.Stamp == nil || uint64(counter) < c.Stamp.Counter
		if w.seq != c.State.Seq || string(instance) != string(c.State.Instance) || !follows {
			refuse(ErrRetry)
		}
		return err
	})
	w.head = c.State.ID
}

func (w *commitWriter) queueNew(batch *pgx.Batch, refuse func(error)) {
	c := w.commit
	stamp := c.Stamp
	if stamp == nil {
		stamp = &Stamp{Instance: []byte{}}
	}
	batch.Queue(newHeadSQL, c.Machine, c.Source, c.Root[:], optionalTime(c.LastSeen),
		stamp.Instance, int64(stamp.Counter), bytesOf(stamp.Resumes)).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&w.head, &w.at)
		if errors.Is(err, pgx.ErrNoRows) { // somebody else made it
			refuse(ErrRetry)
			return nil
		}
		return err
	})
}

// queueVerify asks for the rest of what the commit was computed from. The generation comes last: a check that is made
// after it was read finds this transaction under way (AwaitCommits), or waits for its lock (PutHeadStatuses).
func (w *commitWriter) queueVerify(batch *pgx.Batch, refuse func(error)) {
	if w.commit.Credential != 0 {
		batch.Queue(credentialAliveSQL, w.commit.Credential).QueryRow(func(row pgx.Row) error {
			alive := false
			err := row.Scan(&alive)
			if err == nil && !alive || errors.Is(err, pgx.ErrNoRows) {
				refuse(ErrFrozen)
				return nil
			}
			return err
		})
	}
	batch.Queue(generationSQL).QueryRow(func(row pgx.Row) error {
		var generation int64
		err := row.Scan(&generation)
		if generation != w.commit.State.CheckGeneration {
			refuse(ErrRetry)
		}
		return err
	})
}

// optionalTime maps the zero time to NULL.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
