// SPDX-License-Identifier: Apache-2.0

//go:build unix

package endtoend_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// pushing tells the wire what the next request commits.
func (a *agent) pushing(stamp *syncv1.Stamp, root asset.Digest) func() {
	a.wire.push = push{serial: a.disk.serial, instance: string(stamp.GetInstance()), counter: stamp.GetCounter(), root: root}
	return func() { a.wire.push = push{} }
}

func (a *agent) pushDelta(ctx context.Context, target map[string]asset.Digest, kinds []string) (bool, error) {
	root := snapshot.Root(target)
	request := &syncv1.PushDeltaRequest{Stamp: a.stamp(), Root: root[:]}
	for _, kind := range kinds {
		request.Sections = append(request.Sections, a.round.delta(kind))
	}
	defer a.pushing(request.GetStamp(), root)()
	answer, err := a.service.PushDelta(ctx, request)
	if err != nil {
		return false, err
	}
	return a.round.accepted(kinds, answer.GetRoot(), root)
}

func (r *round) delta(kind string) *syncv1.SectionDelta {
	want := r.want.set[kind]
	if want == nil {
		return &syncv1.SectionDelta{Kind: kind, State: syncv1.SectionState_SECTION_STATE_DROP}
	}
	held, present := r.head[kind]
	digest := want.Digest()
	d := &syncv1.SectionDelta{Kind: kind, Digest: digest[:16]}
	if present {
		d.Base = held.digest[:16]
	}
	for _, id := range held.ids {
		if !slices.ContainsFunc(want.Assets, func(w snapshot.Asset) bool { return w.Digest.ID() == id }) {
			d.Removed = append(d.Removed, id[:]...)
		}
	}
	for i := range want.Assets {
		if !slices.Contains(held.ids, want.Assets[i].Digest.ID()) {
			d.Added = append(d.Added, want.Assets[i].Body)
		}
	}
	return d
}

// accepted books a committed push.
func (r *round) accepted(kinds []string, root []byte, want asset.Digest) (bool, error) {
	if !bytes.Equal(root, want[:]) {
		return false, fmt.Errorf("the answer's root is %x, want %s", root, want)
	}
	for _, kind := range kinds {
		if s, ok := r.want.set[kind]; ok {
			r.head[kind] = heldOf(s)
		} else {
			delete(r.head, kind)
		}
	}
	return true, nil
}

func (a *agent) missing(ctx context.Context, kinds []string) error {
	request := &syncv1.MissingRequest{}
	for _, kind := range kinds {
		s := a.round.want.set[kind]
		if k, ok := snapshot.KindOf(kind); s == nil || !ok || !k.Shared || len(s.Assets) == 0 {
			continue
		}
		digest := s.Digest()
		request.Sections = append(request.Sections, &syncv1.OfferedSection{Kind: kind, Digest: digest[:], Ids: joined(s)})
	}
	answer, err := a.service.Missing(ctx, request)
	if err != nil {
		return err
	}
	a.round.asked, a.round.missing = true, map[string][]uint32{}
	for _, s := range answer.GetSections() {
		a.round.missing[s.GetKind()] = s.GetPositions()
	}
	a.round.anew = a.round.anew || !answer.GetHeld()
	return nil
}

func joined(s *snapshot.Section) []byte {
	var ids []byte
	for i := range s.Assets {
		ids = append(ids, s.Assets[i].Digest[:16]...)
	}
	return ids
}

func (a *agent) pushSections(ctx context.Context, target map[string]asset.Digest, kinds []string) (bool, error) {
	root := snapshot.Root(target)
	header := &syncv1.PushHeader{Stamp: a.stamp(), Root: root[:], Resync: a.round.resync, Resumes: a.round.resumes}
	defer a.pushing(header.GetStamp(), root)()
	stream, err := a.service.PushSections(ctx)
	if err != nil {
		return false, err
	}
	// An error of Send comes again, with its reason, from CloseAndReceive.
	_ = stream.Send(&syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Header{Header: header}})
	for _, kind := range kinds {
		_ = stream.Send(&syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Section{Section: a.round.part(kind)}})
	}
	answer, err := stream.CloseAndReceive()
	if err != nil {
		return false, err
	}
	return a.round.accepted(kinds, answer.GetRoot(), root)
}

func (r *round) part(kind string) *syncv1.SectionPart {
	s := r.want.set[kind]
	switch {
	case s == nil && r.want.keep[kind]:
		return &syncv1.SectionPart{Kind: kind, State: syncv1.SectionState_SECTION_STATE_KEEP}
	case s == nil:
		return &syncv1.SectionPart{Kind: kind, State: syncv1.SectionState_SECTION_STATE_DROP}
	}
	digest := s.Digest()
	part := &syncv1.SectionPart{Kind: kind, Digest: digest[:16]}
	positions, asked := r.missing[kind]
	if asked && !r.anew {
		part.Offered = true
	} else if k, _ := snapshot.KindOf(kind); k.Shared {
		part.Ids = joined(s)
	}
	if asked {
		for _, position := range positions {
			part.Bodies = append(part.Bodies, s.Assets[position].Body)
		}
		return part
	}
	for i := range s.Assets {
		part.Bodies = append(part.Bodies, s.Assets[i].Body)
	}
	return part
}
