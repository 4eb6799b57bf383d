// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// round is the work of one Sync: what the aggregator's head is believed to hold, and what it shall hold.
type round struct {
	syncer  *Syncer
	source  Source
	pending spool.Pending
	extras  Extras // what of it was not told yet
	out     Outcome

	head      map[string]spool.Held // by kind; the believed head
	sure      bool                  // head is worth pushing against; otherwise compare first
	resync    bool                  // the next push says that the machine was set back
	resumes   []byte                // the instance that was told so
	offerAnew bool                  // held offers were lost: name assets by their ids
	changed   map[string]bool
	retries   map[syncv1.RefusalReason]int
}

// target returns the digests that the snapshot shall have. Kept kinds are as the head has them.
func (r *round) target() map[string]asset.Digest {
	target := make(map[string]asset.Digest, len(r.pending.Set))
	for kind, section := range r.pending.Set {
		if !r.syncer.unknown[kind] {
			target[kind] = section.Digest()
		}
	}
	for kind := range r.pending.Keep {
		if held, ok := r.head[kind]; ok {
			target[kind] = held.Digest
		}
	}
	return target
}

// rootOf returns the root of sections, the zero Digest for none, which is no snapshot.
func (r *round) rootOf(sections map[string]asset.Digest) asset.Digest {
	if len(sections) == 0 {
		return asset.Digest{}
	}
	return snapshot.Root(sections)
}

// step does one thing: compare or push. True says that the aggregator holds the snapshot.
func (r *round) step(ctx context.Context) (bool, error) {
	target := r.target()
	head := spool.Acknowledged{Sections: r.head}.Digests()
	switch {
	case !r.sure:
		return r.compare(ctx, target)
	case r.resync:
		return r.pushSections(ctx, target, r.everything(target))
	case maps.Equal(target, head):
		return r.checkIn(ctx, target)
	}
	deltas, kinds := r.deltas(target)
	if deltas == nil {
		return r.pushSections(ctx, target, kinds)
	}
	return r.pushDelta(ctx, target, deltas)
}

// checkIn offers a root that the head should have.
func (r *round) checkIn(ctx context.Context, target map[string]asset.Digest) (bool, error) {
	answer, err := r.offer(ctx, &syncv1.CheckInRequest{}, target)
	if err != nil {
		return false, err
	}
	if answer.GetOutcome() == syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		return true, nil
	}
	r.sure = false
	return false, nil
}

// compare offers all section digests and learns which the head has otherwise.
func (r *round) compare(ctx context.Context, target map[string]asset.Digest) (bool, error) {
	request := &syncv1.CheckInRequest{}
	for _, kind := range slices.Sorted(maps.Keys(target)) {
		digest := target[kind]
		request.Sections = append(request.Sections, &syncv1.SectionDigest{Kind: kind, Digest: digest[:]})
	}
	answer, err := r.offer(ctx, request, target)
	if err != nil {
		return false, err
	}
	before := r.head
	r.head = map[string]spool.Held{}
	for kind, digest := range target {
		r.head[kind] = r.heldWith(before, kind, digest)
	}
	r.sure = true
	if answer.GetOutcome() == syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		return true, nil
	}
	return false, r.learnFrom(before, answer.GetBases())
}

// offer sends a check-in and takes what its answer says beside the outcome.
func (r *round) offer(ctx context.Context, request *syncv1.CheckInRequest, target map[string]asset.Digest) (*syncv1.CheckInResponse, error) {
	stamp, err := r.syncer.stamp()
	if err != nil {
		return nil, err
	}
	root := r.rootOf(target)
	request.Stamp, request.Source, request.Root = stamp, r.source.wire(), root[:]
	request.Vitals, request.Health = r.extras.Vitals, r.extras.Health
	request.ConfigurationVersion = r.extras.ConfigurationVersion
	var answer *syncv1.CheckInResponse
	err = r.syncer.Client.do(ctx, "CheckIn", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		answer, err = service.CheckIn(ctx, request)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("check in: %w", err)
	}
	if answer.GetOutcome() == syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		r.told() // without a head there is nowhere to keep it
	}
	r.wanted(answer.GetIntervalSeconds())
	if answer.GetConfiguration() != nil {
		r.out.Configuration = answer.GetConfiguration()
		r.extras.ConfigurationVersion = answer.GetConfiguration().GetVersion()
	}
	return answer, r.syncer.rotate(answer.GetCredential())
}

// configured tells whether the agent runs with the configuration that the aggregator named in its answer to a push. If
// not, one check-in brings it.
func (r *round) configured(version uint64) bool { return version == r.extras.ConfigurationVersion }

// told books that what travelled beside the snapshot arrived.
func (r *round) told() { r.extras.Vitals, r.extras.Health = nil, nil }

// wanted books the interval that the aggregator asks for.
func (r *round) wanted(interval uint32) {
	if interval > 0 {
		r.out.Interval = time.Duration(interval) * time.Second
	}
}

// learn takes digests of the head's sections.
func (r *round) learn(bases []*syncv1.SectionDigest) error { return r.learnFrom(r.head, bases) }

// learnFrom is learn with another source of asset ids.
func (r *round) learnFrom(ids map[string]spool.Held, bases []*syncv1.SectionDigest) error {
	for _, base := range bases {
		kind := base.GetKind()
		if len(base.GetDigest()) == 0 {
			delete(r.head, kind)
			continue
		}
		digest, err := asset.ParseDigest(base.GetDigest())
		if err != nil {
			return fmt.Errorf("base of %s: %w", kind, err)
		}
		r.head[kind] = r.heldWith(ids, kind, digest)
	}
	return nil
}

// heldWith returns a section of the head with its asset ids, where the pending snapshot or ids know them.
func (r *round) heldWith(ids map[string]spool.Held, kind string, digest asset.Digest) spool.Held {
	if section, ok := r.pending.Set[kind]; ok && section.Digest() == digest {
		return spool.HeldOf(section)
	}
	if held, ok := ids[kind]; ok && held.Digest == digest {
		return held
	}
	return spool.Held{Digest: digest}
}

// finish stores what the aggregator holds and forgets the pending snapshot, in this order.
func (r *round) finish() (Outcome, error) {
	source := r.syncer.sourceOf(r.source)
	now := spool.Acknowledged{Sections: r.head}
	stored, err := source.Acknowledged()
	if err != nil {
		return Outcome{}, err
	}
	if stored.Root() != now.Root() || len(r.changed) > 0 {
		if err := source.Acknowledge(now); err != nil {
			return Outcome{}, err
		}
	}
	if err := source.ClearPending(); err != nil {
		return Outcome{}, err
	}
	r.out.Root = now.Root()
	r.out.Changed = slices.Sorted(maps.Keys(r.changed))
	r.out.Committed = len(r.changed) > 0
	return r.out, nil
}
