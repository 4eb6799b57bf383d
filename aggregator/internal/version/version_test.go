// SPDX-License-Identifier: Apache-2.0

package version

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

func TestMalformedVersionsAreRefused(t *testing.T) {
	t.Parallel()
	long := "1." + strings.Repeat("0", maxBytes-1)
	malformed := map[string][]string{
		"deb_packages": {
			"a1", ":1", "1:", "-1", "1-", "1:-1", "a:1", "-1:1", "+1:1", "4294967296:1", "1 2", "1_2", "1-1_2", "1-1:", "é1", "1é", "latest",
		},
		"rpm_packages":      {"1:", "-1", "1-", "1-2-3", "1 2", "1/2", "1é", "a:1"},
		"pacman_packages":   {"1.", "1-1.", "1:", "-1", "1-2-3", "1 2", "1é"},
		"apk_packages":      {"a", "1.", "1..2", "1.a", "1_", "1_x", "1_rc_", "1ab", "1a1", "1a.1", "1-1", "1-r", "1-r1-r2", "1-r1_p1", "1~", "1~g", "1~A", "1.2A", "v1"},
		"python_packages":   {"a", "1.", ".1", "1x", "1.0+", "1.0+a..b", "1.0+a b", "1!", "!1", "1.0+a+b", "1--1", "1.0a1a1", "1.0.dev1.post1", "latest", "é1"},
		"npm_packages":      {"", "1.2.3.4", "01.2.3", "1.2-a", "1.2+a", "1.2.3-", "1.2.3+", "1.2.3-01", "1.2.3-a..b", "1.2.3-é", "1.x", "-1", "latest", "=1.2.3", "vv1.0.0"},
		"go_binaries":       {"(devel)", "v1.2.3-", "go1.22.1", "v"},
		"gem_packages":      {"a", "1.", "1..2", ".1", "1-", "1-a.", "1 2", "1_2", "1.a-b_"},
		"java_components":   {"UNKNOWN", "${project.version}", "1 2", "1/2", "1é", "..."},
		"program_instances": {"unknown", "-", "1\n2", "1\x00", "1\xff", "\u200b1"},
	}
	for kind, versions := range malformed {
		for _, v := range append(versions, "", " ", long) {
			if err := Check(kind, v); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s %q: got %v, want %v", kind, v, err, ErrMalformed)
			}
			for _, pair := range [][2]string{{v, "1"}, {"1", v}} {
				if _, err := Compare(kind, pair[0], pair[1]); !errors.Is(err, ErrMalformed) {
					t.Errorf("%s %q with %q: got %v, want %v", kind, pair[0], pair[1], err, ErrMalformed)
				}
			}
		}
	}
}

func TestErrorsNameTheVersion(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, v, want string }{
		{"deb_packages", "1-", `malformed version: "1-" is not a dpkg version: its revision is empty`},
		{"python_packages", "", "malformed version: it is empty"},
		{"rpm_packages", "1 2", `malformed version: "1 2" is not an rpm version: unexpected " "`},
		{"go_binaries", strings.Repeat("1", 300), `malformed version: "` + strings.Repeat("1", 32) + `"… has 300 bytes, more than 256`},
		{"disks", "1", "disks: versions of this kind have no order"},
	}
	for _, test := range tests {
		if err := Check(test.kind, test.v); err == nil || err.Error() != test.want {
			t.Errorf("%s %q: got %v, want %s", test.kind, test.v, err, test.want)
		}
	}
}

func TestOnlyKindsOfTheModelWithAVersionAreOrdered(t *testing.T) {
	t.Parallel()
	kinds := Kinds()
	if !slices.IsSorted(kinds) {
		t.Errorf("got %v, want them sorted", kinds)
	}
	for _, name := range kinds {
		kind, ok := snapshot.KindOf(name)
		if !ok || !kind.Shared || !Supports(name) {
			t.Errorf("%s: got found %v, shared %v, supported %v", name, ok, kind.Shared, Supports(name))
		}
	}
	for _, kind := range []string{"", "disks", "pending_updates", "certificates"} {
		if _, err := Compare(kind, "1", "2"); Supports(kind) || !errors.Is(err, ErrNoOrder) {
			t.Errorf("%q: got supported %v, %v", kind, Supports(kind), err)
		}
	}
}
