// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// Asset is one fact with its name.
type Asset struct {
	Digest asset.Digest
	Body   []byte // canonical
}

// Section is all assets of one kind. Assets stand in ascending order of their digests, each once.
type Section struct {
	Kind   string
	Assets []Asset
}

// Sections holds the sections of one snapshot by kind.
type Sections map[string]*Section

// ErrPresent and ErrAbsent say that a difference does not fit the section it is applied to.
var (
	ErrPresent = errors.New("added asset is in the section already")
	ErrAbsent  = errors.New("removed asset is not in the section")
)

// NewSection returns the section of the given bodies, in any order and with repetitions. It keeps the bodies and does
// not check that they are canonical.
func NewSection(kind string, bodies [][]byte) *Section {
	assets := make([]Asset, len(bodies))
	for i, body := range bodies {
		assets[i] = Asset{Digest: asset.Of(kind, body), Body: body}
	}
	return sectionOf(kind, assets)
}

// sectionOf returns the section of assets in any order and with repetitions; it takes the slice over.
func sectionOf(kind string, assets []Asset) *Section {
	slices.SortFunc(assets, func(a, b Asset) int { return a.Digest.Compare(b.Digest) })
	assets = slices.CompactFunc(assets, func(a, b Asset) bool { return a.Digest == b.Digest })
	return &Section{Kind: kind, Assets: assets}
}

// Digests returns the digests of the assets, ascending.
func (s *Section) Digests() []asset.Digest {
	digests := make([]asset.Digest, len(s.Assets))
	for i := range s.Assets {
		digests[i] = s.Assets[i].Digest
	}
	return digests
}

// Digest returns the section digest.
func (s *Section) Digest() asset.Digest { return Digest(s.Kind, s.Digests()) }

// Digest returns the section digest of assets given in strictly ascending order: SHA-256 over the kind, a NUL byte,
// the count as eight bytes big endian, and the digests one after the other.
func Digest(kind string, ascending []asset.Digest) asset.Digest {
	h := sha256.New()
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(ascending))))
	for i := range ascending {
		h.Write(ascending[i][:])
	}
	var d asset.Digest
	h.Sum(d[:0])
	return d
}

// Root returns the digest of a snapshot from its section digests: SHA-256 over, for each kind in the byte order of
// its name, the name's length as four bytes big endian, the name and the section digest. An empty section belongs to
// the map; a dropped one does not.
func Root(sections map[string]asset.Digest) asset.Digest {
	kinds := make([]string, 0, len(sections))
	for kind := range sections {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	h := sha256.New()
	for _, kind := range kinds {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(kind))))
		h.Write([]byte(kind))
		d := sections[kind]
		h.Write(d[:])
	}
	var root asset.Digest
	h.Sum(root[:0])
	return root
}

// Digests returns the section digests by kind.
func (s Sections) Digests() map[string]asset.Digest {
	digests := make(map[string]asset.Digest, len(s))
	for kind, section := range s {
		digests[kind] = section.Digest()
	}
	return digests
}

// Diff compares two ascending lists of digests. Both results are ascending.
func Diff(before, after []asset.Digest) (added, removed []asset.Digest) {
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		switch c := before[i].Compare(after[j]); {
		case c < 0:
			removed = append(removed, before[i])
			i++
		case c > 0:
			added = append(added, after[j])
			j++
		default:
			i++
			j++
		}
	}
	return append(added, after[j:]...), append(removed, before[i:]...)
}

// Apply returns the section's digests after removed left and added came; before and the result are ascending, removed
// and added may stand in any order. An added digest that is present or named twice gives ErrPresent, as does one that
// shares its id with another; a removed id that is absent or named twice gives ErrAbsent.
func Apply(before []asset.Digest, removed []asset.ID, added []asset.Digest) ([]asset.Digest, error) {
	removed, added = slices.Clone(removed), slices.Clone(added)
	slices.SortFunc(removed, asset.ID.Compare)
	slices.SortFunc(added, asset.Digest.Compare)
	after := make([]asset.Digest, 0, len(before)+len(added))
	for _, d := range before {
		if len(removed) > 0 && removed[0] == d.ID() {
			removed = removed[1:]
			continue
		}
		for len(added) > 0 && added[0].Compare(d) < 0 {
			after = append(after, added[0])
			added = added[1:]
		}
		after = append(after, d)
	}
	after = append(after, added...)
	if len(removed) > 0 { // an absent id matches nothing and stays in front
		return nil, fmt.Errorf("%w: %s", ErrAbsent, removed[0])
	}
	for i := 1; i < len(after); i++ {
		if after[i].ID() == after[i-1].ID() {
			return nil, fmt.Errorf("%w: %s", ErrPresent, after[i].ID())
		}
	}
	return after, nil
}
