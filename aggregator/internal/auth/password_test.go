// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const pinnedPassword = "correct horse battery"

// referenceHash is that of "password" in the tests of https://github.com/P-H-C/phc-winner-argon2.
const referenceHash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestPasswordsAreHashedAndVerified(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords()
	hash, err := p.Hash(t.Context(), pinnedPassword)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, pinnedPassword) {
		t.Fatalf("got %q, %v", hash, err)
	}
	if other, _ := p.Hash(t.Context(), pinnedPassword); other == hash {
		t.Error("two hashes of a password are the same: there is no salt")
	}
	tests := []struct {
		name, hash, password string
		want                 bool
	}{
		{"right", hash, pinnedPassword, true},
		{"of the reference implementation", referenceHash, "password", true},
		{"wrong", hash, pinnedPassword + " ", false},
		{"empty", hash, "", false},
		{"no hash", "", pinnedPassword, false},
		{"no hash and no password", "", "", false},
		{"too long", hash, strings.Repeat("a", 2000), false},
		{"cut off", hash[:len(hash)-4], pinnedPassword, false},
		{"other cost", strings.Replace(hash, "t=2", "t=3", 1), pinnedPassword, false},
		{"unreasonable cost", strings.Replace(hash, "m=19456", "m=99999999", 1), pinnedPassword, false},
		{"another function", strings.Replace(hash, "argon2id", "argon2i", 1), pinnedPassword, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, err := p.Verify(t.Context(), tt.hash, tt.password); got != tt.want || err != nil {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestWeakPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"":                        false,
		"elevenchars":             false,
		"twelve chars":            true,
		"zwölf Zeiche":            true,
		"öööööö":                  false, // twelve bytes
		"with a \x00 inside it":   false,
		"not UTF-8 \xff at all":   false,
		strings.Repeat("a", 1024): true,
		strings.Repeat("a", 1025): false,
	}
	for password, want := range tests {
		if err := auth.CheckPassword(password); (err == nil) != want {
			t.Errorf("%.20q: got %v, want it to be taken: %v", password, err, want)
		}
	}
	if _, err := auth.NewPasswords().Hash(t.Context(), "short"); err == nil {
		t.Error("a short password gets a hash")
	}
}

func TestHashesWaitForEachOther(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords()
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			if _, err := p.Hash(t.Context(), pinnedPassword); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // it takes a free slot at random, but never hangs
		if _, err := p.Verify(gone, "", pinnedPassword); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$")
	f.Add("$$$$$")
	p := auth.NewPasswords()
	f.Fuzz(func(t *testing.T, hash string) {
		if len(hash) > 200 || strings.Contains(hash, "m=") && !strings.Contains(hash, "m=8,t=1,p=1$") {
			return // a costly one says nothing new
		}
		if ok, err := p.Verify(t.Context(), hash, "a password that nobody has"); ok || err != nil {
			t.Errorf("%q: got %v, %v", hash, ok, err)
		}
	})
}
