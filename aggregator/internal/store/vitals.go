// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Report is the last thing an agent said beside its snapshot.
type Report struct {
	At   time.Time // when it arrived
	Body json.RawMessage
}

// An older report never takes the place of a newer one. Without the head there is nothing to report on.
const (
	putVitalsSQL = `
INSERT INTO vitals (head, at, body)
SELECT id, $2, $3 FROM head WHERE id = $1
ON CONFLICT (head) DO UPDATE SET at = excluded.at, body = excluded.body WHERE vitals.at <= excluded.at`
	putHealthSQL = `
INSERT INTO agent_health (head, at, body)
SELECT id, $2, $3 FROM head WHERE id = $1
ON CONFLICT (head) DO UPDATE SET at = excluded.at, body = excluded.body WHERE agent_health.at <= excluded.at`
	vitalsSQL = `SELECT at, body::text FROM vitals WHERE head = $1`
	healthSQL = `SELECT at, body::text FROM agent_health WHERE head = $1`
)

// PutVitals stores the moving values of a head. A report older than the stored one, or of a head that is gone, is
// passed over.
func (s *Store) PutVitals(ctx context.Context, head int64, at time.Time, body json.RawMessage) error {
	if _, err := s.pool.Exec(ctx, putVitalsSQL, head, at, body); err != nil {
		return fmt.Errorf("vitals of head %d: %w", head, err)
	}
	return nil
}

// PutHealth is PutVitals for the state of the head's agent and its collectors.
func (s *Store) PutHealth(ctx context.Context, head int64, at time.Time, body json.RawMessage) error {
	if _, err := s.pool.Exec(ctx, putHealthSQL, head, at, body); err != nil {
		return fmt.Errorf("agent health of head %d: %w", head, err)
	}
	return nil
}

// Vitals returns the moving values of a head; ErrNotFound when there are none.
func (s *Store) Vitals(ctx context.Context, head int64) (Report, error) {
	return s.report(ctx, "vitals", vitalsSQL, head)
}

// Health returns the state of the head's agent; ErrNotFound when it never told.
func (s *Store) Health(ctx context.Context, head int64) (Report, error) {
	return s.report(ctx, "agent health", healthSQL, head)
}

func (s *Store) report(ctx context.Context, what, sql string, head int64) (Report, error) {
	var r Report
	var body string
	if err := s.pool.QueryRow(ctx, sql, head).Scan(&r.At, &body); err != nil {
		return Report{}, fmt.Errorf("%s of head %d: %w", what, head, notFound(err))
	}
	r.Body = json.RawMessage(body)
	return r, nil
}
