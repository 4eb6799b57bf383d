// SPDX-License-Identifier: Apache-2.0

// Package commit is the only way into the inventory: agents, the open door and third-party sources all end here.
//
// It verifies what arrived against the head and against its own digests, evaluates the checks that read what changed,
// and has the store write everything in one transaction. All of that is computed before the head is locked; when the
// head changed meanwhile it is computed again. It decides nothing about who may write: its callers do.
package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// State says what a push means for one kind.
type State int

// The states of a kind in a push; a kind that is not mentioned is kept, unless the push is complete.
const (
	Set  State = iota // the section is what the push says, maybe empty
	Keep              // the section stays
	Drop              // the section goes
)

// Section is what a push says about one kind.
type Section struct {
	Kind   string
	State  State
	Digest []byte // first 16 bytes of the section's digest afterwards; empty: not checked

	Delta   bool       // Base, Removed and Bodies change the head's section; otherwise IDs and Bodies are all of it
	Base    []byte     // first 16 bytes of the head's digest; empty: the head has no such section
	Removed []asset.ID // ascending
	IDs     []asset.ID // whole section of a shared kind: all its assets, ascending
	Bodies  [][]byte   // canonical; of a shared kind's whole section only those that the dictionary lacks
}

// Push is one report about one machine by one source.
type Push struct {
	Machine    int64
	Serial     string
	Source     store.Source
	Stamp      *Stamp       // nil when the source is no agent
	Credential int64        // 0 when the source is no agent
	Root       asset.Digest // zero: not checked
	Sections   []Section
	Complete   bool      // kinds that are not mentioned go
	LastSeen   time.Time // zero: now
	Added      Added
}

// Result tells what a push did.
type Result struct {
	Head    int64
	Seq     int64
	Root    asset.Digest
	Changed bool // false: everything was as the push says
}

// Committer commits pushes. It is safe for concurrent use.
type Committer struct {
	store  *store.Store
	log    *slog.Logger
	bodies *tree.Cache
	checks checkCache

	queue      *task.Queue   // nil: there is no background work
	evaluating chan struct{} // holds one element while the fleet is being evaluated
	numbers    *numbers
}

// cachedBodies bounds the decoded bodies that evaluations share, some 2 KB each.
const cachedBodies = 20_000

// New returns a committer over a store.
func New(s *store.Store, log *slog.Logger) *Committer {
	return &Committer{store: s, log: log, bodies: tree.NewCache(cachedBodies), numbers: newNumbers(nil), evaluating: make(chan struct{}, 1)}
}

// maxAttempts bounds how often a push is computed anew because its head changed meanwhile.
const maxAttempts = 8

// Push commits a report; it is on disk when Push returns. The errors of errors.go, store.ErrFrozen and
// store.ErrRetry (the head changed too often) say why nothing was written. A report that arrives again gives the
// answer it gave before.
func (c *Committer) Push(ctx context.Context, p *Push) (Result, error) {
	if err := checkSections(p); err != nil {
		return Result{}, err
	}
	for range maxAttempts {
		result, err := c.attempt(ctx, p)
		if !errors.Is(err, store.ErrRetry) {
			return result, err
		}
	}
	return Result{}, fmt.Errorf("machine %s: %w", p.Serial, store.ErrRetry)
}

// attempt computes a push against the head as it is now and writes it.
func (c *Committer) attempt(ctx context.Context, p *Push) (Result, error) {
	state, err := c.store.LoadHead(ctx, p.Machine, p.Source.ID)
	if err != nil {
		return Result{}, err
	}
	stamp, again, err := order(&state.Head, p)
	if err != nil || again {
		return Result{Head: state.ID, Seq: state.Seq, Root: state.Root}, err
	}
	before, err := pack.Fold(state.Rows)
	if err != nil {
		return Result{}, fmt.Errorf("head %d: %w", state.ID, err)
	}
	after, err := c.apply(ctx, p, before)
	if err != nil {
		return Result{}, err
	}
	w, err := c.commitOf(ctx, p, &state, before, after)
	if err != nil {
		return Result{}, err
	}
	w.Stamp = stamp
	written, err := c.store.WriteCommit(ctx, w)
	if err != nil {
		return Result{}, err
	}
	return Result{Head: written.Head, Seq: written.Seq, Root: w.Root, Changed: state.ID == 0 || len(w.Kinds) > 0}, nil
}

// order judges the push's stamp. again says that the push is the last accepted one and is in the head already.
func order(head *store.Head, p *Push) (stamp *store.Stamp, again bool, err error) {
	if p.Stamp == nil {
		return nil, false, nil
	}
	v := judge(head, *p.Stamp)
	switch v {
	case conflict:
		return nil, false, &ConflictError{Newcomer: newcomer(head, p.Stamp.Instance)}
	case stale:
		return nil, false, &StaleError{Counter: head.Counter}
	case repeat:
		if head.Root == p.Root {
			return nil, true, nil
		}
		return nil, false, &StaleError{Counter: head.Counter}
	}
	return &store.Stamp{
		Instance: p.Stamp.Instance, Counter: p.Stamp.Counter,
		TakeOver: v == takeOver, Resync: p.Stamp.Resync, Resumes: resumed(head, *p.Stamp),
	}, false, nil
}

// commitOf puts together what the store has to write.
func (c *Committer) commitOf(ctx context.Context, p *Push, state *store.HeadState, before, after pack.Sections) (*store.Commit, error) {
	v := c.view(p, p.Added, after)
	if err := c.addKeys(ctx, v, before); err != nil {
		return nil, err
	}
	deltas, kinds := differences(before, after)
	w := &store.Commit{
		Machine: p.Machine, Source: p.Source.ID, State: state, Credential: p.Credential, LastSeen: clamp(p.LastSeen),
		Root: after.Root(), Kinds: kinds, Delta: pack.EncodeDeltas(recorded(deltas, state.ID == 0)),
		Plan: pack.NewPlan(state.Rows, after, deltas),
	}
	if state.ID == 0 || identifies(kinds) || summarised(kinds) {
		summary, err := v.summary(ctx)
		if err != nil {
			return nil, err
		}
		w.Summary = summary
	}
	if state.ID != 0 && len(kinds) == 0 {
		return w, nil
	}
	if slices.Contains(kinds, store.KindPrincipalUser) {
		w.User = principalUser(after)
	}
	return w, c.evaluate(ctx, v, w, touched(kinds, deltas))
}

// addKeys computes the aggregator's own keys and puts them into the view's sections. Platform and type are inferred
// again only when something changed that they follow from, or may have been submitted.
func (c *Committer) addKeys(ctx context.Context, v *view, before pack.Sections) error {
	_, kinds := differences(before, v.sections)
	if v.push.Complete || identifies(kinds) {
		if err := v.infer(ctx); err != nil {
			return err
		}
	} else {
		stored := AddedOf(before)
		v.added.Platform, v.added.Type = stored.Platform, stored.Type
	}
	section, err := v.added.section()
	if err != nil {
		return err
	}
	delete(v.sections, pack.KindAdded)
	if section != nil {
		v.sections[pack.KindAdded] = section
	}
	return nil
}

// clamp takes a reported time for what it is worth: at most five minutes in the future.
func clamp(t time.Time) time.Time {
	const ahead = 5 * time.Minute
	if limit := time.Now().Add(ahead); t.After(limit) {
		return limit
	}
	return t
}
