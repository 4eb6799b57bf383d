// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Epoch names one uninterrupted life of the database. What was cached, and every cursor handed out, under another
// epoch is worth nothing.
type Epoch struct {
	ID        string // UUID
	StartedAt time.Time
	New       bool // this call found the database restored, failed over or empty, and began the epoch
}

var errEpochEnded = errors.New("the database was restored or failed over meanwhile: begin anew")

const (
	systemSQL   = `SELECT system_identifier FROM pg_control_system()`
	timelineSQL = `SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer`
	// The comparison happens in the statement, so that of two aggregators one begins the epoch and the other finds it.
	beginEpochSQL = `
INSERT INTO database_epoch (system_identifier, timeline, epoch) VALUES ($1, $2, gen_random_uuid())
ON CONFLICT (only_row) DO UPDATE
SET system_identifier = excluded.system_identifier, timeline = excluded.timeline, epoch = excluded.epoch, started_at = now()
WHERE (database_epoch.system_identifier, database_epoch.timeline) <> (excluded.system_identifier, excluded.timeline)`
	epochSQL = `SELECT epoch::text, started_at FROM database_epoch`
)

// Epoch compares the database with the one that the stored epoch began in, begins a new epoch when they differ, and
// returns the current one; when it is another one than at the call before, what the store had cached is forgotten. A
// role that may not read the system identifier goes by the timeline alone.
func (s *Store) Epoch(ctx context.Context) (Epoch, error) {
	var e Epoch
	system, err := systemIdentifier(ctx, s.pool)
	if err != nil {
		return e, err
	}
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var timeline int32
		if err := tx.QueryRow(ctx, timelineSQL).Scan(&timeline); err != nil {
			return fmt.Errorf("timeline: %w", err)
		}
		tag, err := tx.Exec(ctx, beginEpochSQL, system, timeline)
		if err != nil {
			return err
		}
		e.New = tag.RowsAffected() > 0
		return tx.QueryRow(ctx, epochSQL).Scan(&e.ID, &e.StartedAt)
	})
	if err != nil {
		return Epoch{}, fmt.Errorf("database epoch: %w", err)
	}
	s.dictionary.during(e.ID)
	return e, nil
}

// CurrentEpoch returns the ID that Epoch returned last, empty before its first call.
func (s *Store) CurrentEpoch() string {
	s.dictionary.epochLock.Lock()
	defer s.dictionary.epochLock.Unlock()
	return s.dictionary.epoch
}

// systemIdentifier returns what initdb drew for the cluster; 0 when the role may not see it.
func systemIdentifier(ctx context.Context, db querier) (int64, error) {
	const insufficientPrivilege = "42501"
	var id int64
	err := db.QueryRow(ctx, systemSQL).Scan(&id)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == insufficientPrivilege {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("system identifier: %w", err)
	}
	return id, nil
}
