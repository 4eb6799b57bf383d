// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// DeadLetter is an event that a sink gave up.
type DeadLetter struct {
	ID           int64
	Sink         string
	EventID      string
	Type         string
	Machine      int64 // 0: about no machine
	SerialNumber string
	HappenedAt   time.Time // the event
	At           time.Time // given up
	Attempts     int
	LastError    string
	Event        json.RawMessage // as the receiver would have got it
	ReplayAt     *time.Time      // nil: nobody asked for another delivery
}

const (
	putDeadLetterSQL = `
INSERT INTO dead_letter (sink, event_id, type, machine, serial_number, happened_at, attempts, last_error, event)
VALUES ($1, $2, $3, nullif($4, 0), $5, $6, $7, $8, $9)
ON CONFLICT (sink, event_id) DO UPDATE
SET at = now(), attempts = dead_letter.attempts + excluded.attempts, last_error = excluded.last_error, event = excluded.event, replay_at = NULL`

	deadLetterColumnsSQL = `
SELECT id, sink, event_id, type, coalesce(machine, 0), serial_number, happened_at, at, attempts, last_error, event, replay_at
FROM dead_letter`
)

// PutDeadLetter stores an event that was given up. One that was given up before adds its attempts, and is not to be
// delivered again any more.
func (s *Store) PutDeadLetter(ctx context.Context, d DeadLetter) error {
	_, err := s.pool.Exec(ctx, putDeadLetterSQL, d.Sink, d.EventID, d.Type, d.Machine, d.SerialNumber, d.HappenedAt, d.Attempts, d.LastError, d.Event)
	if err != nil {
		return fmt.Errorf("dead letter %s of sink %s: %w", d.EventID, d.Sink, err)
	}
	return nil
}

// DeadLetterFilter says which are wanted; what is empty does not matter.
type DeadLetterFilter struct{ Sink, Type, SerialNumber string }

const deadLettersSQL = deadLetterColumnsSQL + `
WHERE id < $1 AND ($2 = '' OR sink = $2) AND ($3 = '' OR type = $3) AND ($4 = '' OR serial_number = $4)
ORDER BY id DESC
LIMIT $5`

// DeadLetters lists dead letters, the newest first: those before the one with the id before, or with 0 from the newest on.
func (s *Store) DeadLetters(ctx context.Context, f DeadLetterFilter, before int64, limit int) ([]DeadLetter, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	rows, _ := s.pool.Query(ctx, deadLettersSQL, before, f.Sink, f.Type, f.SerialNumber, limit) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return found, nil
}

const replaysSQL = deadLetterColumnsSQL + `
WHERE sink = $1 AND replay_at IS NOT NULL AND id > $2
ORDER BY id
LIMIT $3`

// Replays lists the dead letters of a sink that are to be delivered again, by id behind one.
func (s *Store) Replays(ctx context.Context, sink string, after int64, limit int) ([]DeadLetter, error) {
	rows, _ := s.pool.Query(ctx, replaysSQL, sink, after, limit) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	if err != nil {
		return nil, fmt.Errorf("dead letters of %s to replay: %w", sink, err)
	}
	return found, nil
}

// EndReplay forgets a dead letter that was delivered after all.
func (s *Store) EndReplay(ctx context.Context, id int64) error {
	if _, err := s.pool.Exec(ctx, deleteDeadLetterSQL, id); err != nil {
		return fmt.Errorf("end the replay of dead letter %d: %w", id, err)
	}
	return nil
}

const (
	replayDeadLetterSQL  = `UPDATE dead_letter SET replay_at = coalesce(replay_at, now()) WHERE id = $1 RETURNING event_id`
	replayDeadLettersSQL = `UPDATE dead_letter SET replay_at = now() WHERE sink = $1 AND replay_at IS NULL`
	deleteDeadLetterSQL  = `DELETE FROM dead_letter WHERE id = $1 RETURNING event_id`
)

// ReplayDeadLetter asks whoever delivers for its sink to deliver a dead letter again.
func (s *Store) ReplayDeadLetter(ctx context.Context, id int64) error {
	return s.changeDeadLetter(ctx, "replayed", replayDeadLetterSQL, id)
}

// DeleteDeadLetter drops a dead letter.
func (s *Store) DeleteDeadLetter(ctx context.Context, id int64) error {
	return s.changeDeadLetter(ctx, "deleted", deleteDeadLetterSQL, id)
}

func (s *Store) changeDeadLetter(ctx context.Context, action, sql string, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var event string
		if err := tx.QueryRow(ctx, sql, id).Scan(&event); err != nil {
			return notFound(err)
		}
		return record(ctx, tx, Audit{Action: action, Object: "dead_letter", ObjectID: strconv.FormatInt(id, 10), ObjectName: event})
	})
	if err != nil {
		return fmt.Errorf("dead letter %d: %w", id, err)
	}
	return nil
}

// ReplayDeadLetters asks for all dead letters of a sink, and returns how many more are delivered again now.
func (s *Store) ReplayDeadLetters(ctx context.Context, sink string) (int, error) {
	asked := 0
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, replayDeadLettersSQL, sink)
		if asked = int(tag.RowsAffected()); err != nil || asked == 0 {
			return err
		}
		return record(ctx, tx, Audit{Action: "replayed", Object: "dead_letters", ObjectID: sink, ObjectName: sink, After: map[string]int{"count": asked}})
	})
	if err != nil {
		return 0, fmt.Errorf("replay dead letters of %q: %w", sink, err)
	}
	return asked, nil
}

const forgetDeadLettersSQL = `
DELETE FROM dead_letter WHERE id IN (
    SELECT id FROM (SELECT id, at, row_number() OVER (PARTITION BY sink ORDER BY id DESC) AS place FROM dead_letter) numbered
    WHERE at < now() - make_interval(days => $1) OR place > $2
    ORDER BY id LIMIT $3)`

// ForgetDeadLetters deletes up to limit of those that were given up the given number of days ago, and of those that are
// more than so many of one sink, and returns how many.
func (s *Store) ForgetDeadLetters(ctx context.Context, days, most, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, forgetDeadLettersSQL, days, most, limit)
	if err != nil {
		return 0, fmt.Errorf("forget dead letters: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
