// SPDX-License-Identifier: Apache-2.0

package version

import (
	"errors"
	"testing"
)

// fuzz hands a kind three texts of anybody's: each is refused with ErrMalformed or has its place in one order.
func fuzz(f *testing.F, kind string, seeds ...[3]string) {
	for _, s := range seeds {
		f.Add(s[0], s[1], s[2])
	}
	f.Add("", " ", "\x00")
	f.Add("1", "1.", "1..")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var accepted []string
		for _, v := range []string{a, b, c} {
			err := Check(kind, v)
			switch {
			case err == nil:
				accepted = append(accepted, v)
			case !errors.Is(err, ErrMalformed):
				t.Fatalf("check %q: got %v", v, err)
			}
		}
		if len(accepted) > 0 {
			for len(accepted) < 3 {
				accepted = append(accepted, accepted[0])
			}
			checkPreorder(t, kind, accepted)
		}
	})
}

func FuzzDeb(f *testing.F) {
	fuzz(f, "deb_packages", [3]string{"1:2.36-9+deb12u4", "2.36~rc1", "1:2.36"}, [3]string{"0:0-0", "1-", "a1"}, [3]string{"99999999999:1", "-1:1", "1:1:1-1-1"})
}

func FuzzRPM(f *testing.F) {
	fuzz(f, "rpm_packages", [3]string{"2.34-100.el9_4.2", "1:2.34", "2.34-"}, [3]string{"1.0~rc1^git", "1.0^", "~~"})
}

func FuzzAPK(f *testing.F) {
	fuzz(f, "apk_packages", [3]string{"1.2.4-r2", "1.2.4_rc1", "1.2.4a_p2~ff00-r1"}, [3]string{"1.05", "1.5", "1.005"}, [3]string{"1_x", "1-", "1~"})
}

func FuzzPacman(f *testing.F) {
	fuzz(f, "pacman_packages", [3]string{"1:6.1.0-3", "6.1.0rc1", "6.1.0.rc1"}, [3]string{"1..a", "1.a", "1.1"})
}

func FuzzPython(f *testing.F) {
	fuzz(f, "python_packages", [3]string{"1!2.0rc1.post2.dev3+ubuntu.1", "2.0-1", "v2.0"}, [3]string{"1.0a", "1.0.alpha-", "1.0+"})
}

func FuzzSemantic(f *testing.F) {
	fuzz(f, "npm_packages", [3]string{"1.2.3-rc.1+b.5", "1.2.3", "v1.2"}, [3]string{"1.2.3-", "01.2.3", "1.2.3-01"})
}

func FuzzGem(f *testing.F) {
	fuzz(f, "gem_packages", [3]string{"7.0.4.pre1", "7.0.4-x86", "7"}, [3]string{"1.0.a0", "1--", "1-.a"})
}

func FuzzMaven(f *testing.F) {
	fuzz(f, "java_components", [3]string{"2.17.1-rc1", "31.1-jre", "1.0.0.Final"}, [3]string{"1-0.0-ga.0", "1.-.1", "r09"})
}

func FuzzNatural(f *testing.F) {
	fuzz(f, "program_instances", [3]string{"5.17.11 (34827)", "v1.0 beta 2", "1.0.2k"}, [3]string{"10.0.22621.1", "É1", "1\xff"})
}
