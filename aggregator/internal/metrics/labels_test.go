// SPDX-License-Identifier: Apache-2.0

//go:build unix

package metrics

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// TestInterruptedReadingGoesOn reads labels with scrapes of which each ends after one batch: one that began anew each time
// would never come to an end.
func TestInterruptedReadingGoesOn(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	const assets = 2*labelBatch + 7
	if _, err := pool.Exec(t.Context(), `INSERT INTO asset (digest, kind, name, version, body)
		SELECT sha256(n::text::bytea), 'os_version', n, '', '{}' FROM generate_series(1, $1::bigint) AS n`, assets); err != nil {
		t.Fatal(err)
	}
	s := store.New(pool)
	t.Cleanup(s.Close)
	census := builtCensus(t, s)
	calls, read := 0, map[int64]int{}
	l := labels{kind: "os_version", read: func(_ context.Context, ids []int64) ([]store.AssetLabels, error) {
		if calls++; calls%2 == 0 {
			return nil, context.DeadlineExceeded
		}
		var found []store.AssetLabels
		for _, id := range ids {
			read[id]++
			found = append(found, store.AssetLabels{ID: id, Labels: []string{"x"}})
		}
		return found, nil
	}}
	scrapes := 1
	for ; errors.Is(l.refresh(t.Context(), census), context.DeadlineExceeded) && scrapes < 10; scrapes++ {
		continue
	}
	slices.Sort(l.ids)
	if scrapes != 3 || len(l.of) != assets || len(slices.Compact(l.ids)) != assets || len(read) != assets {
		t.Errorf("after %d scrapes %d of %d assets have labels, %d count", scrapes, len(l.of), assets, len(l.ids))
	}
	for id, times := range read {
		if times != 1 {
			t.Fatalf("asset %d was read %d times", id, times)
		}
	}
}

// builtCensus waits for an index of the store.
func builtCensus(t *testing.T, s *store.Store) *index.Census {
	t.Helper()
	x := index.New(s, index.Options{Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	limit, again := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		census, err := x.Census(time.Now())
		if err == nil {
			return census
		}
		select {
		case <-limit:
			t.Fatal(err)
		case <-again.C:
		}
	}
}
