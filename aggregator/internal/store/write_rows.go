// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	updateHeadSQL = `
UPDATE head
SET root = $2, seq = $3, changed_at = CASE WHEN $4 THEN $5 ELSE changed_at END,
    last_seen = greatest(last_seen, coalesce($6, $5)), told_at = CASE WHEN $4 AND $6 > last_seen THEN $6 ELSE told_at END,
    commits = commits + (coalesce($6, $5) > last_seen)::int,
    archived_at = NULL,
    agent_instance = coalesce($7, agent_instance), counter = coalesce($8, counter), resumed = coalesce($9, resumed)
WHERE id = $1`

	supersedeSQL = `
INSERT INTO head_instance (head, instance, since) VALUES ($1, $2, $3)
ON CONFLICT (head, instance) DO UPDATE SET since = excluded.since, at = now()`

	// A machine that restarts often must not gather instances for ever.
	forgetInstancesSQL = `
DELETE FROM head_instance
WHERE head = $1 AND instance IN (SELECT instance FROM head_instance WHERE head = $1 ORDER BY since DESC OFFSET 8)`

	upsertSectionSQL = `
INSERT INTO head_section (head, kind, base, tail, digest) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (head, kind) DO UPDATE SET base = excluded.base, tail = excluded.tail, digest = excluded.digest`

	tailSectionSQL = `UPDATE head_section SET tail = $3, digest = $4 WHERE head = $1 AND kind = $2`

	deleteSectionSQL = `DELETE FROM head_section WHERE head = $1 AND kind = $2`

	addChangeSQL = `
INSERT INTO change (head, seq, at, root, kinds, delta) VALUES ($1, $2, $3, $4, $5, $6)`

	putSummarySQL = `
INSERT INTO head_summary (head, computer_name, platform, type, os_version, hardware_model, business_unit)
VALUES ($1, $2, $3, $4, $5, $6, nullif($7::bigint, 0))
ON CONFLICT (head) DO UPDATE SET computer_name = excluded.computer_name, platform = excluded.platform,
    type = excluded.type, os_version = excluded.os_version, hardware_model = excluded.hardware_model,
    business_unit = excluded.business_unit`

	addJournalSQL = `INSERT INTO journal (what, machine, head, seq, body) VALUES ($1, $2, $3, $4, $5::json)`
)

// write sends everything that follows the lock, and the end of the transaction. After an error in any of it PostgreSQL
// passes the rest over, the end included.
func (w *commitWriter) write(ctx context.Context, conn *pgxpool.Conn) error {
	if w.commit.State.ID == 0 || len(w.commit.Kinds) > 0 {
		w.seq++
	}
	batch := &pgx.Batch{}
	w.queueHead(batch)
	w.queueSections(batch)
	w.queueJournal(batch)
	statuses := w.queueStatuses(batch)
	w.queueCompliance(batch)
	batch.Queue("COMMIT")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write head %d: %w", w.head, err)
	}
	if statuses != nil {
		w.changes = statuses.changes
	}
	return nil
}

func (w *commitWriter) queueHead(batch *pgx.Batch) {
	c := w.commit
	if c.State.ID != 0 {
		var instance []byte
		var counter *int64
		var resumed []byte
		if c.Stamp != nil {
			instance = c.Stamp.Instance
			n := int64(c.Stamp.Counter)
			counter = &n
			if c.Stamp.Resync {
				resumed = bytesOf(c.Stamp.Resumes)
			}
		}
		batch.Queue(updateHeadSQL, w.head, c.Root[:], w.seq, len(c.Kinds) > 0, w.at, optionalTime(c.LastSeen),
			instance, counter, resumed)
		if c.Stamp != nil && c.Stamp.TakeOver && len(c.State.Instance) > 0 {
			batch.Queue(supersedeSQL, w.head, c.State.Instance, int64(c.Stamp.Counter))
			batch.Queue(forgetInstancesSQL, w.head)
		}
	}
	if s := c.Summary; s != nil {
		batch.Queue(putSummarySQL, w.head, s.ComputerName, s.Platform, s.Type, s.OSVersion, s.HardwareModel,
			s.BusinessUnit)
	}
}

func (w *commitWriter) queueSections(batch *pgx.Batch) {
	if w.commit.User != nil {
		queuePrincipalUser(batch, w.head, *w.commit.User)
	}
	for _, row := range w.commit.Plan.Upsert {
		batch.Queue(upsertSectionSQL, w.head, row.Kind, row.Base, row.Tail, row.Digest)
	}
	for _, row := range w.commit.Plan.Tail {
		batch.Queue(tailSectionSQL, w.head, row.Kind, row.Tail, row.Digest)
	}
	for _, kind := range w.commit.Plan.Delete {
		batch.Queue(deleteSectionSQL, w.head, kind)
	}
}

func (w *commitWriter) queueJournal(batch *pgx.Batch) {
	c := w.commit
	if w.revived {
		batch.Queue(addJournalSQL, "revive", c.Machine, w.head, nil, nil)
	}
	if c.State.ID == 0 || len(c.Kinds) > 0 { // a first snapshot may be empty
		batch.Queue(addChangeSQL, w.head, w.seq, w.at, c.Root[:], list(c.Kinds), c.Delta)
		batch.Queue(addJournalSQL, "commit", c.Machine, w.head, w.seq, seenBody(c.LastSeen))
	}
}

// seenBody says when a source saw the machine, if it said so itself: the heartbeat has that time and not the change's.
func seenBody(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return `{"last_seen":"` + seenText(at) + `"}`
}

// seenText is that time as the journal has it; "" when the source said none.
func seenText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

const clearStatusesSQL = `DELETE FROM check_status WHERE machine = $1 AND check_id = ANY ($2)`

// queueStatuses returns where the changed statuses are once the batch was sent; nil when there are none to write.
func (w *commitWriter) queueStatuses(batch *pgx.Batch) *statusPut {
	c := w.commit
	if len(c.Cleared) > 0 {
		batch.Queue(clearStatusesSQL, c.Machine, c.Cleared)
	}
	if len(c.Statuses) == 0 {
		return nil
	}
	for i := range c.Statuses {
		s := &c.Statuses[i]
		s.Machine, s.Head, s.HeadSeq = c.Machine, w.head, w.seq
	}
	put := newStatusPut(c.Statuses)
	put.seen = seenText(c.LastSeen)
	put.queue(batch)
	return put
}

// queueCompliance settles the machine's overall status where that may be another one. Its lock is the last.
func (w *commitWriter) queueCompliance(batch *pgx.Batch) {
	c := w.commit
	certain := w.revived || len(c.Cleared) > 0
	if certain || len(c.Statuses) > 0 {
		queueSettle(batch, []int64{c.Machine}, certain)
	}
}
