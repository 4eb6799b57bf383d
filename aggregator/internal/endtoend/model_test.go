// SPDX-License-Identifier: Apache-2.0

//go:build unix

package endtoend_test

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// modelRuns is how many random histories make test plays.
const modelRuns = 40

// TestProtocolModel plays random histories: agents, two handlers on one database, a network that loses, delays,
// duplicates and reorders, crashes, cloned machines and such that were set back. At the end of each one every agent
// syncs over a good network, and then every head is its agent's snapshot, and every accepted change is there once.
//
// A failure prints the seed that plays it again.
func TestProtocolModel(t *testing.T) { playModel(t, modelRuns) }

// TestSoakProtocolModel is TestProtocolModel for make soak.
func TestSoakProtocolModel(t *testing.T) { playModel(t, soakRuns(t)) }

// soakRuns returns how long a soak test goes on; it skips the test when nobody asked.
func soakRuns(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("SOAK_N"))
	if err != nil || n < 1 {
		t.Skip("a soak test: make soak N=1000")
	}
	return n
}

// playModel plays histories; it does not run beside other rapid tests, whose number it would change.
func playModel(t *testing.T, runs int) {
	if flag.Lookup("rapid.checks").Value.String() == "100" { // nobody asked for another number
		if err := flag.Set("rapid.checks", strconv.Itoa(runs)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", "100") }()
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"change":           w.change,
			"sync":             w.step,
			"sync more":        w.step,
			"sync on":          w.stepOften,
			"deliver":          w.deliver,
			"deliver together": w.deliverTogether,
			"drop":             w.drop,
			"crash":            w.crash,
			"restart handler":  w.restart,
			"clone":            w.clone,
			"save":             w.save,
			"set back":         w.setBack,
			"start anew":       w.startAnew,
			"":                 func(*rapid.T) {},
		})
		w.quiesce(rt)
		w.verify(rt)
	})
}

// world is one history.
type world struct {
	tb      *runTB
	stores  [2]*store.Store
	network *network
	agents  []*agent
	newID   func() []byte
	secret  string
	number  int // of machines so far
}

// runTB gives what storetest makes the life of one history instead of that of the whole test.
type runTB struct {
	testing.TB
	rapid *rapid.T
}

func (r *runTB) Cleanup(f func())                  { r.rapid.Cleanup(f) }
func (r *runTB) Fatalf(format string, args ...any) { r.rapid.Fatalf(format, args...) }

func newWorld(t *testing.T, rt *rapid.T) *world {
	w := &world{tb: &runTB{TB: t, rapid: rt}, network: &network{}, newID: instances(), secret: "model"}
	dsn := storetest.DSN(w.tb)
	for i := range w.stores {
		pool, err := store.Open(rt.Context(), dsn)
		if err != nil {
			rt.Fatal(err)
		}
		w.stores[i] = store.New(pool)
		rt.Cleanup(func() {
			w.stores[i].Close()
			pool.Close()
		})
		w.start(i)
	}
	if err := w.stores[0].EnsurePartitions(rt.Context(), 1); err != nil {
		rt.Fatal(err)
	}
	_, err := w.stores[0].CreateEnrollment(rt.Context(), store.NewEnrollment{Name: "model", SecretDigest: auth.DigestOf(w.secret)})
	if err != nil {
		rt.Fatal(err)
	}
	for range rapid.IntRange(1, 2).Draw(rt, "machines") {
		w.add(newMachine(w.nextNumber()))
	}
	return w
}

// start begins a handler with empty caches.
func (w *world) start(i int) {
	log := slog.New(slog.DiscardHandler)
	service := ingest.New(w.stores[i], commit.New(w.stores[i], log), ingest.Options{Interval: time.Minute}, log)
	mux := http.NewServeMux()
	mux.Handle(service.Handler())
	w.network.handlers[i] = mux
}

func (w *world) nextNumber() int {
	w.number++
	return w.number
}

func (w *world) add(m *machine) *agent {
	a := newAgent(m, w.secret, w.network, w.newID)
	w.agents = append(w.agents, a)
	return a
}

func (w *world) any(t *rapid.T) *agent {
	return w.agents[rapid.IntRange(0, len(w.agents)-1).Draw(t, "agent")]
}

func (w *world) change(t *rapid.T) { w.any(t).machine.change(t) }

// step lets one agent make one call, whatever becomes of it.
func (w *world) step(t *rapid.T) {
	a := w.any(t)
	a.wire.fate = rapid.SampledFrom(fates).Draw(t, "fate")
	a.wire.handler = rapid.IntRange(0, 1).Draw(t, "handler")
	w.advance(t, a)
}

// stepOften lets one agent make some calls that arrive.
func (w *world) stepOften(t *rapid.T) {
	a := w.any(t)
	a.wire.fate, a.wire.handler = delivered, rapid.IntRange(0, 1).Draw(t, "handler")
	for range rapid.IntRange(2, 6).Draw(t, "calls") {
		w.advance(t, a)
	}
}

