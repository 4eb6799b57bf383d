// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// SinkLease is the right to deliver for a sink, until it is not renewed in time.
type SinkLease struct {
	Name   string
	Holder uuid.UUID
	Epoch  string
	Position
	Restarted bool // the position was that of another epoch: delivery begins at the end of the journal
}

const restartedText = "the database was restored or failed over: what happened before is not delivered"

const (
	// Behind (xmin, 0) lies everything that is not visible yet, and nothing that is settled.
	journalEndSQL = `pg_snapshot_xmin(pg_current_snapshot()), 0`

	// A probe that goes meanwhile leaves no sink behind.
	takeSinkSQL = `
WITH before AS (SELECT epoch FROM sink WHERE name = $1),
     probed AS (SELECT FROM probe WHERE enabled AND '` + probeSinks + `' || id = $1 FOR KEY SHARE)
INSERT INTO sink (name, epoch, xid, id, holder, lease_until)
SELECT $1, epoch, ` + journalEndSQL + `, $2, now() + $4
FROM database_epoch
WHERE epoch = $3 AND (NOT starts_with($1, '` + probeSinks + `') OR EXISTS (SELECT FROM probed))
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, lease_until = excluded.lease_until, epoch = excluded.epoch, updated_at = now(),
    xid = CASE WHEN sink.epoch = excluded.epoch THEN sink.xid ELSE excluded.xid END,
    id = CASE WHEN sink.epoch = excluded.epoch THEN sink.id ELSE excluded.id END,
    last_error = CASE WHEN sink.epoch = excluded.epoch THEN sink.last_error ELSE $5 END
WHERE sink.disabled_at IS NULL AND (sink.holder IS NULL OR sink.holder = excluded.holder OR sink.lease_until < now())
RETURNING xid::text::bigint, id, coalesce((SELECT epoch <> $3 FROM before), false)`
)

// TakeSink takes the lease of a sink that nobody else has, and reports whether it did: not of one that is disabled. A
// sink that is new, or was left in another epoch, begins at the end of the journal. Nobody takes one of a probe that is
// not enabled, or in an epoch that has ended.
func (s *Store) TakeSink(ctx context.Context, name string, holder uuid.UUID, epoch string, lease time.Duration) (SinkLease, bool, error) {
	taken := SinkLease{Name: name, Holder: holder, Epoch: epoch}
	var xid int64
	err := s.pool.QueryRow(ctx, takeSinkSQL, name, holder, epoch, lease, restartedText).Scan(&xid, &taken.ID, &taken.Restarted)
	taken.XID = uint64(xid)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return SinkLease{}, false, nil
	case err != nil:
		return SinkLease{}, false, fmt.Errorf("lease of sink %s: %w", name, err)
	}
	return taken, true, nil
}

// SinkProgress is what became of deliveries since the progress before it.
type SinkProgress struct {
	Position                      // up to which everything is delivered or given up
	Delivered, Attempts, Failures int64
	LastError                     string // empty: as before
	Missed                        bool   // entries were trimmed before they were read
}

const (
	saveSinkSQL = `
UPDATE sink
SET xid = $4::text::xid8, id = $5, delivered = delivered + $6, attempts = attempts + $7, failures = failures + $8,
    last_error = coalesce(nullif($9, ''), last_error), missed_at = CASE WHEN $10 THEN now() ELSE missed_at END,
    lease_until = now() + $11, updated_at = now()
WHERE name = $1 AND holder = $2 AND epoch = $3`

	releaseSinkSQL = `UPDATE sink SET holder = NULL, lease_until = NULL, updated_at = now() WHERE name = $1 AND holder = $2`
)

// SaveSink stores progress and renews the lease; false: somebody else has it by now, and nothing was stored.
func (s *Store) SaveSink(ctx context.Context, l SinkLease, p SinkProgress, lease time.Duration) (bool, error) {
	tag, err := s.pool.Exec(ctx, saveSinkSQL, l.Name, l.Holder, l.Epoch, fmt.Sprint(p.XID), p.ID, p.Delivered, p.Attempts, p.Failures,
		p.LastError, p.Missed, lease)
	if err != nil {
		return false, fmt.Errorf("progress of sink %s: %w", l.Name, err)
	}
	return tag.RowsAffected() > 0, nil
}

// ReleaseSink gives a lease back, so that another aggregator need not wait for its end.
func (s *Store) ReleaseSink(ctx context.Context, l SinkLease) error {
	if _, err := s.pool.Exec(ctx, releaseSinkSQL, l.Name, l.Holder); err != nil {
		return fmt.Errorf("release sink %s: %w", l.Name, err)
	}
	return nil
}

const disableSinkSQL = `
UPDATE sink SET disabled_at = now(), last_error = $3, updated_at = now() WHERE name = $1 AND holder = $2 AND disabled_at IS NULL`

// DisableSink ends the deliveries of a sink whose receiver says that it is gone, until EnableSink.
func (s *Store) DisableSink(ctx context.Context, l SinkLease, why string) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, disableSinkSQL, l.Name, l.Holder, why)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return record(ctx, tx, Audit{Action: "disabled", Object: "sink", ObjectID: l.Name, ObjectName: l.Name, After: map[string]string{"reason": why}})
	})
	if err != nil {
		return fmt.Errorf("disable sink %s: %w", l.Name, err)
	}
	return nil
}

const (
	enableSinkSQL = `UPDATE sink SET disabled_at = NULL, updated_at = now() WHERE name = $1 AND disabled_at IS NOT NULL`
	hasSinkSQL    = `SELECT EXISTS (SELECT FROM sink WHERE name = $1)`
)

// EnableSink lets a disabled sink go on where it was; one that is not disabled stays as it is.
func (s *Store) EnableSink(ctx context.Context, name string) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, enableSinkSQL, name)
		if err != nil {
			return err
		}
		if tag.RowsAffected() > 0 {
			return record(ctx, tx, Audit{Action: "enabled", Object: "sink", ObjectID: name, ObjectName: name})
		}
		var there bool
		if err := tx.QueryRow(ctx, hasSinkSQL, name).Scan(&there); err != nil || there {
			return err
		}
		return ErrNotFound
	})
	if err != nil {
		return fmt.Errorf("enable sink %q: %w", name, err)
	}
	return nil
}

const (
	lockSinkSQL   = `SELECT coalesce(holder IS NOT NULL AND lease_until > now(), false) FROM sink WHERE name = $1 FOR UPDATE`
	deleteSinkSQL = `DELETE FROM sink WHERE name = $1`
)

// DeleteSink forgets a sink that nobody delivers for any more, and its dead letters. ErrInUse: somebody does.
func (s *Store) DeleteSink(ctx context.Context, name string) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var held bool
		if err := tx.QueryRow(ctx, lockSinkSQL, name).Scan(&held); err != nil {
			return notFound(err)
		}
		if held {
			return ErrInUse
		}
		if err := forgetSink(ctx, tx, name); err != nil {
			return err
		}
		return record(ctx, tx, Audit{Action: "deleted", Object: "sink", ObjectID: name, ObjectName: name})
	})
	if err != nil {
		return fmt.Errorf("forget sink %q: %w", name, err)
	}
	return nil
}

func forgetSink(ctx context.Context, tx pgx.Tx, name string) error {
	if _, err := tx.Exec(ctx, deleteSinkSQL, name); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM dead_letter WHERE sink = $1`, name)
	return err
}
