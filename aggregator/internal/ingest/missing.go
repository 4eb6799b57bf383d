// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Missing answers which of the offered assets the dictionary lacks, and keeps the offered lists for a while so that
// the push need not bring them again.
func (s *Service) Missing(ctx context.Context, req *syncv1.MissingRequest) (*syncv1.MissingResponse, error) {
	c := callerOf(ctx)
	if c.Frozen {
		return nil, refuseFrozen(c.FrozenWhy)
	}
	source, err := s.sourceOf(ctx, req.GetSource())
	if err != nil {
		return nil, err
	}
	lists, err := offeredLists(req.GetSections())
	if err != nil {
		return nil, err
	}
	turn, err := s.gates.sections.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.leave()
	response := &syncv1.MissingResponse{Held: true}
	for i, offered := range req.GetSections() {
		if err := callOf(ctx).take(idWeight * len(lists[i])); err != nil {
			return nil, err
		}
		missing, err := s.missingOf(ctx, offered.GetKind(), lists[i])
		if err != nil {
			return nil, err
		}
		response.Sections = append(response.Sections, missing)
		key := offerKey{headKey{c.Machine, source.ID}, offered.GetKind()}
		if !s.offers.put(key, asset.ID(offered.GetDigest()), lists[i]) {
			response.Held = false
		}
	}
	return response, nil
}

// offeredLists reads the ids of all offered sections.
func offeredLists(sections []*syncv1.OfferedSection) ([][]asset.ID, error) {
	if len(sections) > maxKinds {
		return nil, tooManySections(len(sections))
	}
	lists := make([][]asset.ID, len(sections))
	assets := 0
	for i, offered := range sections {
		ids, err := offeredIDs(offered)
		if err != nil {
			return nil, err
		}
		if assets += len(ids); assets > commit.MaxAssets {
			return nil, tooManyAssets()
		}
		lists[i] = ids
	}
	return lists, nil
}

func offeredIDs(offered *syncv1.OfferedSection) ([]asset.ID, error) {
	if err := checkKind(offered.GetKind()); err != nil {
		return nil, err
	}
	kind, ok := snapshot.KindOf(offered.GetKind())
	if !ok || !kind.Shared {
		return nil, invalid("section %s: not a shared kind", offered.GetKind())
	}
	if _, err := asset.ParseDigest(offered.GetDigest()); err != nil {
		return nil, invalid("section %s: %w", kind.Name, err)
	}
	ids, err := asset.ParseIDs(offered.GetIds())
	if err != nil {
		return nil, invalid("section %s: %w", kind.Name, err)
	}
	return ids, nil
}

func (s *Service) missingOf(ctx context.Context, kind string, ids []asset.ID) (*syncv1.MissingAssets, error) {
	known, err := s.store.FindAssets(ctx, ids)
	if err != nil {
		return nil, unavailable(err)
	}
	missing := &syncv1.MissingAssets{Kind: kind}
	for i, k := range known {
		switch {
		case k.ID == 0:
			missing.Positions = append(missing.Positions, uint32(i))
		case k.Kind != kind:
			return nil, invalid("section %s: asset %s is of kind %s", kind, ids[i], k.Kind)
		}
	}
	return missing, nil
}
