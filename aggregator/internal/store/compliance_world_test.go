// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// result is a status of the first version of a check.
func result(check int64, s compliance.Status) store.Status {
	return store.Status{CheckID: check, CheckVersion: 1, Status: s}
}

// waive lets a machine off a check for a day.
func (w *world) waive(check int64, serial string) store.Waiver {
	w.t.Helper()
	return must(w.CreateWaiver(w.t.Context(), store.Waiver{
		CheckID: check, SerialNumber: serial, Owner: "o", Reason: "r", ExpiresAt: tomorrow(),
	}))(w.t)
}

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

// root returns the root of a head.
func (w *world) root(head int64) (root asset.Digest) {
	w.t.Helper()
	var raw []byte
	if err := w.pool.QueryRow(w.t.Context(), "SELECT root FROM head WHERE id = $1", head).Scan(&raw); err != nil {
		w.t.Fatal(err)
	}
	return must(asset.ParseDigest(raw))(w.t)
}

// expire ends all waivers.
func (w *world) expire() int {
	w.t.Helper()
	w.exec("UPDATE waiver SET expires_at = now() - interval '1 second' WHERE ended_at IS NULL")
	return must(w.ExpireWaivers(w.t.Context(), 100))(w.t)
}

var heldSeconds = regexp.MustCompile(`"seconds":\d+`)

// said empties the journal and returns what it said of commits, heads and statuses, in the order in which it is read.
func (w *world) said() []string {
	w.t.Helper()
	rows, _ := w.pool.Query(w.t.Context(), `WITH gone AS (DELETE FROM journal RETURNING *)
		SELECT what || coalesce(' ' || body::text, '') FROM gone WHERE what NOT IN ('machine', 'audit', 'tag', 'check') ORDER BY xid, id`)
	said := must(pgx.CollectRows(rows, pgx.RowTo[string]))(w.t)
	for i := range said {
		said[i] = heldSeconds.ReplaceAllString(said[i], `"seconds":N`)
	}
	return said
}

// told replays what the journal says of overall statuses, by machine; machines that have none any more are left out.
func (w *world) told() map[int64]compliance.Status {
	w.t.Helper()
	rows, _ := w.pool.Query(w.t.Context(), "SELECT machine, body FROM journal WHERE what = 'compliance' ORDER BY xid, id")
	told := map[int64]compliance.Status{}
	var machine int64
	var body []byte
	_, err := pgx.ForEachRow(rows, []any{&machine, &body}, func() error {
		var change struct{ Status, Previous *compliance.Status }
		if err := json.Unmarshal(body, &change); err != nil {
			return err
		}
		before, known := told[machine]
		if known != (change.Previous != nil) || known && before != *change.Previous {
			return fmt.Errorf("machine %d: the journal says %s after %v", machine, body, before)
		}
		if delete(told, machine); change.Status != nil {
			told[machine] = *change.Status
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return told
}

// worst computes the overall statuses anew, row by row.
func (w *world) worst() map[int64]compliance.Status {
	w.t.Helper()
	rows, _ := w.pool.Query(w.t.Context(), `SELECT s.machine, s.status, EXISTS (
			SELECT FROM waiver w WHERE w.check_id = s.check_id AND w.machine = s.machine AND w.expires_at > now())
		FROM check_status s JOIN head h ON h.id = s.head WHERE h.archived_at IS NULL`)
	worst := map[int64]compliance.Status{}
	var machine int64
	var status compliance.Status
	var waived bool
	_, err := pgx.ForEachRow(rows, []any{&machine, &status, &waived}, func() error {
		if waived {
			status = compliance.StatusOK
		}
		worst[machine] = max(worst[machine], status)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return worst
}

// overall returns the overall statuses as they are stored.
func (w *world) overall() map[int64]compliance.Status {
	w.t.Helper()
	rows, _ := w.pool.Query(w.t.Context(), "SELECT machine, status FROM machine_compliance WHERE status IS NOT NULL")
	stored := map[int64]compliance.Status{}
	var machine int64
	var status compliance.Status
	if _, err := pgx.ForEachRow(rows, []any{&machine, &status}, func() error {
		stored[machine] = status
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return stored
}
