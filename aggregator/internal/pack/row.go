// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Row is one row of head_section. The row with the empty kind holds all small sections and has no tail.
type Row struct {
	Kind   string
	Base   []byte
	Tail   []byte
	Digest []byte // of the section; empty in the row of the small ones
}

const (
	// largeBytes is the size from which a section gets a row of its own; it goes back below a quarter of it.
	largeBytes = 1024
	// A tail longer than this is folded into the base. A shared entry takes four bytes, so that is some 64 entries.
	maxTailIDBytes = 256
	maxTailBytes   = 1024
	// A tail of install times takes some 14 bytes for an upgraded package, and every change writes it as a whole: beyond
	// this, that costs more than a new base now and then.
	maxTailTimesBytes = 320
)

// Fold returns the sections that rows hold.
func Fold(rows []Row) (Sections, error) {
	sections := Sections{}
	for _, row := range rows {
		if err := foldRow(sections, row); err != nil {
			return nil, fmt.Errorf("section row %q: %w", row.Kind, err)
		}
	}
	return sections, nil
}

func foldRow(sections Sections, row Row) error {
	if row.Kind == "" {
		return foldSmall(sections, row.Base)
	}
	digest, err := asset.ParseDigest(row.Digest)
	if err != nil {
		return err
	}
	raw, err := unsqueeze(row.Base)
	if err != nil {
		return err
	}
	section, err := decodeBase(row.Kind, raw)
	if err != nil {
		return err
	}
	section.Digest = digest
	if err := applyTail(section, row.Tail); err != nil {
		return err
	}
	sections[row.Kind] = section
	return nil
}

func foldSmall(sections Sections, base []byte) error {
	raw, err := unsqueeze(base)
	if err != nil {
		return err
	}
	r := reader{in: raw}
	for r.more() {
		kind := string(r.text())
		digest := r.bytes(uint64(len(asset.Digest{})))
		body := r.text()
		if r.err != nil {
			break
		}
		section, err := decodeBase(kind, body)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		section.Digest = asset.Digest(digest)
		if sections[kind] = section; len(sections) > maxKinds {
			return errMany
		}
	}
	return r.err
}

// First byte of a section's base.
const (
	basePrivate = 0
	baseShared  = 1
)

// encodeBase returns the members of a section.
func encodeBase(s *Section) []byte {
	if s.Shared {
		return appendIDs([]byte{baseShared}, s.IDs)
	}
	return appendFacts([]byte{basePrivate}, s.Kind, s.Facts)
}

func decodeBase(kind string, raw []byte) (*Section, error) {
	r := reader{in: raw}
	s := &Section{Kind: kind}
	switch form := r.byte(); form {
	case baseShared:
		s.Shared = true
		s.IDs = r.ids()
	case basePrivate:
		s.Facts = r.facts(kind)
	default:
		return nil, fmt.Errorf("section of unknown form %d", form)
	}
	return s, r.end()
}

// fact returns the asset with a copy of that body; digests of private facts are not stored.
func fact(kind string, body []byte) snapshot.Asset {
	body = slices.Clone(body)
	return snapshot.Asset{Digest: asset.Of(kind, body), Body: body}
}
