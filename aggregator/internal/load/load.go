// SPDX-License-Identifier: Apache-2.0

// Package load drives a synthetic fleet against running aggregators over the real sync protocol, and measures what that
// costs whom.
//
// A simulated machine behaves as the agent does: the same calls, the same reactions to refusals, the same back-off. Many
// machines share a connection; each call carries its machine's own credential. The package refuses to look into the
// database: what it reports it knows from answers, from its sockets and from /proc.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// Options say which fleet reports where.
type Options struct {
	Fleet     *fleet.Fleet
	Seed      uint64 // the fleet's; it also decides which check-ins bring a change
	Catalogue string // names what the fleet was made of; a state file of another seed or catalogue is refused

	Servers []string // URLs of the aggregators' main listeners; all speak TLS or none does
	GRPC    []string // host:port of the native listeners, with TLS when the servers have it
	CAFile  string   // PEM file of trusted authorities; empty trusts the system's
	Resume  bool     // offer TLS sessions of earlier connections when one is opened

	Transport   string // grpc, connect or mixed; empty is grpc
	Connections int    // shared by all machines; 0 is 64
	Workers     int    // machines that may be at work at once; 0 is 256
	Addresses   int    // of 127.1.0.0/16 that the connections are spread over, to loopback; below 2: one, the system's

	StateFile      string // what the machines remember between runs; empty keeps it in memory
	AggregatorPIDs []int  // found by the listening ports when empty
	PostgresPIDs   []int  // postmasters; the aggregators' children when empty
	Token          string // for /metrics of the first server; empty does not read them

	Progress io.Writer // a line every two seconds; nil: none
	Log      *slog.Logger
}

// Runner is a fleet that remembers. One verb runs at a time; Close when done.
type Runner struct {
	options  Options
	pool     *pool
	machines []*machine
	cloned   map[int]bool // machines that have a copy somewhere
	random   *rand.Rand   // of the schedules; used by one goroutine at a time

	running sync.Mutex
	saving  sync.Mutex
	record  *recorder // of the verb that runs
}

// New reads the state file, when there is one, and makes no connection.
func New(o Options) (*Runner, error) {
	o.Connections, o.Workers = cmp.Or(o.Connections, 64), cmp.Or(o.Workers, 256)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	connections, err := newPool(&o)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		options: o, pool: connections, cloned: map[int]bool{},
		random: rand.New(rand.NewPCG(o.Seed, uint64(time.Now().UnixNano()))),
	}
	r.machines = make([]*machine, o.Fleet.Len())
	for i := range r.machines {
		r.machines[i] = newMachine(i)
		if origin := o.Fleet.Machine(i).CloneOf; origin >= 0 {
			r.machines[i].clone = true
			r.cloned[origin] = true
		}
	}
	if o.StateFile == "" {
		return r, nil
	}
	return r, r.load()
}

// Close drops the connections. What the machines remember was saved when the last verb ended.
func (r *Runner) Close() { r.pool.close() }

// Roots returns the root that the aggregator acknowledged last to each enrolled machine, by its serial number. No verb
// may be running.
func (r *Runner) Roots() map[string]asset.Digest {
	roots := make(map[string]asset.Digest, len(r.machines))
	for _, m := range r.machines {
		if known := m.memory(); known.day >= 0 {
			roots[known.serial] = known.root
		}
	}
	return roots
}

// Enrolled counts the machines that the aggregator has acknowledged a snapshot of.
func (r *Runner) Enrolled() int {
	n := 0
	for _, m := range r.machines {
		if m.memory().day >= 0 {
			n++
		}
	}
	return n
}

// enrolled lists the machines that have an acknowledged snapshot, in their order.
func (r *Runner) enrolled() ([]int, error) {
	var list []int
	for i, m := range r.machines {
		if m.memory().day >= 0 {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no machine is enrolled: enrol first, with the same seed and state file")
	}
	return list, nil
}

// contended tells whether a machine shares a credential with a copy of itself, so that conflicts are to be expected.
func (r *Runner) contended(index int) bool { return r.machines[index].clone || r.cloned[index] }

const (
	progressEvery = 2 * time.Second
	saveEvery     = 30 * time.Second
)

// measured runs one verb with everything that watches it, and saves the state behind it.
func (r *Runner) measured(ctx context.Context, verb string, total int, run func(context.Context) error) (*Report, error) {
	if !r.running.TryLock() {
		return nil, errors.New("another verb is running")
	}
	defer r.running.Unlock()
	w := newWatch(r, verb, total)
	r.record = w.record
	w.start(ctx)
	var side sync.WaitGroup
	ended := make(chan struct{})
	side.Go(func() { every(ended, progressEvery, w.progress) })
	side.Go(func() {
		every(ended, saveEvery, func() {
			if err := r.save(); err != nil {
				r.options.Log.Error("state file not written", "err", err)
			}
		})
	})
	err := run(ctx)
	close(ended)
	side.Wait()
	report := w.finish(context.WithoutCancel(ctx))
	if saveErr := r.save(); saveErr != nil {
		err = errors.Join(err, fmt.Errorf("state file: %w", saveErr))
	}
	return report, err
}

// every does something at an interval until ended is closed.
func every(ended <-chan struct{}, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			do()
		}
	}
}
