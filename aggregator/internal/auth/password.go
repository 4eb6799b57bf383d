// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Bounds of a password: its least length in characters, its greatest in bytes.
const (
	minPasswordChars = 12
	maxPasswordBytes = 1024
)

// The cost of argon2id that OWASP's password storage cheat sheet asks for at least: 19 MiB, two passes, one thread.
const (
	argonMemory  = 19 << 10 // KiB
	argonPasses  = 2
	argonThreads = 1
	saltBytes    = 16
	keyBytes     = 32
	// hashesAtOnce bounds the memory of everybody who signs in at the same moment.
	hashesAtOnce = 4
)

var errPHC = errors.New("no argon2id hash that this program writes")

// CheckPassword says why nobody should have this password, or nil.
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return errors.New("it is not valid text")
	case utf8.RuneCountInString(password) < minPasswordChars:
		return fmt.Errorf("it has to have at least %d characters", minPasswordChars)
	case len(password) > maxPasswordBytes:
		return fmt.Errorf("it is longer than %d bytes", maxPasswordBytes)
	}
	return nil
}

// Passwords hashes and verifies passwords, a few at a time; who comes later waits. It is safe for concurrent use.
type Passwords struct {
	slots chan struct{}
}

// NewPasswords returns one for the whole program.
func NewPasswords() *Passwords { return &Passwords{slots: make(chan struct{}, hashesAtOnce)} }

// Hash returns the password's argon2id hash in the PHC string format. The error is CheckPassword's or the context's.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	h := phc{memory: argonMemory, passes: argonPasses, threads: argonThreads, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(h.salt) // it never fails: crypto/rand ends the program instead
	h.key = h.derive(password, keyBytes)
	return h.String(), nil
}

// Verify reports whether the hash is the password's. With a hash that is none, such as "", it takes as long and says no.
// The error is the context's.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (bool, error) {
	if len(password) > maxPasswordBytes {
		return false, nil // nobody has it, so no name can be told by the time
	}
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	h, err := parsePHC(hash)
	if err != nil {
		h = phc{memory: argonMemory, passes: argonPasses, threads: argonThreads, salt: make([]byte, saltBytes), key: make([]byte, keyBytes)}
	}
	same := subtle.ConstantTimeCompare(h.derive(password, len(h.key)), h.key) == 1
	return same && err == nil, nil
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Passwords) leave() { <-p.slots }

// phc is an argon2id hash with what it was made from.
type phc struct {
	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

func (h phc) derive(password string, length int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(length)) //nolint:gosec // a few bytes
}

// String spells the hash as https://github.com/P-H-C/phc-string-format has it.
func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.threads,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

// parsePHC reads what String wrote, and hashes of other costs within reason.
func parsePHC(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(text) > 512 || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errPHC
	}
	var h phc
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil || n != 3 {
		return phc{}, errPHC
	}
	var err, err2 error
	h.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	switch {
	case err != nil, err2 != nil, h.String() != text, len(h.salt) < 8, len(h.key) < 16:
		return phc{}, errPHC
	case h.threads == 0, h.passes == 0, h.passes > 16, h.memory < 8*uint32(h.threads), h.memory > 256<<10:
		return phc{}, errPHC
	}
	return h, nil
}
