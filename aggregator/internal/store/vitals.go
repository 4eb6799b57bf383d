// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Report is the last thing an agent said beside its snapshot.
type Report struct {
	At   time.Time // when it arrived
	Body json.RawMessage
}

const (
	// maxReportBatch bounds the reports of one INSERT, some kilobytes each at the most.
	maxReportBatch = 256
	// reportLinger is how long reports wait for company while there are fewer than enoughReports.
	reportLinger  = 50 * time.Millisecond
	enoughReports = 64
)

// An older report never takes the place of a newer one. Without the head there is nothing to report on. The order keeps
// two aggregators from waiting for each other.
const (
	reportsSQL = ` (head, at, body)
SELECT h.id, r.at, r.body::json
FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS r(head, at, body) JOIN head h ON h.id = r.head
ORDER BY h.id
ON CONFLICT (head) DO UPDATE SET at = excluded.at, body = excluded.body WHERE `
	putVitalsSQL = `INSERT INTO vitals` + reportsSQL + `vitals.at <= excluded.at`
	putHealthSQL = `INSERT INTO agent_health` + reportsSQL + `agent_health.at <= excluded.at`
	vitalsSQL    = `SELECT at, body::text FROM vitals WHERE head = $1`
	healthSQL    = `SELECT at, body::text FROM agent_health WHERE head = $1`
)

// headReport is a report on its way to the table of its sort.
type headReport struct {
	head int64
	Report
}

func newReports(pool *pgxpool.Pool, sql string) *batcher[headReport, struct{}] {
	return newBatcher(maxReportBatch, func(ctx context.Context, batch []headReport) ([]struct{}, error) {
		return make([]struct{}, len(batch)), putReports(ctx, pool, sql, batch)
	}).lingering(reportLinger, enoughReports)
}

// putReports writes one batch; of several reports of a head the newest counts.
func putReports(ctx context.Context, db querier, sql string, batch []headReport) error {
	newest := make(map[int64]*headReport, len(batch))
	for i := range batch {
		r := &batch[i]
		if other, ok := newest[r.head]; !ok || !r.At.Before(other.At) {
			newest[r.head] = r
		}
	}
	heads, times, bodies := make([]int64, 0, len(newest)), make([]time.Time, 0, len(newest)), make([]string, 0, len(newest))
	for head, r := range newest {
		heads, times, bodies = append(heads, head), append(times, r.At), append(bodies, string(r.Body))
	}
	_, err := db.Exec(ctx, sql, heads, times, bodies)
	return err
}

// PutVitals stores the moving values of a head; it returns when they are stored. A report older than the stored one, or
// of a head that is gone, is passed over. Reports that arrive together share one INSERT, so the body has to be valid
// JSON: one that is not fails the others.
func (s *Store) PutVitals(ctx context.Context, head int64, at time.Time, body json.RawMessage) error {
	if _, err := s.vitals.do(ctx, headReport{head, Report{At: at, Body: body}}); err != nil {
		return fmt.Errorf("vitals of head %d: %w", head, err)
	}
	return nil
}

// PutHealth is PutVitals for the state of the head's agent and its collectors.
func (s *Store) PutHealth(ctx context.Context, head int64, at time.Time, body json.RawMessage) error {
	if _, err := s.healths.do(ctx, headReport{head, Report{At: at, Body: body}}); err != nil {
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
