// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// checkCache holds the compiled checks of one generation.
type checkCache struct {
	mu         sync.Mutex
	generation int64
	checks     []compliance.Compiled
}

// Forget drops what was read from the database before: another one is behind its address now.
func (c *Committer) Forget() {
	c.checks.mu.Lock()
	defer c.checks.mu.Unlock()
	c.checks.generation, c.checks.checks = 0, nil
}

// checksOf returns the compiled checks of a generation, reading them when another one is cached. Checks that do not
// compile, written by a program with other rules, are logged and left out: they must not stop commits.
func (c *Committer) checksOf(ctx context.Context, generation int64) ([]compliance.Compiled, error) {
	c.checks.mu.Lock()
	defer c.checks.mu.Unlock()
	if c.checks.generation == generation {
		return c.checks.checks, nil
	}
	stored, err := c.store.AllChecks(ctx)
	if err != nil {
		return nil, err
	}
	compiled := make([]compliance.Compiled, 0, len(stored))
	for _, check := range stored {
		one, err := check.Compile()
		if err != nil {
			c.log.Error("check left out", "check", check.ID, "name", check.Name, "err", err)
			continue
		}
		compiled = append(compiled, one)
	}
	c.checks.generation, c.checks.checks = generation, compiled
	return compiled, nil
}

// touched returns the keys of the tree that a check may find changed: kinds, and those whose rows have another install
// time.
func touched(kinds []string, deltas []pack.Delta) []string {
	kinds = slices.Clone(kinds)
	for _, d := range deltas {
		if d.Kind != snapshot.KindInstallTimes {
			continue
		}
		for i := range d.Edits {
			kinds = append(kinds, d.Edits[i].Kind)
		}
		for _, fact := range slices.Concat(d.Added, d.Removed) {
			var times struct {
				Kind string `json:"kind"`
			}
			if json.Unmarshal(fact.Body, &times) == nil {
				kinds = append(kinds, times.Kind)
			}
		}
	}
	return kinds
}

// evaluate adds to w the statuses of the checks that read one of the changed keys. When the platform changed, or the head is new,
// every check is judged anew, since its scope may have moved.
func (c *Committer) evaluate(ctx context.Context, v *view, w *store.Commit, changed []string) error {
	checks, err := c.checksOf(ctx, w.State.CheckGeneration)
	if err != nil || len(checks) == 0 {
		return err
	}
	all := w.State.ID == 0 || slices.Contains(w.Kinds, "platform")
	var due []compliance.Compiled
	for _, check := range checks {
		switch {
		case check.InScope(v.push.Source.Name, v.added.Platform, w.State.Tags):
			due = append(due, check)
		case all && strings.EqualFold(check.SourceName, v.push.Source.Name):
			w.Cleared = append(w.Cleared, check.ID)
		}
	}
	if !all {
		due = compliance.Affected(due, changed)
	}
	results, err := v.evaluate(ctx, due)
	w.Statuses = results
	return err
}

// evaluate evaluates checks over the view.
func (v *view) evaluate(ctx context.Context, due []compliance.Compiled) ([]store.Status, error) {
	if len(due) == 0 {
		return nil, nil
	}
	tree, err := v.tree(ctx, readKeys(due))
	if err != nil {
		return nil, err
	}
	statuses := make([]store.Status, 0, len(due))
	for _, check := range due {
		result := check.Program.EvaluateTree(tree)
		statuses = append(statuses, store.Status{
			CheckID: check.ID, CheckVersion: check.Version, Status: result.Status,
			Machine: v.push.Machine,
		})
	}
	if err := tree.Err(); err != nil {
		return nil, fmt.Errorf("tree of machine %s: %w", v.push.Serial, err)
	}
	return statuses, nil
}

// readKeys returns the keys of the tree that any of the checks reads; nil stands for all of them.
func readKeys(checks []compliance.Compiled) []string {
	keys := []string{}
	for _, check := range checks {
		reads, all := check.Program.Reads()
		if all {
			return nil
		}
		keys = append(keys, reads...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
