// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
)

// errOriginal says that a copy cannot begin before its original.
var errOriginal = connect.NewError(connect.CodeUnavailable, errors.New("the machine that this one is a copy of is not enrolled"))

// Enroll enrols every machine that is not, and pushes its first snapshot. rate is machines per second; 0 is as fast as
// the workers can. A copy of a machine does not enrol: it begins with what its original remembers.
func (r *Runner) Enroll(ctx context.Context, secret string, rate float64) (*Report, error) {
	var fresh []int
	for i, m := range r.machines {
		if m.memory().day < 0 {
			fresh = append(fresh, i)
		}
	}
	return r.measured(ctx, "enroll", len(fresh), func(ctx context.Context) error {
		return r.dispatch(ctx, paced(fresh, rate, sameDay), func(ctx context.Context, j *job) error {
			m := r.machines[j.index]
			if m.clone && !r.copyOriginal(m) {
				return errOriginal
			}
			w := r.newRound(m, r.pool.lane(j.index), max(m.memory().day, 0))
			w.secret, w.due = secret, j.due
			if m.clone {
				w.secret = ""
			}
			if err := w.run(ctx); err != nil {
				return err
			}
			r.record.operation("enrolled", time.Since(j.began))
			return nil
		})
	})
}

// copyOriginal gives a copy what its original remembers, as an image does; false when that is nothing yet. A copy that
// has begun keeps what it has.
func (r *Runner) copyOriginal(m *machine) bool {
	if m.memory().credential != "" {
		return true
	}
	original := r.machines[r.options.Fleet.Machine(m.index).CloneOf].memory()
	if original.day < 0 {
		return false
	}
	original.instance = newInstance()
	m.remember(func(known *memory) { *known = original })
	return true
}

// paced is a schedule of machines one after the other: rate of them a second or, with 0, all at once.
func paced(list []int, rate float64, day int) schedule {
	started := time.Now()
	n := 0
	return func() (job, bool) {
		if n == len(list) {
			return job{}, false
		}
		j := job{index: list[n], due: time.Now(), day: day} // at full speed a turn begins when a worker may take it
		if rate > 0 {
			j.due = started.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		}
		n++
		return j, true
	}
}
