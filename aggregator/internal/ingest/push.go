// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// PushDelta commits what was added to and removed from sections.
func (s *Service) PushDelta(ctx context.Context, req *syncv1.PushDeltaRequest) (*syncv1.PushDeltaResponse, error) {
	r, err := s.begin(ctx, req.GetStamp(), req.GetSource())
	if err != nil {
		return nil, err
	}
	push, err := r.push(req.GetRoot())
	if err != nil {
		return nil, err
	}
	if push.Root.IsZero() {
		return nil, noRoot()
	}
	if err := checkDelta(req.GetSections()); err != nil {
		return nil, err
	}
	for _, d := range req.GetSections() {
		section, err := deltaOf(d)
		if err != nil {
			return nil, err
		}
		push.Sections = append(push.Sections, section)
	}
	result, err := s.commit(ctx, &r, push, "delta", req.GetVitals(), req.GetHealth())
	if err != nil {
		return nil, err
	}
	return &syncv1.PushDeltaResponse{
		Root: result.Root[:], IntervalSeconds: s.interval(r.caller.Enrollment),
		ConfigurationVersion: s.configurationVersion(r.caller.Enrollment),
	}, nil
}

// noRoot refuses a push that does not say what it leads to.
func noRoot() error { return invalid("root: all bytes are zero, which is no snapshot's") }

// checkDelta holds a delta against the limits before anything is made of it.
func checkDelta(sections []*syncv1.SectionDelta) error {
	if len(sections) > maxKinds {
		return tooManySections(len(sections))
	}
	added, removed := 0, 0
	for _, d := range sections {
		if err := checkKind(d.GetKind()); err != nil {
			return err
		}
		added += len(d.GetAdded())
		removed += len(d.GetRemoved()) / len(asset.ID{})
	}
	if added > commit.MaxAssets || removed > commit.MaxAssets {
		return tooManyAssets()
	}
	return nil
}

// deltaOf reads one section of a delta.
func deltaOf(d *syncv1.SectionDelta) (commit.Section, error) {
	state, err := stateOf(d.GetKind(), d.GetState())
	if err != nil {
		return commit.Section{}, err
	}
	section := commit.Section{
		Kind: d.GetKind(), State: state, Delta: true,
		Base: d.GetBase(), Digest: d.GetDigest(), Bodies: d.GetAdded(),
	}
	if state != commit.Set {
		return section, nil
	}
	const short = len(asset.ID{})
	if len(section.Base) != 0 && len(section.Base) != short {
		return section, invalid("section %s: base of %d bytes, want %d or none", d.GetKind(), len(section.Base), short)
	}
	if len(section.Digest) != short {
		return section, invalid("section %s: digest of %d bytes, want %d", d.GetKind(), len(section.Digest), short)
	}
	if section.Removed, err = asset.ParseIDs(d.GetRemoved()); err != nil {
		return section, invalid("section %s: removed: %w", d.GetKind(), err)
	}
	return section, nil
}

// stateOf reads the state of a kind.
func stateOf(kind string, state syncv1.SectionState) (commit.State, error) {
	switch state {
	case syncv1.SectionState_SECTION_STATE_UNSPECIFIED, syncv1.SectionState_SECTION_STATE_SET:
		return commit.Set, nil
	case syncv1.SectionState_SECTION_STATE_KEEP:
		return commit.Keep, nil
	case syncv1.SectionState_SECTION_STATE_DROP:
		return commit.Drop, nil
	default:
		return commit.Keep, invalid("section %s: unknown state %d", kind, state)
	}
}

// commit writes a push of an agent and remembers its head.
func (s *Service) commit(ctx context.Context, r *report, push *commit.Push, call string, vitals *syncv1.Vitals, health *syncv1.Health) (commit.Result, error) {
	turn, err := s.gates.work(callOf(ctx).method).enter(ctx)
	if err != nil {
		return commit.Result{}, err
	}
	result, err := func() (commit.Result, error) {
		defer turn.leave() // also when it panics; what follows needs no turn
		return s.committer.Push(ctx, push)
	}()
	s.metrics.push(call, err)
	if err != nil {
		return commit.Result{}, s.refused(ctx, r, err)
	}
	s.heads.put(r.headKey(), r.known(result.Head))
	s.besides(ctx, result.Head, vitals, health)
	return result, nil
}
