// SPDX-License-Identifier: Apache-2.0

//go:build unix

package load_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/load"
)

func TestFleetEnrolsReportsAndIsHeld(t *testing.T) {
	t.Parallel()
	const machines = 200
	w := newWorld(t, 1)
	r := w.runner(fleet.Options{Machines: machines, PatchDay: 5}, func(o *load.Options) { o.Transport = "mixed" })
	enrolled := must(r.Enroll(t.Context(), secret, 0))(t)
	if enrolled.Count("enrolled") != machines || r.Enrolled() != machines {
		t.Fatalf("%d of %d machines enrolled, %d known", enrolled.Count("enrolled"), machines, r.Enrolled())
	}
	steady := must(r.Steady(t.Context(), load.Steady{Rate: 100, Duration: 2 * time.Second, Changed: 0.1}))(t)
	if n := steady.Count("changed") + steady.Count("unchanged") + steady.Skipped; n != 200 {
		t.Errorf("steady: %d turns, want 200: %+v", n, steady.Operations)
	}
	if steady.Count("changed") == 0 || steady.Count("unchanged") == 0 || steady.BytesUp == 0 || steady.BytesDown == 0 {
		t.Errorf("steady: %+v, %d bytes up, %d down", steady.Operations, steady.BytesUp, steady.BytesDown)
	}
	if day := must(r.Day(t.Context(), 1))(t); day.Count("changed") == 0 || day.Count("unchanged") != 0 {
		t.Errorf("day: %+v", day.Operations)
	}
	back := must(r.Reconnect(t.Context(), load.Reconnect{Over: time.Second, Changed: 0.2}))(t)
	if back.Dials < machines || back.Connections != 0 || back.Count("changed")+back.Count("unchanged") != machines {
		t.Errorf("reconnect: %d dials, %d connections open, %+v", back.Dials, back.Connections, back.Operations)
	}
	if patched := must(r.Patch(t.Context(), time.Second))(t); patched.Count("changed") == 0 {
		t.Errorf("patch: %+v", patched.Operations)
	}
	verified := must(r.Verify(t.Context()))(t)
	if v := verified.Verification; v.Current != machines || v.NotCurrent != 0 || v.Ahead != 0 {
		t.Errorf("verify: %+v", v)
	}
	w.agree(r)
}

func TestRunThatWasKilledGoesOn(t *testing.T) {
	t.Parallel()
	const machines = 20
	w := newWorld(t, 1)
	first := w.runner(fleet.Options{Machines: machines}, nil)
	must(first.Enroll(t.Context(), secret, 0))(t)
	noted, err := os.ReadFile(w.state)
	if err != nil {
		t.Fatal(err)
	}
	must(first.Day(t.Context(), 2))(t)
	if err := os.WriteFile(w.state, noted, 0o600); err != nil { // as if it had been killed before it wrote the file again
		t.Fatal(err)
	}
	second := w.runner(fleet.Options{Machines: machines}, nil)
	verified := must(second.Verify(t.Context()))(t)
	if v := verified.Verification; v.Current != machines || v.Ahead == 0 {
		t.Errorf("verify: %+v, want all current and some ahead", v)
	}
	w.agree(second)
	day := must(second.Day(t.Context(), 3))(t)
	if day.Count("changed") == 0 || day.Resyncs > 0 {
		t.Errorf("day: %+v, %d resynchronisations", day.Operations, day.Resyncs)
	}
	w.agree(second)
}

func TestLostEnrolmentBeginsAnew(t *testing.T) {
	t.Parallel()
	const machines = 8
	w := newWorld(t, 1)
	must(w.runner(fleet.Options{Machines: machines}, nil).Enroll(t.Context(), secret, 0))(t)
	if err := os.Remove(w.state); err != nil {
		t.Fatal(err)
	}
	again := w.runner(fleet.Options{Machines: machines}, nil)
	if report := must(again.Enroll(t.Context(), secret, 50))(t); report.Count("enrolled") != machines {
		t.Errorf("%+v", report.Operations)
	}
	must(again.Verify(t.Context()))(t)
	w.agree(again)
}

