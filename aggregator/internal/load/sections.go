// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// lacking says what the aggregator lacks of shared sections.
type lacking struct {
	positions map[string][]uint32 // ascending, by kind; a kind that is missing here was not asked for
	held      bool                // the offered ids are kept: the digest stands for them
}

// missing asks which bodies of the shared kinds the aggregator lacks.
func (r *round) missing(ctx context.Context, kinds []string) (lacking, error) {
	l := lacking{positions: map[string][]uint32{}}
	request := &syncv1.MissingRequest{}
	for _, kind := range kinds {
		section := r.want[kind]
		if section == nil || !shared(kind) || len(section.Assets) == 0 {
			continue
		}
		digest := r.digests[kind]
		request.Sections = append(request.Sections, &syncv1.OfferedSection{Kind: kind, Digest: digest[:], Ids: idsOf(section)})
	}
	if len(request.GetSections()) == 0 {
		return l, nil
	}
	var answer *syncv1.MissingResponse
	err := r.call(ctx, "Missing", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		var err error
		answer, err = service.Missing(ctx, request)
		return err
	})
	if err != nil {
		return l, fmt.Errorf("ask for missing assets: %w", err)
	}
	if len(answer.GetSections()) != len(request.GetSections()) {
		return l, fmt.Errorf("ask for missing assets: %d answers for %d sections", len(answer.GetSections()), len(request.GetSections()))
	}
	l.held = answer.GetHeld()
	for _, section := range answer.GetSections() {
		want := r.want[section.GetKind()]
		for _, position := range section.GetPositions() {
			if want == nil || int(position) >= len(want.Assets) {
				return l, fmt.Errorf("ask for missing assets: %s has no position %d", section.GetKind(), position)
			}
		}
		l.positions[section.GetKind()] = section.GetPositions()
	}
	return l, nil
}

// idsOf returns the ids of a section's assets, one after the other.
func idsOf(section *snapshot.Section) []byte {
	ids := make([]byte, 0, idBytes*len(section.Assets))
	for i := range section.Assets {
		ids = append(ids, section.Assets[i].Digest[:idBytes]...)
	}
	return ids
}

// parts cuts one section into messages.
func (r *round) parts(kind string, l lacking) []*syncv1.SectionPart {
	section := r.want[kind]
	if section == nil {
		return []*syncv1.SectionPart{{Kind: kind, State: syncv1.SectionState_SECTION_STATE_DROP}}
	}
	digest := r.digests[kind]
	first := &syncv1.SectionPart{Kind: kind, State: syncv1.SectionState_SECTION_STATE_SET, Digest: digest[:idBytes]}
	parts := []*syncv1.SectionPart{first}
	if shared(kind) {
		if _, asked := l.positions[kind]; asked && l.held && !r.anew {
			first.Offered = true
		} else {
			parts = idParts(first, idsOf(section))
		}
	}
	size := 0
	for _, body := range l.bodies(section) {
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

// idParts puts ids into a section's first message and, when there are too many, further ones.
func idParts(first *syncv1.SectionPart, ids []byte) []*syncv1.SectionPart {
	parts := []*syncv1.SectionPart{first}
	for chunk := range slices.Chunk(ids, partBytes/idBytes*idBytes) {
		last := parts[len(parts)-1]
		if len(last.GetIds()) > 0 {
			last = further(first)
			parts = append(parts, last)
		}
		last.Ids = chunk
	}
	return parts
}

// further returns an empty further part of a section.
func further(first *syncv1.SectionPart) *syncv1.SectionPart {
	return &syncv1.SectionPart{Kind: first.GetKind(), State: first.GetState()}
}

// bodies returns the bodies of a section that have to travel: all, unless the aggregator said which. They come in the
// order of their bytes, which compresses better than that of their digests.
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
