// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// partBytes bounds the bodies, and the ids, of one message of a stream: together they stay below 1 MiB unless one body
// alone is larger.
const partBytes = 448 << 10

// everything lists all kinds that a push after a set-back names: every section collected, and those of the head that
// shall go.
func (r *round) everything(target map[string]asset.Digest) []string {
	var kinds []string
	for kind := range r.pending.Set {
		if !r.syncer.unknown[kind] {
			kinds = append(kinds, kind)
		}
	}
	for kind := range r.head {
		if _, ok := target[kind]; !ok {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// pushSections commits whole sections of kinds; those that the target lacks are dropped.
func (r *round) pushSections(ctx context.Context, target map[string]asset.Digest, kinds []string) (bool, error) {
	lacking, err := r.missing(ctx, kinds)
	if err != nil {
		return false, err
	}
	stamp, err := r.syncer.stamp()
	if err != nil {
		return false, err
	}
	root := r.rootOf(target)
	messages := []*syncv1.PushSectionsRequest{{Part: &syncv1.PushSectionsRequest_Header{Header: &syncv1.PushHeader{
		Stamp:  stamp,
		Source: r.source.wire(),
		Root:   root[:],
		Resync: r.resync, Resumes: r.resumes,
		Vitals: r.extras.Vitals,
		Health: r.extras.Health,
	}}}}
	for _, kind := range kinds {
		for _, part := range r.parts(kind, lacking) {
			messages = append(messages, &syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Section{Section: part}})
		}
	}
	var answer *syncv1.PushSectionsResponse
	err = r.syncer.Client.do(ctx, "PushSections", streamLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		answer, err = stream(ctx, service, messages)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("push sections: %w", err)
	}
	r.told()
	r.wanted(answer.GetIntervalSeconds())
	return r.committed(target, kinds, answer.GetRoot()) && r.configured(answer.GetConfigurationVersion()), nil
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

// parts cuts one section into messages.
func (r *round) parts(kind string, lacking lacking) []*syncv1.SectionPart {
	section, ok := r.pending.Set[kind]
	if !ok {
		return []*syncv1.SectionPart{{Kind: kind, State: syncv1.SectionState_SECTION_STATE_DROP}}
	}
	digest := section.Digest()
	first := &syncv1.SectionPart{Kind: kind, State: syncv1.SectionState_SECTION_STATE_SET, Digest: digest[:idBytes]}
	parts := []*syncv1.SectionPart{first}
	if shared(kind) {
		parts = idParts(first, section, lacking.held[kind] && !r.offerAnew)
	}
	size := 0
	for _, body := range lacking.bodies(section) {
		if size > 0 && size+len(body) > partBytes {
			parts = append(parts, further(first))
			size = 0
		}
		last := parts[len(parts)-1]
		last.Bodies = append(last.Bodies, body)
		size += len(body)
	}
	return parts
}

// idParts puts the ids of a shared section into its first message and, when there are too many, further ones.
func idParts(first *syncv1.SectionPart, section *snapshot.Section, offered bool) []*syncv1.SectionPart {
	if offered {
		first.Offered = true
		return []*syncv1.SectionPart{first}
	}
	parts := []*syncv1.SectionPart{first}
	for ids := range slices.Chunk(spool.JoinIDs(spool.HeldOf(section).IDs), partBytes/idBytes*idBytes) {
		last := parts[len(parts)-1]
		if len(last.GetIds()) > 0 {
			last = further(first)
			parts = append(parts, last)
		}
		last.Ids = ids
	}
	return parts
}

// further returns an empty further part of a section.
func further(first *syncv1.SectionPart) *syncv1.SectionPart {
	return &syncv1.SectionPart{Kind: first.GetKind(), State: first.GetState()}
}

// lacking says what the aggregator lacks of shared sections.
type lacking struct {
	positions map[string][]uint32 // ascending, by kind; a kind that is missing here was not asked for
	held      map[string]bool     // the offered ids are kept: the digest stands for them
}

// bodies returns the bodies of a section that have to travel: all, unless the aggregator said which. They come in the
// order of their bytes, which compresses a fifth better than that of their digests.
func (l lacking) bodies(section *snapshot.Section) [][]byte {
	var bodies [][]byte
	if positions, asked := l.positions[section.Kind]; asked {
		for _, position := range positions {
			bodies = append(bodies, section.Assets[position].Body)
		}
	} else {
		for _, a := range section.Assets {
			bodies = append(bodies, a.Body)
		}
	}
	slices.SortFunc(bodies, bytes.Compare)
	return bodies
}

// missing asks which bodies of the shared kinds the aggregator lacks.
func (r *round) missing(ctx context.Context, kinds []string) (lacking, error) {
	l := lacking{positions: map[string][]uint32{}, held: map[string]bool{}}
	var batch []*syncv1.OfferedSection
	size := 0
	for _, kind := range kinds {
		section := r.pending.Set[kind]
		if section == nil || !shared(kind) || len(section.Assets) == 0 || len(section.Assets)*idBytes > 2*partBytes {
			continue // an enormous section travels with all its bodies
		}
		digest := section.Digest()
		ids := spool.JoinIDs(spool.HeldOf(section).IDs)
		if len(batch) > 0 && size+len(ids) > 2*partBytes {
			if err := r.ask(ctx, batch, l); err != nil {
				return l, err
			}
			batch, size = nil, 0
		}
		batch = append(batch, &syncv1.OfferedSection{Kind: kind, Digest: digest[:], Ids: ids})
		size += len(ids)
	}
	if len(batch) == 0 {
		return l, nil
	}
	return l, r.ask(ctx, batch, l)
}

// ask makes one Missing call and books its answer.
func (r *round) ask(ctx context.Context, batch []*syncv1.OfferedSection, l lacking) error {
	var answer *syncv1.MissingResponse
	err := r.syncer.Client.do(ctx, "Missing", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		var err error
		answer, err = service.Missing(ctx, &syncv1.MissingRequest{Source: r.source.wire(), Sections: batch})
		return err
	})
	if err != nil {
		return fmt.Errorf("ask for missing assets: %w", err)
	}
	if len(answer.GetSections()) != len(batch) {
		return fmt.Errorf("ask for missing assets: %d answers for %d sections", len(answer.GetSections()), len(batch))
	}
	for i, section := range answer.GetSections() {
		count := len(batch[i].GetIds()) / idBytes
		if section.GetKind() != batch[i].GetKind() {
			return fmt.Errorf("ask for missing assets: answer for %q, want %q", section.GetKind(), batch[i].GetKind())
		}
		for _, position := range section.GetPositions() {
			if int(position) >= count {
				return fmt.Errorf("ask for missing assets: %s has no position %d", section.GetKind(), position)
			}
		}
		l.positions[section.GetKind()] = section.GetPositions()
		l.held[section.GetKind()] = answer.GetHeld()
	}
	return nil
}
