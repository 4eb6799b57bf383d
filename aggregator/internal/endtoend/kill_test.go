// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// killsInTest is how many kills make test deals out; they take about three seconds each.
const killsInTest = 30

// TestKills kills agents, the aggregator and PostgreSQL at random moments, some inside a request, some inside a
// transaction, while three machines change all the time. Afterwards fsck finds nothing, agents and aggregator agree, and
// everything that an agent was told to be committed is in the history. The seed and every hit are logged; times being
// what they are, a seed repeats the plan and not the moments.
func TestKills(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes two minutes")
	}
	t.Parallel()
	kills(t, killsInTest)
}

// TestSoakKills is TestKills for make soak.
func TestSoakKills(t *testing.T) { kills(t, soakRuns(t)) }

func kills(t *testing.T, n int) {
	t.Helper()
	seed := seedOf(t)
	r := rand.New(rand.NewPCG(seed, 1))
	b := newBattlefield(t, r)
	for i := range n {
		hit, err := b.strike(r)
		if err != nil {
			t.Fatalf("kill %d: %s: %v", i+1, hit, err)
		}
		t.Logf("kill %d of %d: %s", i+1, n, hit)
		if err := b.recover(); err != nil {
			t.Fatalf("after kill %d, %s: %v", i+1, hit, err)
		}
	}
	b.peace()
	b.verify()
}

// victim is what a strike ends.
type victim struct {
	name string
	wire *proxy // where it sends, nil when it may be any
	kill func()
}

// victims lists who may be struck.
func (b *battlefield) victims(r *rand.Rand) []victim {
	f := b.fighters[r.IntN(len(b.fighters))]
	return []victim{
		{"kill -9 of the agent " + f.name, f.wire, f.kill},
		{"kill -9 of the aggregator", nil, func() { b.site.stop(syscall.SIGKILL) }},
		b.postgresVictim(r),
	}
}

// postgresVictim ends PostgreSQL in one of the ways it may end.
func (b *battlefield) postgresVictim(r *rand.Rand) victim {
	switch r.IntN(3) {
	case 0:
		return victim{"kill -9 of PostgreSQL", nil, func() { b.signalPostgres(syscall.SIGKILL) }}
	case 1:
		return victim{"fast stop of PostgreSQL", nil, func() { b.signalPostgres(syscall.SIGINT) }}
	default:
		return victim{"immediate stop of PostgreSQL", nil, func() { b.signalPostgres(syscall.SIGQUIT) }}
	}
}

// strike ends somebody, somewhere, and says what it did.
func (b *battlefield) strike(r *rand.Rand) (string, error) {
	all := b.victims(r)
	v := all[r.IntN(len(all))]
	if v.wire == nil {
		v.wire = b.wires[r.IntN(len(b.wires))]
	}
	switch r.IntN(5) {
	case 0:
		pause := time.Duration(r.IntN(1500)) * time.Millisecond
		<-time.After(pause)
		v.kill()
		return fmt.Sprintf("%s after %s", v.name, pause), nil
	case 1:
		return b.strikeOnWire(v, request, r.IntN(1500))
	case 2:
		return b.strikeOnWire(v, answer, r.IntN(200))
	default:
		return b.strikeInTransaction(v, gates[r.IntN(len(gates))])
	}
}

// strikeLimit is how long a strike waits for its moment.
const strikeLimit = 15 * time.Second

// strikeOnWire strikes when a number of bytes went one way, and cuts that connection: the rest never arrives.
func (b *battlefield) strikeOnWire(v victim, d direction, left int) (string, error) {
	done := make(chan struct{})
	seen := 0
	v.wire.on(d, func(chunk []byte) bool {
		if seen > left {
			return false // it happened
		}
		if seen += len(chunk); seen <= left {
			return false
		}
		v.kill()
		close(done)
		return true
	})
	defer v.wire.on(d, nil)
	select {
	case <-done:
		what := map[direction]string{request: "a request", answer: "an answer"}[d]
		return fmt.Sprintf("%s inside %s, %d bytes later over %s", v.name, what, seen, v.wire.name), nil
	case <-time.After(strikeLimit):
		return v.name, errors.New("nothing was sent over " + v.wire.name)
	}
}

// strikeInTransaction strikes while a commit waits at a gate, with its head locked.
func (b *battlefield) strikeInTransaction(v victim, table string) (string, error) {
	gate, err := b.closeGate(table)
	if err != nil {
		return v.name, err
	}
	defer gate.open()
	if err := gate.await(); err != nil {
		return v.name, err
	}
	v.kill()
	return fmt.Sprintf("%s inside a transaction that writes its %s", v.name, table), nil
}
