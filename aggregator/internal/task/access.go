// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Find returns a task that the principal of the context may see: its own, or anybody's with auth.ReadTasks for every machine.
// All others are store.ErrNotFound, like those that do not exist.
func Find(ctx context.Context, s *store.Store, id string) (store.Task, error) {
	p, ok := auth.PrincipalOf(ctx)
	if !ok {
		return store.Task{}, fmt.Errorf("task %s: %w", id, store.ErrNotFound)
	}
	t, err := s.Task(ctx, id)
	if err != nil {
		return store.Task{}, err
	}
	if owns(p, t.Owner) || MayReadAll(p) {
		return t, nil
	}
	return store.Task{}, fmt.Errorf("task %s: %w", id, store.ErrNotFound)
}

// MayReadAll tells whether a principal sees everybody's tasks.
func MayReadAll(p auth.Principal) bool {
	scope, ok := p.ScopeOf(auth.ReadTasks)
	return ok && scope.All()
}

// MayRevoke tells whether the principal of the context may end a task that it sees: its own, or anybody's with
// auth.DeleteTasks for every machine.
func MayRevoke(ctx context.Context, t store.Task) bool {
	p, ok := auth.PrincipalOf(ctx)
	if !ok {
		return false
	}
	scope, all := p.ScopeOf(auth.DeleteTasks)
	return owns(p, t.Owner) || all && scope.All()
}

// OwnerOf is as whom a principal owns tasks.
func OwnerOf(p auth.Principal) store.TaskOwner {
	return store.TaskOwner{Kind: string(p.Kind), ID: p.ID, Name: p.Name}
}

func owns(p auth.Principal, owner store.TaskOwner) bool {
	if string(p.Kind) != owner.Kind || p.ID != owner.ID {
		return false
	}
	return p.ID != 0 || p.Name == owner.Name
}

// MayDownload tells whether the principal of the context may have the file of a task that it sees: it must still have the
// permissions that the task was launched with, for all the machines that the task tells of.
func MayDownload(ctx context.Context, t store.Task) bool {
	p, ok := auth.PrincipalOf(ctx)
	if !ok {
		return false
	}
	reach, ok := p.ScopeOf(t.Needs...)
	return ok && within(t.Scope, reach)
}

// within tells whether every machine of a scope is in another one.
func within(inner, outer auth.Scope) bool {
	if outer.All() {
		return true
	}
	return !inner.All() && !slices.ContainsFunc(inner.Tags, func(tag int64) bool { return !slices.Contains(outer.Tags, tag) })
}

// OpenFile opens the file that a task left behind, for a principal that MayDownload it. It is store.ErrNotFound when there
// is none, or not on this aggregator. A nil queue has no files.
func (q *Queue) OpenFile(t store.Task) (*os.File, error) {
	if q == nil || t.Status != store.TaskSuccess || t.File == "" {
		return nil, fmt.Errorf("file of task %s: %w", t.ID, store.ErrNotFound)
	}
	f, err := q.files.open(t.File)
	if errors.Is(err, fs.ErrNotExist) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("file of task %s: %w", t.ID, err)
	}
	return f, nil
}
