// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// evaluatedTogether is how many heads have their statuses stored by one transaction: most of what a head would cost on
// its own, at little more time for which it is locked.
const evaluatedTogether = 100

// EvaluateCheck evaluates a check over every head that it may apply to, writes the statuses, and drops those of older
// versions: what they tell of is in its scope no more. A head that changes meanwhile is evaluated again. A version that
// is not the newest any more changes nothing.
func (c *Committer) EvaluateCheck(ctx context.Context, check compliance.Check) error {
	compiled, err := check.Compile()
	if err != nil {
		return err
	}
	e := &evaluation{committer: c, check: compiled}
	e.forget()
	if err := c.store.EachHeadOfSource(ctx, check.SourceName, e.add); err != nil {
		return err
	}
	if err := e.flush(ctx); err != nil {
		return err
	}
	return c.store.DropOutdatedStatuses(ctx, check.ID, check.Version)
}

// evaluation evaluates one check for heads, and holds the statuses that are not yet stored.
type evaluation struct {
	committer *Committer
	check     compliance.Compiled
	statuses  []store.Status
	machines  map[int64]store.HeadOfMachine // of the statuses
}

func (e *evaluation) forget() {
	e.statuses, e.machines = nil, map[int64]store.HeadOfMachine{}
}

// add evaluates a head. Two heads of one machine are not stored together: they have one status.
func (e *evaluation) add(ctx context.Context, m store.HeadOfMachine) error {
	if _, again := e.machines[m.Machine]; again || len(e.statuses) >= evaluatedTogether {
		if err := e.flush(ctx); err != nil {
			return err
		}
	}
	return e.evaluate(ctx, m)
}

// flush stores the statuses, evaluating heads again until each result belongs to its head as it is.
func (e *evaluation) flush(ctx context.Context) error {
	for range maxAttempts {
		moved, err := e.committer.store.PutHeadStatuses(ctx, e.statuses)
		if err != nil {
			return err
		}
		again := e.of(moved)
		e.forget()
		if len(again) == 0 {
			return nil
		}
		for _, m := range again {
			if err := e.evaluate(ctx, m); err != nil {
				return err
			}
		}
	}
	return store.ErrRetry
}

// of returns the machines whose statuses are those of the given heads.
func (e *evaluation) of(heads []int64) []store.HeadOfMachine {
	wanted := make(map[int64]bool, len(heads))
	for _, head := range heads {
		wanted[head] = true
	}
	var machines []store.HeadOfMachine
	for _, s := range e.statuses {
		if wanted[s.Head] {
			machines = append(machines, e.machines[s.Machine])
		}
	}
	return machines
}

// evaluate computes the status of a head as it is now.
func (e *evaluation) evaluate(ctx context.Context, m store.HeadOfMachine) error {
	state, sections, err := e.committer.headSections(ctx, m)
	if err != nil || state.ID == 0 {
		return err
	}
	added := AddedOf(sections)
	if !e.check.InScope(m.Source.Name, added.Platform, state.Tags) {
		return nil
	}
	v := e.committer.view(&Push{Machine: m.Machine, Serial: m.Serial, Source: m.Source}, added, sections)
	statuses, err := v.evaluate(ctx, []compliance.Compiled{e.check})
	if err != nil {
		return err
	}
	for i := range statuses {
		statuses[i].Head, statuses[i].HeadSeq = state.ID, state.Seq
	}
	e.statuses = append(e.statuses, statuses...)
	e.machines[m.Machine] = m
	return nil
}

// headSections reads a head and its folded sections.
func (c *Committer) headSections(ctx context.Context, m store.HeadOfMachine) (store.HeadState, pack.Sections, error) {
	state, err := c.store.LoadHead(ctx, m.Machine, m.Source.ID)
	if err != nil {
		return store.HeadState{}, nil, err
	}
	sections, err := pack.Fold(state.Rows)
	return state, sections, err
}
