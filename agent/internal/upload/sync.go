// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
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

	instance []byte
	unknown  map[string]bool // kinds that the aggregator is too old for
	stored   *spool.Source
}

// NewSyncer returns s ready for use, with an agent instance of its own.
func NewSyncer(s Syncer) *Syncer {
	s.instance = newInstance()
	s.unknown = map[string]bool{}
	return &s
}

// source returns the agent's part of the spool.
func (s *Syncer) source() *spool.Source {
	if s.stored == nil {
		s.stored = s.Spool.Source(SourceName)
	}
	return s.stored
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
}

// Sync brings the aggregator to the collected snapshot. The snapshot is in the spool until the aggregator has said that
// it holds it. Kinds that p keeps come from the pending snapshot, if there is one.
func (s *Syncer) Sync(ctx context.Context, p spool.Pending, extras Extras) (Outcome, error) {
	earlier, err := s.source().Pending()
	if err != nil {
		return Outcome{}, err
	}
	p = p.After(earlier)
	held, err := s.source().Acknowledged()
	if err != nil {
		return Outcome{}, err
	}
	if s.rootOf(p, held) != held.Root() && !p.Equal(earlier) {
		if err := s.source().SetPending(p); err != nil {
			return Outcome{}, err
		}
	}
	return s.run(ctx, p, extras)
}

// Retry pushes the pending snapshot; false when there is none.
func (s *Syncer) Retry(ctx context.Context, extras Extras) (Outcome, bool, error) {
	p, err := s.source().Pending()
	if err != nil || p == nil {
		return Outcome{}, false, err
	}
	out, err := s.run(ctx, *p, extras)
	return out, true, err
}

// run goes round until the aggregator holds the snapshot or something stops it that it cannot act on.
func (s *Syncer) run(ctx context.Context, p spool.Pending, extras Extras) (Outcome, error) {
	if s.Identity == nil {
		return Outcome{}, identity.ErrNotEnrolled
	}
	held, err := s.source().Acknowledged()
	if err != nil {
		return Outcome{}, err
	}
	r := &round{
		syncer:  s,
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
	}
	return Outcome{}, errors.New("agent and aggregator do not come to agree on the snapshot")
}

// rootOf returns the root of a snapshot whose kept kinds are those held.
func (s *Syncer) rootOf(p spool.Pending, held spool.Acknowledged) asset.Digest {
	r := &round{syncer: s, pending: p, head: held.Sections}
	return r.rootOf(r.target())
}
