// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// from is a check-in that a trusted proxy forwards for an address.
func (a *agent) from(address string) {
	a.t.Helper()
	ctx, info := connect.NewClientContext(context.Background())
	info.RequestHeader().Set("Authorization", "Bearer "+a.credential)
	info.RequestHeader().Set("X-Forwarded-For", address)
	got := must(a.client.CheckIn(ctx, a.checkInRequest(false)))(a.t)
	if got.GetOutcome() != syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		a.t.Fatalf("check-in from %s: got %v, want CURRENT", address, got.GetOutcome())
	}
}

// written returns the tables in which rows came or were changed while f ran.
func (w *world) written(f func()) []string {
	w.t.Helper()
	before := strings.Split(w.content(), "\n")
	f()
	var tables []string
	for line := range strings.Lines(w.content()) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(before, line) {
			tables = append(tables, line[:strings.IndexByte(line, ' ')])
		}
	}
	slices.Sort(tables)
	return tables
}

// TestACheckInThatNobodyRemembers goes to an aggregator that was just started, each time.
func TestACheckInThatNobodyRemembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, connectTo(t, w.aggregators[0].http, false), "M-1")
	a.from("192.0.2.1")
	tests := []struct {
		name, address string
		archive       bool
		want          []string
	}{
		{"nothing is new", "192.0.2.1", false, []string{"head"}},
		{"another address", "192.0.2.2", false, []string{"change", "head", "journal", "section"}},
		{"archived", "192.0.2.2", true, []string{"head", "journal"}},
	}
	for _, test := range tests {
		if test.archive {
			must(w.Archive(t.Context(), []string{a.serial}))(t)
		}
		w.start()
		a.client = connectTo(t, w.aggregators[len(w.aggregators)-1].http, false)
		if got := w.written(func() { a.from(test.address) }); !slices.Equal(got, test.want) {
			t.Errorf("%s: rows of %v, want of %v", test.name, got, test.want)
		}
	}
	if n := w.count(`SELECT count(*) FROM journal WHERE what = 'revive'`); n != 1 {
		t.Errorf("revived %d times, want once", n)
	}
	if n := w.count(`SELECT count(*) FROM head WHERE archived_at IS NULL`); n != 1 {
		t.Errorf("%d heads in sight, want 1", n)
	}
	w.fsck()
}
