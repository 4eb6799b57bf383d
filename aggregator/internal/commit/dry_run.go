// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// DryRun asks what a check would say of the fleet as it is stored. Nothing is written and nothing is locked.
type DryRun struct {
	Check compliance.Check // its scope and expression; with an id the statuses that this check has are compared
	Most  int              // machines that are told one by one
	Limit time.Duration    // what is not evaluated by then is left out
}

// DryRunResult is the answer, for the machines within the reach of who asked.
type DryRunResult struct {
	Statuses     map[compliance.Status]int64 // machines by OK, UNKNOWN and FAILED
	OutOfScope   int64                       // machines of the source that the check does not apply to
	NewlyFailing int64                       // FAILED now, and not before
	NewlyPassing int64                       // OK now, and something else before
	Machines     []DryRunMachine             // those that come first: changed to the worse, changed, bad, good; then by serial number
	Complete     bool                        // false: the time was over, and the rest is of those that were evaluated
	Elapsed      time.Duration
}

// Evaluated is the number of machines that were evaluated.
func (r *DryRunResult) Evaluated() (n int64) {
	for one := range maps.Values(r.Statuses) {
		n += one
	}
	return n
}

// DryRunMachine is what the check would say of one machine.
type DryRunMachine struct {
	Serial   string
	Status   compliance.Status
	Previous *compliance.Status // the stored one; nil: there is none, or nothing is compared
	Value    Value
	Err      error // why it is UNKNOWN
}

// DryRun evaluates a check, of which Validate found nothing wrong, over the stored fleet.
func (c *Committer) DryRun(ctx context.Context, d DryRun) (DryRunResult, error) {
	begin := time.Now()
	compiled, err := d.Check.Compile()
	if err != nil {
		return DryRunResult{}, err
	}
	run := &dryRun{committer: c, check: compiled, compared: d.Check.ID != 0, most: d.Most}
	limited, cancel := context.WithTimeout(ctx, d.Limit)
	defer cancel()
	result, err := run.do(limited)
	if err != nil && errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		result, err = run.result(), nil
		result.Complete = false
	}
	result.Elapsed = time.Since(begin)
	return result, err
}

// dryRun collects what the goroutines of a dry run find.
type dryRun struct {
	committer *Committer
	check     compliance.Compiled
	compared  bool
	most      int

	mu         sync.Mutex
	statuses   map[compliance.Status]int64
	outOfScope int64
	failing    int64
	passing    int64
	ranking    ranking
}

// do reads the heads and evaluates the check for them.
func (r *dryRun) do(ctx context.Context) (DryRunResult, error) {
	r.statuses, r.ranking.most = map[compliance.Status]int64{}, r.most
	sources, err := r.committer.store.SourcesNamed(ctx, r.check.SourceName)
	if err != nil || len(sources) == 0 {
		return r.result(), err
	}
	filter := &store.HeadFilter{
		Sources: sources, Kinds: kindsToRead([]compliance.Compiled{r.check}), Look: true, Scope: auth.ReachOf(ctx),
	}
	if r.compared {
		filter.Previous = r.check.ID
	}
	p := &pages{store: r.committer.store, filter: filter, size: evaluatedTogether}
	err = p.each(ctx, r.evaluate)
	return r.result(), err
}

// evaluate takes in some heads. It stops between two of them when the time is over.
func (r *dryRun) evaluate(ctx context.Context, heads []store.EvaluatedHead) error {
	subjects, err := r.committer.subjectsOf(ctx, heads, []compliance.Compiled{r.check})
	if err != nil {
		return err
	}
	r.add(func() { r.outOfScope += int64(len(heads) - len(subjects)) })
	for i := range subjects {
		s := &subjects[i]
		err := s.evaluate(ctx, func(_ compliance.Compiled, result compliance.Result) { r.take(s.head, result) })
		if err != nil {
			return err
		}
		s.view = nil // its trees are large
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// take takes in one result.
func (r *dryRun) take(head *store.EvaluatedHead, result compliance.Result) {
	now, before := result.Status, head.Previous
	r.add(func() {
		r.statuses[now]++
		failing, passing := NewlyJudged(now, before)
		r.failing, r.passing = r.failing+failing, r.passing+passing
		r.ranking.offer(rankOf(now, before, r.compared), head.Serial, func() DryRunMachine {
			return DryRunMachine{Serial: head.Serial, Status: now, Previous: before, Value: valueOf(result, maxListedValue), Err: result.Err}
		})
	})
}

// NewlyJudged counts a machine, 1 or 0, as one that fails and did not before, or is well and was not before.
func NewlyJudged(now compliance.Status, before *compliance.Status) (failing, passing int64) {
	switch {
	case now == compliance.StatusFailed && (before == nil || *before != now):
		return 1, 0
	case now == compliance.StatusOK && before != nil && *before != now:
		return 0, 1
	}
	return 0, 0
}

func (r *dryRun) add(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
}

func (r *dryRun) result() DryRunResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	return DryRunResult{
		Statuses: maps.Clone(r.statuses), OutOfScope: r.outOfScope, NewlyFailing: r.failing, NewlyPassing: r.passing,
		Machines: r.ranking.sorted(), Complete: true,
	}
}