func TestWhatTheAggregatorLostIsFound(t *testing.T) {
	t.Parallel()
	const machines = 8
	w := newWorld(t, 1)
	r := w.runner(fleet.Options{Machines: machines}, nil)
	must(r.Enroll(t.Context(), secret, 0))(t)
	var serial string
	err := w.pool.QueryRow(t.Context(), `UPDATE head SET root = sha256('another') FROM machine m
		WHERE m.id = head.machine AND head.id = (SELECT min(id) FROM head) RETURNING m.serial_number`).Scan(&serial)
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Verify(t.Context())
	if !errors.Is(err, load.ErrNotCurrent) {
		t.Errorf("got %v, want %v", err, load.ErrNotCurrent)
	}
	v := report.Verification
	if v.Current != machines-1 || v.NotCurrent != 1 || len(v.List) != 1 || !strings.Contains(v.List[0], serial) {
		t.Errorf("got %+v, want one machine, %s", v, serial)
	}
}

func TestCopiesEndUpUnderIdentitiesOfTheirOwn(t *testing.T) {
	t.Parallel()
	const machines, copies = 20, 4
	w := newWorld(t, 1)
	r := w.runner(fleet.Options{Machines: machines, Clones: 2000}, nil)
	must(r.Enroll(t.Context(), secret, 0))(t)
	report := must(r.Verify(t.Context()))(t)
	if report.ExpectedConflicts == 0 {
		t.Error("no conflict, although machines run twice")
	}
	if v := report.Verification; v.Current != machines+copies || v.Contended != 2*copies {
		t.Errorf("verify: %+v", v)
	}
	if len(r.Roots()) != machines+copies {
		t.Errorf("%d serial numbers, want %d", len(r.Roots()), machines+copies)
	}
	w.agree(r)
}

func TestMachinesOfADeadAggregatorGoToAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	r := w.runner(fleet.Options{Machines: 20}, nil)
	must(r.Enroll(t.Context(), secret, 0))(t)
	time.AfterFunc(500*time.Millisecond, w.aggregators[0].server.Stop)
	steady := must(r.Steady(t.Context(), load.Steady{Rate: 50, Duration: 2 * time.Second, Changed: 0.2}))(t)
	if n := steady.Count("changed") + steady.Count("unchanged") + steady.Skipped; n != 100 {
		t.Errorf("%d turns, want 100: %+v", n, steady.Operations)
	}
	must(r.Verify(t.Context()))(t)
	w.agree(r)
}

func TestWrongSettingsAreRefused(t *testing.T) {
	t.Parallel()
	machines, err := fleet.New(fleet.Options{Machines: 1})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*load.Options)
		want   string
	}{
		{name: "no server", change: func(o *load.Options) { o.Servers = nil }, want: "no server is named"},
		{name: "no URL", change: func(o *load.Options) { o.Servers = []string{"127.0.0.1:1"} }, want: "is not a URL"},
		{name: "TLS and none", change: func(o *load.Options) { o.Servers = []string{"http://a:1", "https://a:2"} }, want: "some do not"},
		{name: "no native address", change: func(o *load.Options) { o.GRPC = nil }, want: "no native gRPC address"},
		{name: "no such transport", change: func(o *load.Options) { o.Transport = "pigeon" }, want: "none of grpc"},
		{name: "no such file", change: func(o *load.Options) { o.CAFile = "/nowhere" }, want: "/nowhere"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := load.Options{Fleet: machines, Servers: []string{"http://127.0.0.1:1"}, GRPC: []string{"127.0.0.1:2"}}
			test.change(&o)
			_, err := load.New(o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestVerbsNeedAFleet(t *testing.T) {
	t.Parallel()
	machines, err := fleet.New(fleet.Options{Machines: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := load.New(load.Options{Fleet: machines, Servers: []string{"http://127.0.0.1:1"}, Transport: "connect"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "no machine is enrolled") {
		t.Errorf("verify: %v", err)
	}
	if _, err := r.Steady(t.Context(), load.Steady{Rate: 1}); err == nil {
		t.Error("a steady load without a duration began")
	}
}
