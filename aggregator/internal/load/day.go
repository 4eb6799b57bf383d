// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Day lets all enrolled machines live through days at full speed: every machine whose snapshot changes on its next day
// pushes the change, the others only grow older. No machine begins a day before all have ended the one before.
func (r *Runner) Day(ctx context.Context, days int) (*Report, error) {
	if days < 1 {
		return nil, errors.New("at least one day")
	}
	list, err := r.enrolled()
	if err != nil {
		return nil, err
	}
	return r.measured(ctx, "day", days*len(list), func(ctx context.Context) error {
		for range days {
			changing := r.growOlder(list)
			err := r.dispatch(ctx, paced(changing, 0, tomorrow), func(ctx context.Context, j *job) error {
				return r.report(ctx, j, r.pool.lane(j.index))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// growOlder moves machines whose snapshot stays the same to their next day, and returns the others.
func (r *Runner) growOlder(list []int) []int {
	var changing []int
	for _, i := range list {
		m := r.machines[i]
		day := m.memory().day
		if r.options.Fleet.Machine(i).Next(day) == day+1 {
			changing = append(changing, i)
			continue
		}
		m.remember(func(known *memory) { known.day++ })
		r.record.passedOver()
	}
	return changing
}

// Patch lets every enrolled machine come to the fleet's patch day and push the large batch, spread evenly over a time;
// what a machine missed of the days before comes with it. Machines that are past that day have nothing to do.
func (r *Runner) Patch(ctx context.Context, over time.Duration) (*Report, error) {
	list, err := r.enrolled()
	if err != nil {
		return nil, err
	}
	patch := r.patchDay()
	list = slices.DeleteFunc(list, func(i int) bool { return r.machines[i].memory().day >= patch })
	if len(list) == 0 {
		return nil, errors.New("no machine has a patch day ahead")
	}
	return r.measured(ctx, "patch", len(list), func(ctx context.Context) error {
		return r.dispatch(ctx, r.spread(list, over, patch), func(ctx context.Context, j *job) error {
			return r.report(ctx, j, r.pool.lane(j.index))
		})
	})
}

// patchDay returns the first patch day of the fleet's life; -1 when it has none.
func (r *Runner) patchDay() int {
	const most = 10_000
	for day := 1; day <= most; day++ {
		if r.options.Fleet.PatchTuesday(day) {
			return day
		}
	}
	return -1
}
