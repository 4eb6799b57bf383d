// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	primaryStateSQL = `
SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint, (SELECT epoch::text FROM database_epoch)`
	replicaStateSQL = `
SELECT pg_is_in_recovery(), coalesce((pg_last_wal_replay_lsn() - '0/0')::bigint, 0),
       coalesce((SELECT epoch::text FROM database_epoch), '')`
)

var (
	errNoReplica    = errors.New("it is no replica: it takes writes itself")
	errOtherEpoch   = errors.New("it does not follow this database: it has another epoch")
	errUnknownEpoch = errors.New("the primary's epoch is not known")
)

// look finds out whether the replica follows the primary, and how far behind it is. The log tells when that changes.
func (r *Replica) look(ctx context.Context, primary *pgxpool.Pool) {
	limited, cancel := context.WithTimeout(ctx, replicaLookLimit)
	defer cancel()
	now := time.Now() // before the primary is asked: whatever was on its disk by now is below the mark
	var written int64
	var epoch *string
	err := primary.QueryRow(limited, primaryStateSQL).Scan(&written, &epoch)
	r.mu.Lock()
	if err == nil && epoch != nil { // else the last mark and epoch stand
		if *epoch != r.epoch {
			r.epoch, r.marks = *epoch, marks{}
		}
		r.marks.add(now, written)
	}
	r.mu.Unlock()

	var recovering bool
	var replayed int64
	var its string
	err = r.pool.QueryRow(limited, replicaStateSQL).Scan(&recovering, &replayed, &its)
	if ctx.Err() != nil {
		return // the watch is over, which says nothing of the replica
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	why := r.fault(err, recovering, its, replayed)
	if why == nil && time.Now().Before(r.rest) {
		return // it failed a read, whatever it looks like
	}
	r.judge(why)
}

// fault tells why the replica is not worth reading, nil when it is. The caller holds the lock.
func (r *Replica) fault(err error, recovering bool, epoch string, replayed int64) error {
	known := false
	if err == nil && recovering && epoch == r.epoch {
		known = r.marks.reach(replayed)
	}
	r.lag = r.marks.lag(time.Now())
	switch {
	case err != nil:
		return err
	case !recovering:
		return errNoReplica
	case r.epoch == "":
		return errUnknownEpoch
	case epoch != r.epoch:
		return errOtherEpoch
	case r.lag > r.maxLag:
		return fmt.Errorf("it is %s behind, the most is %s", r.lag.Round(time.Second), r.maxLag)
	case !known:
		return errNotLookedAt
	}
	return nil
}

// marks are moments, each with how far the primary's log was written by then. A replica that has replayed up to a mark
// shows everything that was committed by its moment. That holds whatever the clocks of the two servers say, while
// nothing is written, and when the replica has lost the primary and does not know what it misses.
type marks struct {
	ahead   []mark // not reached, the oldest first
	reached time.Time
}

type mark struct {
	at  time.Time
	lsn int64
}

// maxMarks bounds the marks kept; of more, every other one goes.
const maxMarks = 512

func (m *marks) add(at time.Time, lsn int64) {
	m.ahead = append(m.ahead, mark{at, lsn})
	if len(m.ahead) < maxMarks {
		return
	}
	kept := m.ahead[:0]
	for i := 0; i < len(m.ahead); i += 2 {
		kept = append(kept, m.ahead[i])
	}
	m.ahead = kept
}

// reach books how far a replica has replayed; false while it has not reached any mark.
func (m *marks) reach(lsn int64) bool {
	for len(m.ahead) > 0 && m.ahead[0].lsn <= lsn {
		m.reached, m.ahead = m.ahead[0].at, m.ahead[1:]
	}
	return !m.reached.IsZero()
}

// lag is how old the newest mark reached is; while none was, the oldest one.
func (m *marks) lag(now time.Time) time.Duration {
	switch {
	case !m.reached.IsZero():
		return now.Sub(m.reached)
	case len(m.ahead) > 0:
		return now.Sub(m.ahead[0].at)
	}
	return 0
}
