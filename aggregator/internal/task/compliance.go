// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// expiredTogether bounds the waivers whose machines one transaction settles.
	expiredTogether = 250
	// fixedTogether bounds the entries of the journal that one transaction reads.
	fixedTogether = 5000
)

// Compliance registers the periodic jobs that make waivers expire, and write the history of checks day by day.
func Compliance(q *Queue) {
	c := &complianceJobs{store: q.store}
	Periodic(q, time.Minute, waiversArgs{}, c.waivers)
	Periodic(q, time.Hour, checkHistoryArgs{}, c.history)
}

type complianceJobs struct{ store *store.Store }

type (
	waiversArgs      struct{}
	checkHistoryArgs struct{}
)

// Kind implements Args.
func (waiversArgs) Kind() string { return "waivers" }

// Kind implements Args.
func (checkHistoryArgs) Kind() string { return "check_history" }

func (c *complianceJobs) waivers(ctx context.Context, _ waiversArgs) error {
	return inBatches(ctx, expiredTogether, func() (int, error) { return c.store.ExpireWaivers(ctx, expiredTogether) })
}

// history counts first, so that today has a row for what was fixed today.
func (c *complianceJobs) history(ctx context.Context, _ checkHistoryArgs) error {
	if err := c.store.CountChecks(ctx); err != nil {
		return err
	}
	return inBatches(ctx, fixedTogether, func() (int, error) { return c.store.CountFixed(ctx, fixedTogether) })
}
