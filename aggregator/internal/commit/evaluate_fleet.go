// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// statusesTogether bounds the statuses of one transaction, and evaluatedTogether its heads: that is most of what one
	// would cost on its own, at little more time for which they are locked.
	statusesTogether  = 1000
	evaluatedTogether = 100
	// checksTogether is how many checks share the reading of a head.
	checksTogether = 50
)

// EvaluateCheck evaluates a check over every head that it may apply to, writes the statuses, and drops those of older
// versions: what they tell of is in its scope no more. A head that changes meanwhile is evaluated again. A version that
// is not the newest any more changes nothing.
func (c *Committer) EvaluateCheck(ctx context.Context, check compliance.Check) error {
	if _, err := check.Compile(); err != nil {
		return err
	}
	return c.evaluateFleet(ctx, []compliance.Check{check}, func(int64, int64) {})
}

// evaluateFleet is EvaluateCheck for many checks, of which those that do not compile are left out. It may be begun again
// at any time: what is evaluated already is passed over.
func (c *Committer) evaluateFleet(ctx context.Context, checks []compliance.Check, progress func(done, total int64)) error {
	if len(checks) == 0 {
		return nil
	}
	defer c.numbers.ran(time.Now())
	if err := c.store.AwaitCommits(ctx); err != nil {
		return err
	}
	var rounds []*round
	total := int64(0)
	for _, some := range bySource(checks) {
		r, err := c.roundOf(ctx, some)
		if err != nil {
			return err
		}
		if r.total, err = c.store.CountHeadsToEvaluate(ctx, &r.filter); err != nil {
			return err
		}
		rounds, total = append(rounds, r), total+r.total
	}
	done := int64(0)
	for _, r := range rounds {
		if err := r.run(ctx, func(heads int64) { progress(done+min(heads, r.total), total) }); err != nil {
			return err
		}
		done += r.total
		progress(done, total)
	}
	return c.settle(ctx, checks)
}

// settle drops what older versions of the checks said and notes that they are evaluated.
func (c *Committer) settle(ctx context.Context, checks []compliance.Check) error {
	for i := range checks {
		if err := c.store.DropOutdatedStatuses(ctx, checks[i].ID, checks[i].Version); err != nil {
			return err
		}
		if err := c.store.MarkEvaluated(ctx, checks[i].ID, checks[i].Version); err != nil {
			return err
		}
	}
	return nil
}

// bySource groups checks by the source that they are for.
func bySource(checks []compliance.Check) [][]compliance.Check {
	named := map[string][]compliance.Check{}
	var names []string
	for i := range checks {
		name := strings.ToLower(checks[i].SourceName)
		if named[name] == nil {
			names = append(names, name)
		}
		named[name] = append(named[name], checks[i])
	}
	var groups [][]compliance.Check
	for _, name := range names {
		groups = slices.AppendSeq(groups, slices.Chunk(named[name], checksTogether))
	}
	return groups
}

// roundOf prepares the evaluation of some checks for one source.
func (c *Committer) roundOf(ctx context.Context, checks []compliance.Check) (*round, error) {
	sources, err := c.store.SourcesNamed(ctx, checks[0].SourceName)
	if err != nil {
		return nil, err
	}
	r := &round{committer: c}
	for i := range checks {
		compiled, err := checks[i].Compile()
		if err != nil {
			c.log.Error("check left out", "check", checks[i].ID, "name", checks[i].Name, "err", err)
			continue
		}
		r.checks = append(r.checks, compiled)
		r.filter.Checks = append(r.filter.Checks, checks[i])
	}
	if len(r.checks) > 0 {
		r.filter.Sources, r.filter.Kinds = sources, kindsToRead(r.checks)
	}
	return r, nil
}

// together is how many heads are evaluated at a time.
func (r *round) together() int {
	return max(1, min(evaluatedTogether, statusesTogether/max(1, len(r.checks))))
}

// run evaluates the checks over the fleet.
func (r *round) run(ctx context.Context, progress func(heads int64)) error {
	if len(r.filter.Sources) == 0 {
		return nil
	}
	p := &pages{store: r.committer.store, filter: &r.filter, size: r.together()}
	return p.each(ctx, func(ctx context.Context, heads []store.EvaluatedHead) error {
		err := r.judge(ctx, heads)
		progress(r.heads.Add(int64(len(heads))))
		return err
	})
}
