// SPDX-License-Identifier: Apache-2.0

// Package asset turns a fact into bytes and names those bytes.
//
// A fact is an inventory message; its canonical body is canonical JSON (RFC 8785) with unset and empty values left
// out, and its digest is SHA-256 over the kind, a NUL byte and that body. Whoever writes a fact hashes it once;
// whoever receives it hashes the received bytes and never encodes again. Protobuf's own encoding is not hashed: it
// is documented as not canonical. docs/digests.md has the format, testdata/vectors.json pins it.
package asset

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Digest is the SHA-256 of an asset, a section or a root. It is comparable and works as a map key; the zero Digest
// names nothing.
type Digest [sha256.Size]byte

// ID is the short name of an asset on the wire: the first 16 bytes of its Digest. The zero ID names nothing.
type ID [16]byte

// Of returns the digest of the asset with that kind and canonical body. It does not check the body: see Validate.
func Of(kind string, body []byte) Digest {
	h := sha256.New()
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write(body)
	var d Digest
	h.Sum(d[:0])
	return d
}

// ID returns the first 16 bytes.
func (d Digest) ID() ID { return ID(d[:16]) }

// String returns 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero tells whether the digest names nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// Compare orders digests by their bytes, as bytes.Compare does. Sections of thousands are sorted with it, and the first
// eight bytes nearly always decide.
func (d Digest) Compare(other Digest) int {
	if a, b := binary.BigEndian.Uint64(d[:]), binary.BigEndian.Uint64(other[:]); a != b {
		return cmp.Compare(a, b)
	}
	return bytes.Compare(d[:], other[:])
}

// String returns 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Compare orders ids by their bytes; it agrees with the order of the digests that they begin.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// ParseDigest reads 32 raw bytes.
func ParseDigest(raw []byte) (Digest, error) {
	if len(raw) != sha256.Size {
		return Digest{}, fmt.Errorf("digest of %d bytes, want %d", len(raw), sha256.Size)
	}
	return Digest(raw), nil
}

// ParseIDs reads ids that stand one after the other, 16 bytes each, strictly ascending.
func ParseIDs(raw []byte) ([]ID, error) {
	const size = len(ID{})
	if len(raw)%size != 0 {
		return nil, fmt.Errorf("id list of %d bytes, want a multiple of %d", len(raw), size)
	}
	ids := make([]ID, len(raw)/size)
	for i := range ids {
		ids[i] = ID(raw[i*size:])
		if i > 0 && ids[i-1].Compare(ids[i]) >= 0 {
			return nil, fmt.Errorf("id %s at position %d is not above the one before it", ids[i], i)
		}
	}
	return ids, nil
}
