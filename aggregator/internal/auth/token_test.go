// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"encoding/hex"
	"errors"
	"regexp"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Checksums of the pinned tokens were computed with Python's zlib.crc32.
const (
	pinnedUser    = "ztlu_RollcallPinnedVectorOfToken0012yyJHy"
	pinnedService = "ztls_a1B2a1B2a1B2a1B2a1B2a1B2a1B2zZ1zriaA"
	pinnedPadded  = "ztls_00000000000000000000000000031700Uc3L" // its CRC-32 has four digits
	pinnedMachine = "rcm_a1B2a1B2a1B2a1B2a1B2a1B2a1B2zZ0JlI6j"
)

func TestShapeOfATokenIsChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, token string
		want        error
	}{
		{"user", pinnedUser, nil},
		{"service account", pinnedService, nil},
		{"checksum padded with zeros", pinnedPadded, nil},
		{"no underscore has no shape", "0123abcd", nil},
		{"empty", "", nil},
		{"one character changed", "ztlu_SollcallPinnedVectorOfToken0012yyJHy", auth.ErrMalformedToken},
		{"prefix changed", "ztls_RollcallPinnedVectorOfToken0012yyJHy", auth.ErrMalformedToken},
		{"unknown prefix", "ztlx_RollcallPinnedVectorOfToken0012yyJHy", auth.ErrMalformedToken},
		{"machine credential", pinnedMachine, auth.ErrMalformedToken},
		{"too short", "ztlu_", auth.ErrMalformedToken},
		{"too long", pinnedUser + "0", auth.ErrMalformedToken},
		{"only an underscore", "_", auth.ErrMalformedToken},
		{"not alphanumeric", "ztlu_RollcallPinnedVectorOfToken-012yyJHy", auth.ErrMalformedToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := auth.CheckToken(tt.token); !errors.Is(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestShapeOfAMachineCredentialIsChecked(t *testing.T) {
	t.Parallel()
	if err := auth.CheckMachineCredential(pinnedMachine); err != nil {
		t.Errorf("pinned: got %v, want nil", err)
	}
	for _, bad := range []string{"", "rcm_", pinnedUser, pinnedMachine[:39] + "0"} {
		if err := auth.CheckMachineCredential(bad); !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("%q: got %v, want ErrInvalidToken", bad, err)
		}
	}
}

func TestNewSecretsHaveTheirShapeAndDiffer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		make  func() string
		shape string
		check func(string) error
	}{
		{"user", func() string { return auth.NewToken(auth.User) }, `^ztlu_[0-9A-Za-z]{36}$`, auth.CheckToken},
		{"service account", func() string { return auth.NewToken(auth.ServiceAccount) }, `^ztls_[0-9A-Za-z]{36}$`, auth.CheckToken},
		{"machine", auth.NewMachineCredential, `^rcm_[0-9A-Za-z]{36}$`, auth.CheckMachineCredential},
		{"enrolment", auth.NewEnrollmentSecret, `^[0-9A-Za-z]{64}$`, auth.CheckToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for range 200 {
				secret := tt.make()
				if !regexp.MustCompile(tt.shape).MatchString(secret) {
					t.Fatalf("got %q, want %s", secret, tt.shape)
				}
				if err := tt.check(secret); err != nil {
					t.Fatalf("%q: %v", secret, err)
				}
				if seen[secret] {
					t.Fatalf("%q came twice", secret)
				}
				seen[secret] = true
			}
		})
	}
}

func TestDigestIsPinned(t *testing.T) {
	t.Parallel()
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // SHA-256 of "abc", FIPS 180-2
	d := auth.DigestOf("abc")
	if got := hex.EncodeToString(d[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
