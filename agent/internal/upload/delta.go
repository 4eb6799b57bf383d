// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	// maxDeltaBytes bounds what travels in one PushDelta.
	maxDeltaBytes = 2 << 20
	// smallDeltaBytes is sent as a delta whatever share of its section it is.
	smallDeltaBytes = 8 << 10
	// idBytes is the length of an asset id.
	idBytes = len(asset.ID{})
)

// deltas returns the difference between head and target, and the kinds that it touches. It is nil when whole sections
// are the better way: some asset ids of the head are not known, or too much changed.
func (r *round) deltas(target map[string]asset.Digest) ([]*syncv1.SectionDelta, []string) {
	kinds := r.differing(target)
	var deltas []*syncv1.SectionDelta
	total := 0
	for _, kind := range kinds {
		delta := r.delta(kind, target)
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

// differing lists the kinds in which head and target differ, sorted.
func (r *round) differing(target map[string]asset.Digest) []string {
	kinds := map[string]bool{}
	for kind, digest := range target {
		if held, ok := r.head[kind]; !ok || held.Digest != digest {
			kinds[kind] = true
		}
	}
	for kind := range r.head {
		if _, ok := target[kind]; !ok && !r.syncer.unknown[kind] {
			kinds[kind] = true
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}

// delta returns the change of one section, nil when the whole section should travel.
func (r *round) delta(kind string, target map[string]asset.Digest) *syncv1.SectionDelta {
	digest, wanted := target[kind]
	if !wanted {
		return &syncv1.SectionDelta{Kind: kind, State: syncv1.SectionState_SECTION_STATE_DROP}
	}
	held, present := r.head[kind]
	if (present && !held.Known) || len(r.head) == 0 {
		return nil
	}
	section := r.pending.Set[kind]
	delta := &syncv1.SectionDelta{
		Kind:   kind,
		State:  syncv1.SectionState_SECTION_STATE_SET,
		Digest: digest[:idBytes],
	}
	if present {
		delta.Base = held.Digest[:idBytes]
	}
	changes := fillDelta(delta, held.IDs, section.Assets)
	most := max(len(held.IDs), len(section.Assets))
	if shared(kind) && 4*changes > most && deltaBytes(delta) > smallDeltaBytes {
		return nil
	}
	return delta
}

// fillDelta puts the difference between two ascending lists into a delta and returns how many assets it moves.
func fillDelta(delta *syncv1.SectionDelta, before []asset.ID, after []snapshot.Asset) int {
	removed, i := 0, 0
	remove := func(id asset.ID) {
		delta.Removed = append(delta.Removed, id[:]...)
		removed++
	}
	for _, a := range after {
		id := a.Digest.ID()
		for ; i < len(before) && before[i].Compare(id) < 0; i++ {
			remove(before[i])
		}
		if i < len(before) && before[i] == id {
			i++
			continue
		}
		delta.Added = append(delta.Added, a.Body)
	}
	for ; i < len(before); i++ {
		remove(before[i])
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
func (r *round) pushDelta(ctx context.Context, target map[string]asset.Digest, deltas []*syncv1.SectionDelta) (bool, error) {
	stamp, err := r.syncer.stamp()
	if err != nil {
		return false, err
	}
	root := r.rootOf(target)
	request := &syncv1.PushDeltaRequest{
		Stamp:    stamp,
		Source:   r.source.wire(),
		Root:     root[:],
		Sections: deltas,
		Vitals:   r.extras.Vitals,
		Health:   r.extras.Health,
	}
	var answer *syncv1.PushDeltaResponse
	err = r.syncer.Client.do(ctx, "PushDelta", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		answer, err = service.PushDelta(ctx, request)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("push changes: %w", err)
	}
	r.told()
	r.wanted(answer.GetIntervalSeconds())
	kinds := make([]string, len(deltas))
	for i, delta := range deltas {
		kinds[i] = delta.GetKind()
	}
	return r.committed(target, kinds, answer.GetRoot()) && r.configured(answer.GetConfigurationVersion()), nil
}

// committed books an accepted push of kinds and tells whether the head is the target now.
func (r *round) committed(target map[string]asset.Digest, kinds []string, root []byte) bool {
	for _, kind := range kinds {
		r.changed[kind] = true
		if section, ok := r.pending.Set[kind]; ok && !r.syncer.unknown[kind] {
			r.head[kind] = spool.HeldOf(section)
		} else if _, ok := target[kind]; !ok {
			delete(r.head, kind)
		}
	}
	want := r.rootOf(target)
	r.resync = false
	r.sure = bytes.Equal(root, want[:])
	return r.sure
}
