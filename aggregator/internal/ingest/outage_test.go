// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// TestNothingAcknowledgedIsLostWithTheDatabase kills PostgreSQL twice under load. Whatever an agent was told to be
// committed is there afterwards, and whatever was refused goes through when it is sent again.
func TestNothingAcknowledgedIsLostWithTheDatabase(t *testing.T) {
	t.Parallel()
	cluster := storetest.Cluster(t)
	if err := store.Migrate(t.Context(), cluster.DSN(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var keeper sync.WaitGroup
	keeper.Go(func() {
		if err := cluster.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); keeper.Wait() })
	w := newWorldAt(t, 1, cluster.DSN())

	const agents = 24
	var pushes, refusals atomic.Int64
	done := make(chan struct{})
	var group sync.WaitGroup
	for i := range agents {
		a := enrolled(t, doors[i%len(doors)].open(t, w.aggregators[0]), fmt.Sprintf("M-%03d", i))
		group.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-done:
					a.current()
					return
				default:
				}
				request := a.deltaRequest("disks", fmt.Sprintf(`{"name":"%d"}`, round))
				counted := func(err error) error {
					if err != nil {
						refusals.Add(1)
					}
					return err
				}
				untilServed(t, func() error { _, err := a.client.PushDelta(a.ctx(), request); return counted(err) })
				pushes.Add(1)
				checkIn := a.checkInRequest(false)
				untilServed(t, func() error { _, err := a.client.CheckIn(a.ctx(), checkIn); return counted(err) })
			}
		})
	}
	for kill := range 2 {
		before := pushes.Load()
		eventually(t, "pushes go through", func() bool { return pushes.Load() > before+2*agents || t.Failed() })
		pid, refused := cluster.PID(), refusals.Load()
		if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		eventually(t, "calls are refused", func() bool { return refusals.Load() > refused || t.Failed() })
		eventually(t, "PostgreSQL is back", func() bool { now := cluster.PID(); return now != 0 && now != pid })
		t.Logf("kill %d: after %d pushes", kill+1, pushes.Load())
	}
	after := pushes.Load()
	eventually(t, "pushes go through again", func() bool { return pushes.Load() > after+2*agents || t.Failed() })
	close(done)
	group.Wait()
	t.Logf("%d pushes, %d refused and repeated", pushes.Load(), refusals.Load())
	w.fsck()
	if n := w.count("SELECT count(*) FROM change"); n != agents+int(pushes.Load()) {
		t.Errorf("got %d changes, want the first %d and %d more", n, agents, pushes.Load())
	}
	log := w.aggregators[0].log.String()
	if failed, again := strings.Count(log, "call failed"), strings.Count(log, "calls succeed again"); failed < 2 || failed > 10 || again < 2 || again > failed {
		t.Errorf("the log tells of %d failures and %d recoveries, want about one of each per kill:\n%.2000s", failed, again, log)
	}
}
