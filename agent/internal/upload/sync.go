// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// Source is who reports of the machine.
type Source struct {
	Module string // empty on the wire: the agent itself
	Name   string // a word; the spool goes by it, too
}

// The sources that a machine credential is good for.
var (
	Own     = Source{Name: SourceName}
	Osquery = Source{Module: "rollcall.osquery", Name: "osquery"}
)

const (
	// SourceName is the agent's own source, as the spool names it; on the wire it is the default.
	SourceName = "rollcall"
	// unaryLimit and streamLimit bound one call.
	unaryLimit  = 30 * time.Second
	streamLimit = 5 * time.Minute
	// maxRounds bounds how often one Sync reacts to refusals.
	maxRounds = 8
)

// Syncer brings the aggregator's snapshot of this machine up to date. Its fields are set before the first call;
// Evidence may be renewed between calls. It is not safe for concurrent use.
type Syncer struct {
	Client   *Client
	Spool    *spool.Spool
	Dir      *state.Dir         // holds the identity
	Identity *identity.Enrolled // nil before Enroll
	Evidence *syncv1.Evidence   // what the machine shows now
	Hostname string
	Log      *slog.Logger

	// Complete, if set, adds to Evidence what only an enrolment looks for.
	Complete func(context.Context)
	// Configuration came with the last Enroll; nil: none did.
	Configuration *syncv1.Configuration

	instance []byte
	unknown  map[string]bool // kinds that the aggregator is too old for
	stored   map[string]*spool.Source
}

// NewSyncer returns s ready for use, with an agent instance of its own.
func NewSyncer(s Syncer) *Syncer {
	s.instance = newInstance()
	s.unknown = map[string]bool{}
	s.stored = map[string]*spool.Source{}
	return &s
}

// source returns the part of the spool that belongs to the agent's own source.
func (s *Syncer) source() *spool.Source { return s.sourceOf(Own) }

// sourceOf returns the part of the spool that belongs to a source.
func (s *Syncer) sourceOf(source Source) *spool.Source {
	stored := s.stored[source.Name]
	if stored == nil {
		stored = s.Spool.Source(source.Name)
		s.stored[source.Name] = stored
	}
	return stored
}

// wire is a source as requests name it; the agent's own is not named.
func (s Source) wire() *syncv1.Source {
	if s.Module == "" {
		return nil
	}
	return &syncv1.Source{Module: s.Module, Name: s.Name}
}

// Extras travel beside the snapshot.
type Extras struct {
	Vitals               *syncv1.Vitals // nil: nothing worth telling
	Health               *syncv1.Health // nil: unchanged
	ConfigurationVersion uint64
}

// Outcome is what the aggregator holds after a Sync.
type Outcome struct {
	Committed     bool // false: it held this snapshot already
	Root          asset.Digest
	Changed       []string              // kinds whose sections were pushed, sorted
	Interval      time.Duration         // until the next check-in; 0 keeps the last one
	Configuration *syncv1.Configuration // nil: the agent's is current
	Resynced      bool                  // the machine had been set back to an earlier state
	Reenrolled    bool                  // the identity is another one now
	Stopped       bool                  // nothing was pushed, because Configuration wants something else collected
}

// Then returns what two Syncs in a row came to.
func (o Outcome) Then(next Outcome) Outcome {
	next.Changed = slices.Compact(slices.Sorted(slices.Values(slices.Concat(o.Changed, next.Changed))))
	next.Committed = o.Committed || next.Committed
	next.Interval = cmp.Or(next.Interval, o.Interval)
	next.Resynced = o.Resynced || next.Resynced
	next.Reenrolled = o.Reenrolled || next.Reenrolled
	return next
}

// Sync brings the aggregator to the collected snapshot of the agent's own source. The snapshot is in the spool until the
// aggregator has said that it holds it. Kinds that p keeps come from the pending snapshot, if there is one.
func (s *Syncer) Sync(ctx context.Context, p spool.Pending, extras Extras) (Outcome, error) {
	return s.SyncAs(ctx, Own, p, extras)
}

// SyncAs is Sync for any source. Each has its own head, and its own part of the spool.
func (s *Syncer) SyncAs(ctx context.Context, source Source, p spool.Pending, extras Extras) (Outcome, error) {
	stored := s.sourceOf(source)
	earlier, err := stored.Pending()
	if err != nil {
		return Outcome{}, err
	}
	p = p.After(earlier)
	held, err := stored.Acknowledged()
	if err != nil {
		return Outcome{}, err
	}
	if s.rootOf(p, held) != held.Root() && !p.Equal(earlier) {
		if err := stored.SetPending(p); err != nil {
			return Outcome{}, err
		}
	}
	return s.run(ctx, source, p, extras)
}

// Retry pushes the pending snapshot of the agent's own source; false when there is none.
func (s *Syncer) Retry(ctx context.Context, extras Extras) (Outcome, bool, error) {
	p, err := s.source().Pending()
	if err != nil || p == nil {
		return Outcome{}, false, err
	}
	out, err := s.run(ctx, Own, *p, extras)
	return out, true, err
}

// run goes round until the aggregator holds the snapshot or something stops it that it cannot act on.
func (s *Syncer) run(ctx context.Context, source Source, p spool.Pending, extras Extras) (Outcome, error) {
	if s.Identity == nil {
		return Outcome{}, identity.ErrNotEnrolled
	}
	held, err := s.sourceOf(source).Acknowledged()
	if err != nil {
		return Outcome{}, err
	}
	r := &round{
		syncer:  s,
		source:  source,
		pending: p,
		extras:  extras,
		head:    map[string]spool.Held{},
		sure:    len(held.Sections) > 0,
		changed: map[string]bool{},
		retries: map[syncv1.RefusalReason]int{},
	}
	maps.Copy(r.head, held.Sections)
	for range maxRounds {
		done, err := r.step(ctx)
		if err != nil {
			err = r.react(ctx, err)
		}
		if err != nil {
			return Outcome{}, err
		}
		if done {
			return r.finish()
		}
		if r.out.Configuration != nil && !r.resync && len(r.changed) == 0 {
			r.out.Stopped = true // what it switches off must not be pushed before it goes
			return r.out, nil
		}
	}
	return Outcome{}, errors.New("agent and aggregator do not come to agree on the snapshot")
}

// rootOf returns the root of a snapshot whose kept kinds are those held.
func (s *Syncer) rootOf(p spool.Pending, held spool.Acknowledged) asset.Digest {
	r := &round{syncer: s, pending: p, head: held.Sections}
	return r.rootOf(r.target())
}
