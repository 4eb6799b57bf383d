// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// maxKinds bounds the sections of one message: more than the model has.
const maxKinds = 128

func exhausted(format string, args ...any) error {
	return connect.NewError(connect.CodeResourceExhausted, fmt.Errorf(format, args...))
}

// Missing answers which of the offered assets the dictionary lacks, and keeps the offered lists for a while so that
// the push need not bring them again.
func (s *Service) Missing(ctx context.Context, req *syncv1.MissingRequest) (*syncv1.MissingResponse, error) {
	c := callerOf(ctx)
	if c.Frozen {
		return nil, refuseFrozen(c.FrozenWhy)
	}
	source, err := s.sourceOf(ctx, c, req.GetSource())
	if err != nil {
		return nil, err
	}
	response := &syncv1.MissingResponse{Held: true}
	assets := 0
	if len(req.GetSections()) > maxKinds {
		return nil, exhausted("more than %d sections", maxKinds)
	}
	for _, offered := range req.GetSections() {
		ids, err := offeredIDs(offered)
		if err != nil {
			return nil, err
		}
		if assets += len(ids); assets > commit.MaxAssets {
			return nil, exhausted("too many assets: the limit of a snapshot is %d", commit.MaxAssets)
		}
		missing, err := s.missingOf(ctx, offered.GetKind(), ids)
		if err != nil {
			return nil, err
		}
		response.Sections = append(response.Sections, missing)
		s.offers.put(offerKey{headKey{c.Machine, source.ID}, offered.GetKind(), asset.ID(offered.GetDigest())}, ids)
	}
	return response, nil
}

func offeredIDs(offered *syncv1.OfferedSection) ([]asset.ID, error) {
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
		if k.ID == 0 {
			missing.Positions = append(missing.Positions, uint32(i))
		}
	}
	return missing, nil
}

// offerKey names an offered list.
type offerKey struct {
	head   headKey
	kind   string
	digest asset.ID
}

const (
	offerLifetime = 3 * time.Minute
	maxOfferedIDs = 2_000_000 // 32 MB
)

// offers keeps the ids that agents asked about. It is a courtesy: what it forgot, the agent sends again.
type offers struct {
	mu    sync.Mutex
	lists map[offerKey]offer
	ids   int
}

type offer struct {
	ids   []asset.ID
	until time.Time
}

func newOffers() *offers { return &offers{lists: map[offerKey]offer{}} }

func (o *offers) put(key offerKey, ids []asset.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ids+len(ids) > maxOfferedIDs {
		o.expire(time.Now())
	}
	if o.ids+len(ids) > maxOfferedIDs {
		return
	}
	o.ids += len(ids) - len(o.lists[key].ids)
	o.lists[key] = offer{ids: ids, until: time.Now().Add(offerLifetime)}
}

func (o *offers) expire(now time.Time) {
	for key, offer := range o.lists {
		if now.After(offer.until) {
			o.ids -= len(offer.ids)
			delete(o.lists, key)
		}
	}
}

func (o *offers) get(key offerKey) ([]asset.ID, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	offer, ok := o.lists[key]
	return offer.ids, ok && time.Now().Before(offer.until)
}
