// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// queued is a world whose committer has a queue; run starts that.
type queued struct {
	*world
	queue   *task.Queue
	numbers *prometheus.Registry
}

func newQueued(t *testing.T) *queued {
	t.Helper()
	dsn := storetest.DSN(t)
	pool := must(store.Open(t.Context(), dsn))(t)
	t.Cleanup(pool.Close)
	s := store.New(pool)
	t.Cleanup(s.Close)
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if err := task.Migrate(t.Context(), dsn, log); err != nil {
		t.Fatal(err)
	}
	q := &queued{queue: must(task.Open(t.Context(), dsn, task.Options{Log: log}))(t), numbers: prometheus.NewRegistry()}
	t.Cleanup(q.queue.Close)
	q.world = &world{Committer: commit.New(s, log), store: s, pool: pool, t: t}
	q.Measure(q.numbers)
	q.EvaluateIn(q.queue)
	q.source = must(s.EnsureSource(t.Context(), store.Source{Module: "rollcall.agent", Name: "rollcall"}))(t)
	return q
}

// run works at tasks until the test ends.
func (q *queued) run() {
	ctx, stop := context.WithCancel(context.WithoutCancel(q.t.Context()))
	done := make(chan error, 1)
	go func() { done <- q.queue.Run(ctx) }()
	q.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			q.t.Error(err)
		}
	})
}

// counted returns the value of a counter or gauge, of all its labels together.
func (q *queued) counted(name string) float64 {
	q.t.Helper()
	total := 0.0
	for _, family := range must(q.numbers.Gather())(q.t) {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return total
}

// until waits for a query to say true.
func (w *world) until(sql string, args ...any) {
	w.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Minute); !value[bool](w, sql, args...); <-again.C {
		if time.Now().After(end) {
			w.t.Fatalf("not after a minute: %s", sql)
		}
	}
}

// report submits a machine of the source alpha.
func (w *world) report(serial string, major int) {
	w.t.Helper()
	must(w.Submit(w.t.Context(), w.tree(fmt.Sprintf(
		`{"source":{"module":"test","name":"alpha"},"serial_number":%q,"os_version":{"name":"Debian","major":%d}}`, serial, major))))(w.t)
}

func alpha(c *compliance.Check) { c.SourceName = "alpha" }

const countStatuses = `SELECT count(*) = $1 FROM check_status s JOIN jmespath_check c ON c.id = s.check_id AND c.version = s.check_version`

func TestATaskEvaluatesACheckThatIsStored(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	for i := range 5 {
		q.report(fmt.Sprint("S", i), i)
	}
	jane := auth.WithPrincipal(t.Context(), auth.Principal{Kind: auth.User, ID: 7, Name: "jane"})
	check := must(q.CreateCheck(jane, compliance.Check{Name: "c", SourceName: "alpha", Expression: "os_version.major > `1`"}))(t)
	if got := q.statuses(); len(got) != 0 {
		t.Errorf("before the task: got %v", got)
	}
	if got := q.counted("rollcall_evaluation_pending_checks"); got != 1 {
		t.Errorf("%v checks wait, want 1", got)
	}
	q.run()
	q.until(countStatuses, 5)
	q.until("SELECT evaluated_version = version FROM jmespath_check")
	check.Expression = "os_version.major > `2`"
	must(q.UpdateCheck(jane, check))(t)
	q.until("SELECT evaluated_version = 2 FROM jmespath_check")
	q.until("SELECT count(*) = 2 FROM task WHERE name = 'evaluate_checks' AND owner_name = 'jane' AND status = 'SUCCESS' AND done = 5 AND total = 5")
	if got := q.counted("rollcall_evaluation_pending_checks"); got != 0 {
		t.Errorf("%v checks wait, want none", got)
	}
}

// A run that ends in the middle costs what it had not stored.
func TestAnEvaluationGoesOnWhereItWasKilled(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	const machines = 350
	for i := range machines {
		q.report(fmt.Sprint("S", i), i)
	}
	check := q.check("c", "os_version.major > `1`", alpha)
	killed, kill := context.WithCancel(t.Context())
	err := q.EvaluateFleet(killed, []compliance.Check{check}, func(done, _ int64) {
		if done >= 200 {
			kill()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	stored := value[int](q.world, "SELECT count(*) FROM check_status")
	if stored < 100 || stored == machines || value[int](q.world, "SELECT evaluated_version FROM jmespath_check") != 0 {
		t.Fatalf("%d statuses after the kill", stored)
	}
	before := q.counted("rollcall_evaluation_machines_total")
	if err := q.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := q.counted("rollcall_evaluation_machines_total") - before; int(got) != machines-stored {
		t.Errorf("%v machines were evaluated again, want %d", got, machines-stored)
	}
	if !value[bool](q.world, countStatuses, machines) || value[int](q.world, "SELECT evaluated_version FROM jmespath_check") != 1 {
		t.Error("the rest is missing")
	}
	q.fsck()
}

// Whoever evaluates a check that is gone, or has a newer version, stops and leaves everything as it is.
func TestAnEvaluationOfAnOldVersionStops(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	for i := range 3 {
		q.report(fmt.Sprint("S", i), i)
	}
	old := q.check("c", "`true`", alpha)
	next := old
	next.Expression = "`false`"
	if _, _, err := q.store.UpdateCheck(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := q.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := q.counted("rollcall_evaluation_machines_total")
	if err := q.EvaluateCheck(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := q.store.DeleteCheck(t.Context(), q.check("gone", "`true`", alpha).ID); err != nil {
		t.Fatal(err)
	}
	if got := q.counted("rollcall_evaluation_machines_total") - before; got != 0 {
		t.Errorf("%v evaluations, want none", got)
	}
	q.hasStatuses("after the old version", map[string]status{"c": {failed, 1}})
	if got := value[int](q.world, "SELECT evaluated_version FROM jmespath_check"); got != 2 {
		t.Errorf("evaluated version %d, want 2", got)
	}
}

func TestTwoEvaluationsOfOneCheckDoNoHarm(t *testing.T) {
	t.Parallel()
	q := newQueued(t)
	const machines = 150
	for i := range machines {
		q.report(fmt.Sprint("S", i), i%2)
	}
	check := q.check("c", "os_version.major == `1`", alpha)
	var failures atomic.Int64
	done := make(chan struct{})
	for _, c := range []*commit.Committer{q.Committer, q.second()} {
		go func() {
			if c.EvaluateCheck(context.WithoutCancel(t.Context()), check) != nil {
				failures.Add(1)
			}
			done <- struct{}{}
		}()
	}
	<-done
	<-done
	if failures.Load() != 0 || !value[bool](q.world, countStatuses, machines) {
		t.Errorf("%d failed", failures.Load())
	}
	if got := value[int](q.world, "SELECT count(*) FROM check_status WHERE previous_status IS NOT NULL"); got != 0 {
		t.Errorf("%d statuses changed", got)
	}
}

// An archived machine keeps its statuses up to date: the check-in that revives it evaluates nothing.
func TestAnArchivedMachineIsEvaluatedWithTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux())
	must(w.store.Archive(t.Context(), []string{"S1"}))(t)
	check := w.check("disks", "length(disks) == `1`")
	if err := w.EvaluateCheck(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	if listed := must(w.store.ListStatuses(t.Context(), check.ID, "", 10))(t); len(listed) != 0 {
		t.Errorf("archived: got %+v", listed)
	}
	a.becomes(linux())
	w.hasStatuses("revived", map[string]status{"disks": {ok, 1}})
}
