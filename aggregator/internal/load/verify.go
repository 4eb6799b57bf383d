// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	// laterDays is how many of its next snapshots a machine tries before it says that the aggregator lost something: one
	// of them may have been acknowledged behind the last time that the state was saved.
	laterDays = 5
	// contendedRounds is how often machines with a copy, and copies, report until their conflicts must be over.
	contendedRounds = 4
)

// ErrNotCurrent says that the aggregator does not hold what it acknowledged.
var ErrNotCurrent = errors.New("the aggregator does not hold what it acknowledged")

// Verify lets every enrolled machine offer the root that was acknowledged last and counts those that are current. A
// machine that is not, is asked for further snapshots it may have pushed before this program was killed; it pushes
// nothing. Machines with a copy report as always until they have one identity each. The error is ErrNotCurrent when the
// aggregator lost something, or does not answer a machine.
func (r *Runner) Verify(ctx context.Context) (*Report, error) {
	list, err := r.enrolled()
	if err != nil {
		return nil, err
	}
	v := verifier{runner: r}
	report, err := r.measured(ctx, "verify", len(list), func(ctx context.Context) error {
		contended := slices.DeleteFunc(slices.Clone(list), func(i int) bool { return !r.contended(i) })
		for range contendedRounds {
			err := r.dispatch(ctx, paced(contended, 0, sameDay), func(ctx context.Context, j *job) error {
				return r.report(ctx, j, r.pool.lane(j.index))
			})
			if err != nil {
				return err
			}
		}
		return r.dispatch(ctx, paced(list, 0, sameDay), v.verify)
	})
	if report != nil {
		v.result.Unanswered = int(report.GaveUp)
		report.Verification = &v.result
	}
	if missing := v.result.NotCurrent + v.result.Unanswered; err == nil && missing > 0 {
		err = fmt.Errorf("%w, or will not say: %d of %d machines, %d of them without an answer",
			ErrNotCurrent, missing, len(list), v.result.Unanswered)
	}
	return report, err
}

// verifier counts. It is safe for concurrent use.
type verifier struct {
	runner *Runner
	mu     sync.Mutex
	result Verification
}

// verify is one machine's turn.
func (v *verifier) verify(ctx context.Context, j *job) error {
	r := v.runner
	m := r.machines[j.index]
	ahead := false
	day := m.memory().day
	for later := range laterDays {
		current, err := v.current(ctx, m, j, day)
		if err != nil {
			return err
		}
		if current {
			r.record.operation("current", time.Since(j.began))
			v.count(j.index, ahead)
			return nil
		}
		if later < laterDays-1 {
			day, ahead = r.options.Fleet.Machine(j.index).Next(day), true
		}
	}
	v.lost(m)
	return nil
}

// current offers the snapshot of a day and tells whether the head has it.
func (v *verifier) current(ctx context.Context, m *machine, j *job, day int) (bool, error) {
	w := v.runner.newRound(m, v.runner.pool.lane(j.index), day)
	w.due, w.vitals, w.health = j.due, nil, nil
	if w.root.IsZero() {
		if err := w.make(); err != nil {
			return false, err
		}
	}
	current, err := w.checkIn(ctx)
	if refusalOf(err).GetReason() == syncv1.RefusalReason_REFUSAL_REASON_STALE {
		return false, nil // the head knows a later request than this machine ever made
	}
	return current, err
}

func (v *verifier) count(index int, ahead bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Current++
	switch {
	case v.runner.contended(index):
		v.result.Contended++
	case ahead:
		v.result.Ahead++
	}
}

func (v *verifier) lost(m *machine) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.NotCurrent++
	if known := m.memory(); len(v.result.List) < maxListed {
		v.result.List = append(v.result.List, fmt.Sprintf("machine %d, serial number %s: root %s of day %d is not the head's",
			m.index, known.serial, known.root, known.day))
	}
}