// advance makes a call and checks what no fate excuses.
func (w *world) advance(t *rapid.T, a *agent) bool {
	before := len(a.serials)
	done, err := a.step(t.Context())
	for _, err := range append(a.refusals, err) {
		if err != nil {
			t.Logf("%s (%s, process %x, counter %d): %v", a.machine.name, a.disk.serial, a.instance[:2], a.last, err)
		}
	}
	a.refusals = nil
	if errors.Is(err, errBroken) {
		t.Fatalf("%s: %v", a.machine.name, err)
	}
	if before > 0 && len(a.serials) > before && !a.copied && !a.setBack {
		t.Fatalf("%s was never copied nor set back, and its identity changed: %q", a.machine.name, a.serials)
	}
	return done && err == nil
}

// deliver lets one held message arrive, and maybe stay to arrive once more.
func (w *world) deliver(t *rapid.T) {
	if len(w.network.held) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.network.held)-1).Draw(t, "message")
	m := w.network.held[i]
	if rapid.Bool().Draw(t, "last copy") {
		w.network.takeHeld(i)
	}
	w.network.deliver(m, rapid.IntRange(0, 1).Draw(t, "handler")) // nobody waits for the answer any more
}

// deliverTogether lets held messages arrive at both handlers at the same time.
func (w *world) deliverTogether(t *rapid.T) {
	const most = 4
	var wait sync.WaitGroup
	for i := range min(most, len(w.network.held)) {
		m := w.network.takeHeld(0)
		wait.Go(func() { w.network.deliver(m, i%2) }) // nobody waits for the answer any more
	}
	wait.Wait()
}

func (w *world) drop(t *rapid.T) {
	if len(w.network.held) > 0 {
		w.network.takeHeld(rapid.IntRange(0, len(w.network.held)-1).Draw(t, "message"))
	}
}

func (w *world) crash(t *rapid.T) { w.any(t).crash() }

func (w *world) restart(t *rapid.T) { w.start(rapid.IntRange(0, 1).Draw(t, "handler")) }

// clone copies a machine with its state folder: an image of an enrolled machine. The copy may have other firmware.
func (w *world) clone(t *rapid.T) {
	const most = 4
	a := w.any(t)
	if len(w.agents) >= most || a.disk.credential == "" || a.disk.enrolled != a.machine.evidence {
		return // two machines that enrol apart from each other with one evidence are told apart by nobody
	}
	number := w.nextNumber()
	c := w.add(a.machine.copied(fmt.Sprintf("m%d", number)))
	c.disk = a.disk.copied()
	c.serials = slices.Clone(a.serials)
	c.twin, c.copied, a.copied = true, true, true
	if rapid.Bool().Draw(t, "same evidence") {
		a.twin = true
	} else {
		fresh := newMachine(3 * number)
		c.machine.evidence = fresh.evidence
		c.machine.evidence.HardwareSerial = a.machine.evidence.GetHardwareSerial()
	}
	c.crash()
}

func (w *world) save(t *rapid.T) {
	a := w.any(t)
	if a.disk.credential != "" {
		a.saved = append(a.saved, savepoint{machine: a.machine.copied(a.machine.name), disk: a.disk.copied()})
	}
}

// setBack puts a machine back to a state that was saved.
func (w *world) setBack(t *rapid.T) {
	a := w.any(t)
	if len(a.saved) == 0 {
		return
	}
	point := a.saved[rapid.IntRange(0, len(a.saved)-1).Draw(t, "point")]
	if a.twin && point.disk.enrolled != a.machine.evidence {
		return // it would enrol apart from its twin: see clone
	}
	a.machine, a.disk, a.setBack = point.machine.copied(a.machine.name), point.disk.copied(), true
	a.crash()
}

// startAnew loses a machine's state folder, with or without a goodbye: somebody enrols it once more. Of machines that
// show the same evidence nobody could tell which one that is, so it happens to others only.
func (w *world) startAnew(t *rapid.T) {
	a := w.any(t)
	if a.twin || a.disk.credential == "" {
		return
	}
	if rapid.Bool().Draw(t, "goodbye") {
		a.wire.fate, a.wire.handler = rapid.SampledFrom(fates).Draw(t, "fate"), rapid.IntRange(0, 1).Draw(t, "handler")
		_ = a.goodbye(t.Context()) // it goes whether it is heard or not
	}
	a.disk, a.saved = disk{}, nil // what was saved holds a dead credential
	a.crash()
}

// quiesce delivers or drops what is on the way and lets all agents sync over a good network until all agree.
func (w *world) quiesce(t *rapid.T) {
	for len(w.network.held) > 0 {
		m := w.network.takeHeld(0)
		if rapid.Bool().Draw(t, "arrives") {
			w.network.deliver(m, rapid.IntRange(0, 1).Draw(t, "handler")) // nobody waits for the answer any more
		}
	}
	for _, a := range w.agents {
		clear(a.machine.failing)
		a.wire.fate = delivered
		a.round = nil
	}
	const passes, calls = 12, 40
	for pass := range passes {
		accepted := len(w.network.accepted)
		for i, a := range w.agents {
			a.wire.handler = (i + pass) % 2
			for n := 0; !w.advance(t, a); n++ {
				if n > calls {
					t.Fatalf("%s does not come to agree with the aggregator: identities %q", a.machine.name, a.serials)
				}
			}
		}
		if len(w.network.accepted) == accepted {
			return
		}
	}
	t.Fatal("the agents do not come to rest")
}
