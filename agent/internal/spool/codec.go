// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protodelim"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// A payload is a run of length-prefixed rollcall.sync.v1.SectionPart messages, one per kind, in kind order.
// Acknowledged: digest (32 bytes) and ids, with SECTION_STATE_KEEP when the ids are not known. Pending: bodies of
// all assets with SECTION_STATE_SET, or only the kind with SECTION_STATE_KEEP.

func encodeAcknowledged(a Acknowledged) ([]byte, error) {
	var out bytes.Buffer
	for _, kind := range slices.Sorted(maps.Keys(a.Sections)) {
		held := a.Sections[kind]
		part := &syncv1.SectionPart{
			Kind:   kind,
			State:  syncv1.SectionState_SECTION_STATE_SET,
			Digest: held.Digest[:],
			Ids:    JoinIDs(held.IDs),
		}
		if !held.Known {
			part.State = syncv1.SectionState_SECTION_STATE_KEEP
		}
		if _, err := protodelim.MarshalTo(&out, part); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func decodeAcknowledged(payload []byte) (Acknowledged, error) {
	a := Acknowledged{Sections: map[string]Held{}}
	err := eachPart(payload, func(part *syncv1.SectionPart) error {
		digest, err := asset.ParseDigest(part.GetDigest())
		if err != nil {
			return err
		}
		ids, err := asset.ParseIDs(part.GetIds())
		if err != nil {
			return err
		}
		known := part.GetState() == syncv1.SectionState_SECTION_STATE_SET
		a.Sections[part.GetKind()] = Held{Digest: digest, IDs: ids, Known: known}
		return nil
	})
	return a, err
}

func encodePending(p Pending) ([]byte, error) {
	var out bytes.Buffer
	for _, kind := range slices.Sorted(maps.Keys(p.Set)) {
		part := &syncv1.SectionPart{Kind: kind, State: syncv1.SectionState_SECTION_STATE_SET}
		for _, a := range p.Set[kind].Assets {
			part.Bodies = append(part.Bodies, a.Body)
		}
		if _, err := protodelim.MarshalTo(&out, part); err != nil {
			return nil, err
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Keep)) {
		part := &syncv1.SectionPart{Kind: kind, State: syncv1.SectionState_SECTION_STATE_KEEP}
		if _, err := protodelim.MarshalTo(&out, part); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func decodePending(payload []byte) (*Pending, error) {
	p := &Pending{Set: snapshot.Sections{}, Keep: map[string]bool{}}
	err := eachPart(payload, func(part *syncv1.SectionPart) error {
		if part.GetState() == syncv1.SectionState_SECTION_STATE_KEEP {
			p.Keep[part.GetKind()] = true
			return nil
		}
		p.Set[part.GetKind()] = snapshot.NewSection(part.GetKind(), part.GetBodies())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// eachPart decodes a payload.
func eachPart(payload []byte, yield func(*syncv1.SectionPart) error) error {
	in := bytes.NewReader(payload)
	options := protodelim.UnmarshalOptions{MaxSize: maxFileBytes}
	for {
		part := &syncv1.SectionPart{}
		err := options.UnmarshalFrom(in, part)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = yield(part)
		}
		if err != nil {
			return fmt.Errorf("section %q: %w", part.GetKind(), err)
		}
	}
}

// JoinIDs writes ids one after the other, 16 bytes each.
func JoinIDs(ids []asset.ID) []byte {
	out := make([]byte, 0, len(ids)*len(asset.ID{}))
	for _, id := range ids {
		out = append(out, id[:]...)
	}
	return out
}
