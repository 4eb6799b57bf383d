// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// factsAge is how old what only the store knows may be, when the journal tells of no edit since.
	factsAge = 15 * time.Second
	// judgingAge is that while a check is being evaluated.
	judgingAge = time.Second
)

// facts are what the index does not know, read from the store once in a while.
type facts struct {
	store *store.Store

	mu       sync.Mutex // over what follows; the reading under way is waited for
	tagsAt   moment
	tags     []store.TagUse
	checksAt moment
	checks   []index.Judged
	judging  bool // some check is not evaluated yet
}

// moment is when something was read, and after how many edits.
type moment struct {
	at    time.Time
	edits uint64
}

func (m moment) young(age time.Duration, edits uint64) bool {
	return m.edits == edits && time.Since(m.at) < age
}

// tagUses returns all tags.
func (f *facts) tagUses(ctx context.Context, edits uint64) ([]store.TagUse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tagsAt.young(factsAge, edits) {
		return f.tags, nil
	}
	now := moment{time.Now(), edits}
	tags, err := f.store.TagUses(ctx)
	if err != nil {
		return nil, err
	}
	f.tags, f.tagsAt = tags, now
	return tags, nil
}

// judged returns all checks.
func (f *facts) judged(ctx context.Context, edits uint64) ([]index.Judged, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	age := factsAge
	if f.judging {
		age = judgingAge
	}
	if f.checksAt.young(age, edits) {
		return f.checks, nil
	}
	now := moment{time.Now(), edits}
	if err := f.readChecks(ctx); err != nil {
		return nil, err
	}
	f.checksAt = now
	return f.checks, nil
}

func (f *facts) readChecks(ctx context.Context) error {
	waived, err := f.store.WaivedMachines(ctx)
	if err != nil {
		return err
	}
	all, err := f.store.AllChecks(ctx)
	if err != nil {
		return err
	}
	checks, judging := make([]index.Judged, len(all)), false
	for i, c := range all {
		checks[i] = index.Judged{Check: c, Waived: waived[c.ID], Partly: c.EvaluatedVersion < c.Version}
		if !checks[i].Partly {
			continue
		}
		judging = true
		if checks[i].Current, err = f.store.JudgedMachines(ctx, c.ID, c.Version); err != nil {
			return err
		}
	}
	f.checks, f.judging = checks, judging
	return nil
}
