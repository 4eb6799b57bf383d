// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"time"
)

// Steady is a load of check-ins at a rate that does not depend on the answers.
type Steady struct {
	Rate     float64 // machines per second
	Duration time.Duration
	Changed  float64 // share of them that have a new snapshot to push, 0 to 1
}

// noon is the minute of the day at which every verb begins: what machines sleep wake and sleep by their own clock.
const noon = 12 * 60

// Steady lets the enrolled machines check in one after the other, those awake, at the moments that the rate says. A turn
// counts from its moment, whenever a worker came to it.
func (r *Runner) Steady(ctx context.Context, s Steady) (*Report, error) {
	if s.Rate <= 0 || s.Duration <= 0 || s.Changed < 0 || s.Changed > 1 {
		return nil, errors.New("a steady load needs a rate and a duration above 0 and a share of changes from 0 to 1")
	}
	list, err := r.enrolled()
	if err != nil {
		return nil, err
	}
	return r.measured(ctx, "steady", int(s.Rate*s.Duration.Seconds()), func(ctx context.Context) error {
		return r.dispatch(ctx, r.inTurn(list, s), func(ctx context.Context, j *job) error {
			return r.report(ctx, j, r.pool.lane(j.index))
		})
	})
}

// inTurn is the schedule of a steady load.
func (r *Runner) inTurn(list []int, s Steady) schedule {
	started := time.Now()
	turn, n := 0, 0
	total := int(s.Rate * s.Duration.Seconds())
	return func() (job, bool) {
		if n == total {
			return job{}, false
		}
		after := time.Duration(float64(n) / s.Rate * float64(time.Second))
		n++
		minute := (noon + int(after.Minutes())) % (24 * 60)
		for range len(list) {
			turn++
			if r.options.Fleet.Machine(list[turn%len(list)]).Awake(minute) {
				break
			}
		}
		j := job{index: list[turn%len(list)], due: started.Add(after), day: sameDay}
		if r.random.Float64() < s.Changed {
			j.day = nextChange
		}
		return j, true
	}
}

// Days that depend on what the machine has reported when its turn begins.
const (
	sameDay    = -1 // the acknowledged snapshot
	tomorrow   = -2
	nextChange = -3 // the next day with another snapshot
)

// choose settles which snapshot a turn reports; its further attempts report the same.
func (r *Runner) choose(j *job) {
	day := r.machines[j.index].memory().day
	switch j.day {
	case sameDay:
		j.day = max(day, 0) // an identity that was lost begins again
	case tomorrow:
		j.day = day + 1
	case nextChange:
		j.day = r.options.Fleet.Machine(j.index).Next(max(day, 0))
	}
}

// report is a turn of an enrolled machine: check in or, with another snapshot, push.
func (r *Runner) report(ctx context.Context, j *job, l *lane) error {
	r.choose(j)
	w := r.newRound(r.machines[j.index], l, j.day)
	w.due = j.due
	err := w.run(ctx)
	j.pushed = j.pushed || w.pushed
	if err != nil {
		return err
	}
	name := "unchanged"
	if j.pushed {
		name = "changed"
	}
	r.record.operation(name, time.Since(j.began))
	return nil
}
