// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// replicaConnections is how many connections exports have to the replica at most, unless its address says otherwise.
	replicaConnections = 4
	// replicaBatchLimit bounds one batch on the replica: the primary can still be asked.
	replicaBatchLimit = 10 * time.Second
	// replicaTries is how often a batch that replay got in the way of is read before the primary is asked.
	replicaTries = 3
	// replicaRest is for how long a replica that failed a read is left alone.
	replicaRest = 30 * time.Second
	// replicaLook is how often its state is looked at, and the limit of a look.
	replicaLook      = 2 * time.Second
	replicaLookLimit = 5 * time.Second
)

// Replica is a streaming replica that exports are read from. It is safe for concurrent use.
type Replica struct {
	pool   *pgxpool.Pool
	maxLag time.Duration
	log    *slog.Logger

	mu    sync.Mutex
	marks marks
	epoch string    // of the primary, as last read
	rest  time.Time // no use before
	lag   time.Duration
	why   error // why it is not used; nil: it is
	said  bool  // the log has why
	reads ReplicaStats
}

// ReplicaStats is how exports get along with the replica.
type ReplicaStats struct {
	Used      bool          // exports read from it now
	Lag       time.Duration // how far behind it is at the most, as far as is known
	Batches   int64         // read from it since the start
	Conflicts int64         // that replay cut off; most were read again there
	Fallbacks int64         // that the primary was asked for instead, although the replica had seemed usable
}

// errNotLookedAt stands for nothing that is worth a line in the log.
var errNotLookedAt = errors.New("how far it is behind is not known yet")

// OpenReplica prepares reading from a streaming replica; it makes no connection yet, and a replica that is away is no
// error. One that lags more than maxLag is not read. It is used once it was given to a store with UseReplica and while
// WatchReplica runs.
func OpenReplica(ctx context.Context, dsn string, maxLag time.Duration, log *slog.Logger) (*Replica, error) {
	pool, err := open(ctx, dsn, replicaConnections, "rollcall-aggregator export")
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	return &Replica{pool: pool, maxLag: maxLag, log: log, why: errNotLookedAt}, nil
}

// Close closes the connections.
func (r *Replica) Close() { r.pool.Close() }

// UseReplica makes exports read from r when it is worth it. It is called before anything is read, and r stays the
// caller's to close.
func (s *Store) UseReplica(r *Replica) { s.replica = r }

// ReplicaStats returns the state of the replica; false when there is none.
func (s *Store) ReplicaStats() (ReplicaStats, bool) {
	r := s.replica
	if r == nil {
		return ReplicaStats{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.reads
	stats.Used, stats.Lag = r.why == nil, r.lag
	return stats, true
}

// WatchReplica looks at the replica every other second until ctx ends; without one it only waits.
func (s *Store) WatchReplica(ctx context.Context) error {
	if s.replica == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(min(replicaLook, max(s.replica.maxLag/4, time.Millisecond)))
	defer tick.Stop()
	for {
		s.replica.look(ctx, s.pool)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// usable tells whether the last look found the replica worth reading, and looked in this epoch of the primary; an empty
// one is not known.
func (r *Replica) usable(epoch string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why == nil && (epoch == "" || epoch == r.epoch)
}

// read runs fn in one view of the replica. Replay may remove what a reader still looks at and then cuts it off: that
// batch is read again.
func (r *Replica) read(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	var err error
	for range replicaTries {
		err = readSnapshot(ctx, r.pool, replicaBatchLimit, fn)
		if err == nil || ctx.Err() != nil || !conflictsWithRecovery(err) {
			break
		}
		r.count(func(s *ReplicaStats) { s.Conflicts++ })
	}
	switch {
	case err == nil:
		r.count(func(s *ReplicaStats) { s.Batches++ })
	case ctx.Err() != nil: // the reader went away
	case conflictsWithRecovery(err):
		r.count(func(s *ReplicaStats) { s.Fallbacks++ })
	default:
		r.count(func(s *ReplicaStats) { s.Fallbacks++ })
		r.leave(err)
	}
	return err
}

func (r *Replica) count(what func(*ReplicaStats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what(&r.reads)
}

// conflictsWithRecovery tells whether replay cut a reader off. It does so with the code of a serialization failure or
// of a deadlock; a reader alone has neither.
func conflictsWithRecovery(err error) bool {
	const serializationFailure, deadlock = "40001", "40P01"
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == serializationFailure || pg.Code == deadlock)
}

// leave stops using the replica for a while.
func (r *Replica) leave(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest = time.Now().Add(replicaRest)
	r.judge(why)
}

// judge takes a new opinion of the replica and logs it when it changes. The caller holds the lock.
func (r *Replica) judge(why error) {
	was := r.why
	r.why = why
	switch {
	case why != nil && (was == nil || !r.said && !errors.Is(why, errNotLookedAt)):
		r.said = true
		r.log.Warn("exports are read from the primary, not from the replica", "err", why)
	case why == nil && was != nil:
		r.said = false
		r.log.Info("exports are read from the replica", "lag", r.lag)
	}
}
