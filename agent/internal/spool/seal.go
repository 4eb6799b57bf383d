// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"crypto/sha256"
	"errors"
)

// magic opens every file of the spool; its last byte is the format's version.
var magic = []byte("RCSPOOL\x01")

var errDamaged = errors.New("checksum does not match")

// seal returns the content of a file: magic, SHA-256 of the payload, payload.
func seal(payload []byte) []byte {
	sum := sha256.Sum256(payload)
	out := make([]byte, 0, len(magic)+len(sum)+len(payload))
	out = append(out, magic...)
	out = append(out, sum[:]...)
	return append(out, payload...)
}

// unseal returns the payload of a file that seal made.
func unseal(raw []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(raw, magic)
	if !ok || len(rest) < sha256.Size {
		return nil, errDamaged
	}
	payload := rest[sha256.Size:]
	if sum := sha256.Sum256(payload); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return nil, errDamaged
	}
	return payload, nil
}
