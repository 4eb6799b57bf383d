// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	// maxDeltaBytes bounds what travels in one PushDelta; smallDeltaBytes is sent as a delta whatever share of its section
	// it is. Both are the agent's.
	maxDeltaBytes   = 2 << 20
	smallDeltaBytes = 8 << 10
	// partBytes bounds the bodies, and the ids, of one message of a stream.
	partBytes = 448 << 10
)

// differing lists the kinds in which head and wanted snapshot differ, sorted.
func (r *round) differing() []string {
	kinds := map[string]bool{}
	for kind, digest := range r.digests {
		if h, ok := r.head[kind]; !ok || h.digest != digest {
			kinds[kind] = true
		}
	}
	for kind := range r.head {
		if _, ok := r.digests[kind]; !ok {
			kinds[kind] = true
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}

// everything lists all kinds that a push after a set-back names.
func (r *round) everything() []string {
	kinds := maps.Clone(r.digests)
	maps.Copy(kinds, r.headDigests())
	return slices.Sorted(maps.Keys(kinds))
}

// deltas returns the difference between head and wanted snapshot, and the kinds that it touches. It is nil when whole
// sections are the better way: assets of the head are not known, or too much changed.
func (r *round) deltas() ([]*syncv1.SectionDelta, []string) {
	kinds := r.differing()
	var deltas []*syncv1.SectionDelta
	total := 0
	for _, kind := range kinds {
		delta := r.delta(kind)
		if delta == nil {
			return nil, kinds
		}
		total += deltaBytes(delta)
		deltas = append(deltas, delta)
	}
	if total > maxDeltaBytes {
		return nil, kinds
	}
	return deltas, kinds
}

// delta returns the change of one section, nil when the whole section should travel.
func (r *round) delta(kind string) *syncv1.SectionDelta {
	digest, wanted := r.digests[kind]
	if !wanted {
		return &syncv1.SectionDelta{Kind: kind, State: syncv1.SectionState_SECTION_STATE_DROP}
	}
	before, present := r.head[kind]
	if len(r.head) == 0 || present && before.section == nil {
		return nil
	}
	after := r.want[kind].Assets
	delta := &syncv1.SectionDelta{Kind: kind, State: syncv1.SectionState_SECTION_STATE_SET, Digest: digest[:idBytes]}
	var assets []snapshot.Asset
	if present {
		delta.Base = before.digest[:idBytes]
		assets = before.section.Assets
	}
	changes := fillDelta(delta, assets, after)
	if shared(kind) && 4*changes > max(len(assets), len(after)) && deltaBytes(delta) > smallDeltaBytes {
		return nil
	}
	return delta
}

// fillDelta puts the difference between two ascending lists into a delta and returns how many assets it moves.
func fillDelta(delta *syncv1.SectionDelta, before, after []snapshot.Asset) int {
	removed, i := 0, 0
	remove := func(d asset.Digest) {
		delta.Removed = append(delta.Removed, d[:idBytes]...)
		removed++
	}
	for _, a := range after {
		for ; i < len(before) && before[i].Digest.Compare(a.Digest) < 0; i++ {
			remove(before[i].Digest)
		}
		if i < len(before) && before[i].Digest == a.Digest {
			i++
			continue
		}
		delta.Added = append(delta.Added, a.Body)
	}
	for ; i < len(before); i++ {
		remove(before[i].Digest)
	}
	slices.SortFunc(delta.Added, bytes.Compare) // compresses better
	return removed + len(delta.Added)
}

// deltaBytes is about what a delta weighs before compression.
func deltaBytes(delta *syncv1.SectionDelta) int {
	size := len(delta.GetKind()) + 3*idBytes + len(delta.GetRemoved())
	for _, body := range delta.GetAdded() {
		size += len(body) + 4
	}
	return size
}

// shared tells whether bodies of a kind live once for the fleet.
func shared(kind string) bool {
	k, ok := snapshot.KindOf(kind)
	return ok && k.Shared
}

// pushDelta commits the difference in one call.
func (r *round) pushDelta(ctx context.Context, deltas []*syncv1.SectionDelta) (bool, error) {
	root := r.root
	request := &syncv1.PushDeltaRequest{
		Stamp: r.machine.stamp(r.evidence), Root: root[:], Sections: deltas, Vitals: r.vitals, Health: r.health,
	}
	var answer *syncv1.PushDeltaResponse
	err := r.call(ctx, "PushDelta", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		var err error
		answer, err = service.PushDelta(ctx, request)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("push changes: %w", err)
	}
	return r.committed(answer.GetRoot())
}

// pushSections commits whole sections of kinds; those that the wanted snapshot lacks are dropped.
func (r *round) pushSections(ctx context.Context, kinds []string) (bool, error) {
	l, err := r.missing(ctx, kinds)
	if err != nil {
		return false, err
	}
	root := r.root
	messages := []*syncv1.PushSectionsRequest{{Part: &syncv1.PushSectionsRequest_Header{Header: &syncv1.PushHeader{
		Stamp: r.machine.stamp(r.evidence), Root: root[:], Resync: r.resync, Resumes: r.resumes,
		Vitals: r.vitals, Health: r.health,
	}}}}
	for _, kind := range kinds {
		for _, part := range r.parts(kind, l) {
			messages = append(messages, &syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Section{Section: part}})
		}
	}
	var answer *syncv1.PushSectionsResponse
	err = r.call(ctx, "PushSections", streamLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		var err error
		answer, err = stream(ctx, service, messages)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("push sections: %w", err)
	}
	return r.committed(answer.GetRoot())
}

// stream sends all messages and waits for the answer.
func stream(ctx context.Context, service syncv1connect.SyncServiceClient, messages []*syncv1.PushSectionsRequest) (*syncv1.PushSectionsResponse, error) {
	out, err := service.PushSections(ctx)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if err := out.Send(message); errors.Is(err, io.EOF) {
			break // refused half-way: the reason comes with the answer
		} else if err != nil {
			return nil, err
		}
	}
	return out.CloseAndReceive()
}
