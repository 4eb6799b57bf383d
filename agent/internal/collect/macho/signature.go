// SPDX-License-Identifier: Apache-2.0

package macho

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // what old signatures hold
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Signature is what a program's signature says.
type Signature struct {
	// Identifier is what the signer calls the program, most often its bundle's identifier.
	Identifier string
	// TeamID is the signer's team at Apple, ten characters; empty for Apple's own programs and for those signed ad hoc.
	TeamID string
	// CDHash identifies the program for the system: 40 hexadecimal digits.
	CDHash string
	// AdHoc tells that nobody signed it: there are hashes and no certificates.
	AdHoc bool
	// Entitlements is the property list of what the program may do, in XML; nil for none.
	Entitlements []byte
	// Certificates are those in the signature in DER form, the signer's own first; what cannot be read is left out.
	Certificates [][]byte
	// SigningTime is what the signer's clock said, SecureSigningTime what a time server of Apple confirmed; zero if absent.
	SigningTime, SecureSigningTime time.Time
}

// Magic numbers, slots and flags of cs_blobs.h.
const (
	magicSuperBlob     = 0xfade0cc0
	magicCodeDirectory = 0xfade0c02
	magicEntitlements  = 0xfade7171
	magicBlobWrapper   = 0xfade0b01

	slotCodeDirectory = 0
	slotEntitlements  = 5
	slotAlternate     = 0x1000
	maxAlternates     = 5
	slotSignature     = 0x10000

	flagAdHoc = 0x2
	// versionTeamID is the first version of a code directory that has room for a team.
	versionTeamID = 0x20200
)

// maxBlobs bounds the index of a signature; real ones have about six entries.
const maxBlobs = 256

// cdHashSize is the length of CDHash in bytes, whatever hash it is the beginning of.
const cdHashSize = 20

// parseSuperBlob reads a signature: an index of slots, each with one blob.
func parseSuperBlob(raw []byte) (*Signature, error) {
	if len(raw) < 12 || binary.BigEndian.Uint32(raw) != magicSuperBlob {
		return nil, fmt.Errorf("%w: no signature where it should be", ErrFormat)
	}
	n := binary.BigEndian.Uint32(raw[8:])
	if n > maxBlobs || int(n)*8 > len(raw)-12 {
		return nil, fmt.Errorf("%w: %d blobs", ErrFormat, n)
	}
	sig := &Signature{}
	best := 0
	for i := range int(n) {
		slot, at := binary.BigEndian.Uint32(raw[12+8*i:]), binary.BigEndian.Uint32(raw[16+8*i:])
		magic, blob, err := blobAt(raw, at)
		if err != nil {
			return nil, err
		}
		switch {
		case magic == magicCodeDirectory && (slot == slotCodeDirectory || slot >= slotAlternate && slot < slotAlternate+maxAlternates):
			if err := sig.addDirectory(blob, &best); err != nil {
				return nil, err
			}
		case magic == magicEntitlements && slot == slotEntitlements:
			sig.Entitlements = bytes.Clone(blob[8:])
		case magic == magicBlobWrapper && slot == slotSignature:
			sig.addMessage(blob[8:])
		}
	}
	if best == 0 {
		return nil, fmt.Errorf("%w: no code directory", ErrFormat)
	}
	return sig, nil
}

// blobAt returns a blob whole, with its magic number and length.
func blobAt(raw []byte, at uint32) (magic uint32, blob []byte, err error) {
	if int64(at)+8 > int64(len(raw)) {
		return 0, nil, fmt.Errorf("%w: a blob is outside", ErrFormat)
	}
	length := binary.BigEndian.Uint32(raw[at+4:])
	if length < 8 || int64(length) > int64(len(raw))-int64(at) {
		return 0, nil, fmt.Errorf("%w: blob of %d bytes", ErrFormat, length)
	}
	return binary.BigEndian.Uint32(raw[at:]), raw[at:][:length], nil
}

// addDirectory takes the facts of a code directory, if its hash is better than that of the best so far. The system
// prefers SHA-384 to SHA-256, whole or cut to 20 bytes, and that to SHA-1.
func (s *Signature) addDirectory(blob []byte, best *int) error {
	if len(blob) < 44 {
		return fmt.Errorf("%w: code directory of %d bytes", ErrFormat, len(blob))
	}
	hash, rank := directoryHash(blob[37], blob)
	if rank <= *best {
		return nil
	}
	*best = rank
	s.CDHash = hex.EncodeToString(hash[:cdHashSize])
	s.AdHoc = binary.BigEndian.Uint32(blob[12:])&flagAdHoc != 0
	s.Identifier = textAt(blob, binary.BigEndian.Uint32(blob[20:]))
	s.TeamID = ""
	if binary.BigEndian.Uint32(blob[8:]) >= versionTeamID && len(blob) >= 52 {
		s.TeamID = textAt(blob, binary.BigEndian.Uint32(blob[48:]))
	}
	return nil
}

// directoryHash hashes a code directory as its type of hash says; rank 0 for a type that is not known.
func directoryHash(kind byte, blob []byte) (hash []byte, rank int) {
	switch kind {
	case 1:
		sum := sha1.Sum(blob) //nolint:gosec // see above
		return sum[:], 1
	case 2, 3:
		sum := sha256.Sum256(blob)
		return sum[:], 2 + int(3-kind)
	case 4:
		sum := sha512.Sum384(blob)
		return sum[:], 4
	}
	return nil, 0
}

// textAt returns the text that ends in NUL at an offset of a blob; "" for offset 0, which means none.
func textAt(blob []byte, at uint32) string {
	if at == 0 || int64(at) >= int64(len(blob)) {
		return ""
	}
	text, _, ended := bytes.Cut(blob[at:], []byte{0})
	if !ended {
		return ""
	}
	return string(text)
}
