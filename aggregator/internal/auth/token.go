// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"strings"
)

// Prefixes of a secret: who it belongs to. Those of API tokens are the outside contract's, because its clients check the
// shape of a token before they send it.
const (
	userPrefix    = "ztlu_"
	servicePrefix = "ztls_"
	machinePrefix = "rcm_"
)

const (
	// base62 are the digits of the checksum in the order that existing clients expect.
	base62          = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	randomChars     = 30 // 178 bits
	checksumChars   = 6  // enough for 32 bits in base 62
	enrollmentChars = 64
)

// ErrInvalidToken means that no such token was issued, or that it is no longer valid.
var ErrInvalidToken = errors.New("Invalid token.") //nolint:revive,staticcheck // the contract's text, sent as it is

// ErrMalformedToken means that the text was never a token: it has an underscore, but a wrong prefix or checksum.
var ErrMalformedToken = errors.New("Invalid ztl token.") //nolint:revive,staticcheck // the contract's text, sent as it is

// Digest is what the store keeps of a secret: its SHA-256. The secrets are random, so no salt or slow hash is needed.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a token, machine credential or enrolment secret.
func DigestOf(secret string) Digest { return sha256.Sum256([]byte(secret)) }

// NewToken returns a new API token of a user or of a service account: prefix, 30 random characters of [0-9A-Za-z],
// and the CRC-32 of all that as 6 characters in base 62. It is shown once and stored as its digest.
func NewToken(kind Kind) string {
	prefix := servicePrefix
	if kind == User {
		prefix = userPrefix
	}
	return withChecksum(prefix + random(randomChars))
}

// NewMachineCredential returns a new secret with which one machine authenticates, in the shape of a token.
func NewMachineCredential() string { return withChecksum(machinePrefix + random(randomChars)) }

// NewEnrollmentSecret returns a new enrolment secret: 64 random characters of [0-9A-Za-z].
func NewEnrollmentSecret() string { return random(enrollmentChars) }

// NewSessionSecret returns what a browser's cookie holds: 64 random characters of [0-9A-Za-z].
func NewSessionSecret() string { return random(enrollmentChars) }

// CheckToken tells texts that cannot be an API token from those worth a look in the store. A key without an underscore
// has no shape to check and passes, as the contract wants. It returns ErrMalformedToken or nil.
func CheckToken(token string) error {
	if !strings.Contains(token, "_") {
		return nil
	}
	if (strings.HasPrefix(token, userPrefix) || strings.HasPrefix(token, servicePrefix)) && checksumHolds(token, len(userPrefix)) {
		return nil
	}
	return ErrMalformedToken
}

// CheckMachineCredential is CheckToken for machine credentials, which always have their shape.
func CheckMachineCredential(credential string) error {
	if strings.HasPrefix(credential, machinePrefix) && checksumHolds(credential, len(machinePrefix)) {
		return nil
	}
	return ErrInvalidToken
}

func checksumHolds(token string, prefix int) bool {
	if len(token) != prefix+randomChars+checksumChars {
		return false
	}
	for i := prefix; i < len(token); i++ {
		if !alphanumeric(token[i]) {
			return false
		}
	}
	return withChecksum(token[:len(token)-checksumChars]) == token
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// withChecksum appends the CRC-32 (IEEE) of text in base 62, most significant digit first, padded with zeros.
func withChecksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var digits [checksumChars]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return text + string(digits[:])
}

// random returns n characters, each of the 62 equally likely.
func random(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // it never fails: crypto/rand ends the program instead
		for _, b := range buf {
			if b < 4*62 && len(out) < n { // larger bytes would favour the first characters
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out)
}
