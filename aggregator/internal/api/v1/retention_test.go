// SPDX-License-Identifier: Apache-2.0

//go:build unix

package v1_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// Everything that reads the past agrees on where it begins once retention has been there.
func TestDoorsAgreeOnWhatRetentionLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var monday time.Time
	const weeksAgo = `SELECT (date_trunc('week', now() AT TIME ZONE 'UTC') - interval '8 weeks') AT TIME ZONE 'UTC'`
	if err := w.Pool.QueryRow(t.Context(), weeksAgo).Scan(&monday); err != nil {
		t.Fatal(err)
	}
	monday = monday.UTC()
	partition := fmt.Sprintf("CREATE TABLE %s PARTITION OF change FOR VALUES FROM ('%s') TO ('%s')",
		monday.Format("change_20060102"), monday.Format(time.RFC3339), monday.AddDate(0, 0, 7).Format(time.RFC3339))
	tree := fixture(t, "debian")
	for _, name := range []string{"one", "two", "three", "four"} {
		tree["system_info"] = map[string]any{"computer_name": name}
		w.Ask(http.MethodPost, "/api/v1/snapshots", tree)
	}
	for _, sql := range []string{
		partition,
		fmt.Sprintf("UPDATE change SET at = '%s'::timestamptz + seq * interval '1 hour' WHERE seq < 3", monday.Format(time.RFC3339)),
		fmt.Sprintf("UPDATE head SET first_at = '%s'::timestamptz + interval '1 hour'", monday.Format(time.RFC3339)),
	} {
		if _, err := w.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Store.EnsurePartitions(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	const machine = "/api/v1/machines/DEB-1/"
	at := func(t time.Time) string { return url.QueryEscape(t.Format(time.RFC3339)) }
	past := at(monday.Add(90 * time.Minute))
	w.Ask(http.MethodGet, machine+"snapshot?at="+past, nil).Want(http.StatusOK).Says(`"one"`)
	w.Ask(http.MethodGet, machine+"diff?from="+past, nil).Want(http.StatusOK)
	page := w.Ask(http.MethodGet, machine+"changes?limit=2", nil).Want(http.StatusOK).Object()

	if dropped, err := w.Store.DropExpiredWeeks(t.Context(), 30); err != nil || len(dropped) == 0 {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	for _, path := range []string{"snapshot?at=" + past, "diff?from=" + past} {
		gone := w.Ask(http.MethodGet, machine+path, nil).Want(http.StatusGone).Object()
		oldest, err := time.Parse(time.RFC3339, gone["oldest"].(string))
		if err != nil || time.Since(oldest) < 30*24*time.Hour {
			t.Errorf("%s: the oldest moment is %s, %v; want one at least 30 days ago", path, oldest, err)
		}
		w.Ask(http.MethodGet, machine+"snapshot?at="+at(oldest), nil).Want(http.StatusOK).Says(`"two"`)
		w.Ask(http.MethodGet, machine+"diff?from="+at(oldest), nil).Want(http.StatusOK)
	}
	if changes := w.changes("DEB-1"); len(changes) != 2 {
		t.Errorf("%d changes are listed, want the 2 that are kept", len(changes))
	}
	next := w.Ask(http.MethodGet, machine+"changes?limit=2&cursor="+page["next_cursor"].(string), nil).Want(http.StatusOK)
	if rest := next.List("changes"); len(rest) != 0 {
		t.Errorf("a page that began before lists %d more, want none", len(rest))
	}
	w.Ask(http.MethodGet, machine+"snapshot", nil).Want(http.StatusOK).Says(`"four"`)
}
