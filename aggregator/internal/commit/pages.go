// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// maxEvaluators bounds the goroutines of one evaluation over the fleet: each has a connection while it reads or writes.
const maxEvaluators = 4

// pages hands out the heads of a filter, some at a time, to several goroutines. While one reads, the others evaluate.
type pages struct {
	store  *store.Store
	filter *store.HeadFilter
	size   int

	mu    sync.Mutex
	after int64 // the last head that was handed out
	over  bool
}

// next returns the next heads, none at the end.
func (p *pages) next(ctx context.Context) ([]store.EvaluatedHead, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return nil, nil
	}
	heads, err := p.store.HeadsToEvaluate(ctx, p.filter, p.after, p.size)
	if err != nil {
		return nil, err
	}
	if len(heads) < p.size {
		p.over = true
	}
	if len(heads) > 0 {
		p.after = heads[len(heads)-1].ID
	}
	return heads, nil
}

// each hands every page to fn, on several goroutines, and stops at its first error.
func (p *pages) each(ctx context.Context, fn func(context.Context, []store.EvaluatedHead) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), maxEvaluators) {
		group.Go(func() error {
			for {
				heads, err := p.next(ctx)
				if err != nil || len(heads) == 0 {
					return err
				}
				if err := fn(ctx, heads); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}
