// SPDX-License-Identifier: Apache-2.0

package version

import (
	"strings"
	"testing"
)

// ladders are versions from old to new; those of one rung, between spaces, are equally old. Most are facts that the
// ecosystems publish: the version tests of dpkg, rpm, pacman, apk-tools, RubyGems and Maven, the examples of PEP 440 and
// of semver.org.
var ladders = []struct {
	name, kind string
	rungs      []string
}{
	{"dpkg tilde and epoch", "deb_packages", []string{
		"0~~", "0~~a", "0~", "0 00 0:0 0-0 0:0-00", "0-0a 0-00a", "0-1", "0-1a", "0a", "0+", "0.0", "0.1", "1:0", "1:0-1", "2:0.0",
	}},
	{"dpkg letters before the rest", "deb_packages", []string{
		"1.2.3~~", "1.2.3~rc1", "1.2.3~rc1+b1", "1.2.3", "1.2.3-1~bpo1", "1.2.3-1", "1.2.3-1+b1", "1.2.3-1.1", "1.2.3A", "1.2.3a", "1.2.3b", "1.2.3+dfsg", "1.2.3-4-5", "1.2.3.1",
	}},
	{"dpkg real", "deb_packages", []string{
		"2.36-9+deb12u4", "2.36-9+deb12u10", "2.36-10", "2.37~rc1-1", "2.37-1", "7.2p2-1", "7.2p10-1", "20240115", "1:7.1-1",
	}},
	{"dpkg numbers of any length", "deb_packages", []string{"1.18446744073709551615", "1.18446744073709551616", "1.99999999999999999999999999"}},

	{"rpm numbers", "rpm_packages", []string{
		"1.0 01.0 1.00 1_0 1+0 1.0. 0:1.0", "1.0.1", "2.0 2_0", "2.0.1", "2.0.1a", "5.5p1", "5.5p2", "5.5p10", "5.6p1", "5.6.5p1", "10xyz", "10.1xyz", "10.0001.1", "10.39", "1:0",
	}},
	{"rpm letters are older than numbers", "rpm_packages", []string{"1xyz.4", "1xyz10", "1.8", "2a", "2.0", "6.0.rc1", "6.0.1", "10a2", "10b2"}},
	{"rpm cases of letters", "rpm_packages", []string{"1.0A", "1.0a", "1.0aa", "1.0ab", "1.0b", "1.0.1"}},
	{"rpm tilde", "rpm_packages", []string{"1.0~~", "1.0~rc1~git123", "1.0~rc1", "1.0~rc2", "1.0", "1.0a"}},
	{"rpm caret", "rpm_packages", []string{
		"1.0~rc1", "1.0~rc1^git1", "1.0", "1.0^", "1.0^20160101~p1", "1.0^20160101", "1.0^20160101^git1", "1.0^20160102", "1.0a", "1.0.1",
	}},
	{"rpm releases", "rpm_packages", []string{
		"2.34", "2.34-~1", "2.34-60.el9", "2.34-100.el9", "2.34-100.el9_4.2", "2.34-100.el9_4.10", "2.34-100.el9_5", "2.34.1-1", "1:2.34", "1:2.34-1",
	}},

	{"pacman", "pacman_packages", []string{
		"1.5.a", "1.5.b", "1.5.0", "1.5.1 01.5.1", "1.5.1-1", "1.5.1-2", "1.5.2-1", "1.5.10", "1:1.0-1", "1:1.1-1", "10:0",
	}},
	{"pacman letters without a separator", "pacman_packages", []string{
		"1.0a", "1.0alpha", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a", "1.0.b", "1.0.1",
	}},

	{"apk suffixes", "apk_packages", []string{
		"1.2_alpha", "1.2_alpha1", "1.2_alpha2", "1.2_beta", "1.2_pre", "1.2_rc", "1.2_rc9", "1.2_rc10", "1.2", "1.2-r0", "1.2-r1", "1.2-r10",
		"1.2_cvs", "1.2_svn", "1.2_git20240101", "1.2_hg", "1.2_p_rc", "1.2_p", "1.2_p1", "1.2_p1_p", "1.2a", "1.2b", "1.2.0", "1.2.0-r1", "1.2.1",
	}},
	{"apk digits behind a dot", "apk_packages", []string{"2.0 02.0", "2.00", "2.005", "2.01", "2.05", "2.1", "2.5", "2.10", "2.50", "20", "100"}},
	{"apk commits", "apk_packages", []string{"1.2", "1.2-r1", "1.2~0a", "1.2~0a-r1", "1.2~0b", "1.2_git1", "1.2_git1-r0", "1.2_git1~0a"}},

	{"PEP 440", "python_packages", []string{
		"1.dev0 1.0.DEV0", "1.0.dev456", "1.0a1 1.0alpha1 1.0-a.1 1.0_ALPHA_1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
		"1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1 1.0c1 1.0pre1 1.0preview1", "1.0 1 v1.0 1.0.0 0!1", "1.0+abc.5",
		"1.0+abc.7 1.0+ABC-7 1.0+abc_07", "1.0+5 1.0+05", "1.0+5.a", "1.0+5.0", "1.0.post456.dev34", "1.0.post456 1.0-456 1.0.rev456 1.0r456", "1.0.15",
		"1.1.dev1", "1.1", "2012.4", "1!0.1",
	}},
	{"PEP 440 implicit numbers", "python_packages", []string{"1.2.dev 1.2.dev0", "1.2a 1.2a0 1.2a.", "1.2 1.2.0", "1.2.post 1.2.post0 1.2-0 1.2.r"}},

	{"semver.org", "npm_packages", []string{
		"0.0.0", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha 1.0.0-alpha+001", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
		"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0 1.0.0+20130313144700 v1.0.0 1 1.0", "1.9.0", "1.10.0", "1.11.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0",
	}},
	{"Go modules", "go_binaries", []string{
		"v0.0.0-20231012003039-104605ab7028", "v0.0.0-20240909161429-701f63a606c0", "v0.1.0", "v1.2.4-0.20240101000000-abcdef012345", "v1.2.4 v1.2.4+dirty",
		"v2.0.0+incompatible",
	}},

	{"gem", "gem_packages", []string{
		"0.beta", "0.0.beta.1 0.beta.1", "0 0.0.0", "1.a", "1.a10 1.0.0.a10", "1.b1 1.0.b.1", "1.pre 1.0-0 1.0.0-0.0", "1.rc1", "1 1.0 1.0.0 01", "1.8.2.a", "1.8.2.a9", "1.8.2.a10", "1.8.2.b",
		"1.8.2", "1.9", "1.10",
	}},
	{"gem with a platform behind a hyphen", "gem_packages", []string{"5.2.4.a", "5.2.4-x86 5.2.4.pre.x86", "5.2.4", "5.2.4.1"}},

	{"Maven qualifiers", "java_components", []string{
		"1-alpha2snapshot", "1-alpha2 1a2", "1-alpha-123 1.alpha123", "1-beta-2 1b2", "1-beta123", "1-m2 1-milestone2", "1-m11", "1-rc 1-CR", "1-cr2 1rc2", "1-rc123", "1-SNAPSHOT",
		"1 1.0 1-0 1.0.0 1-ga 1.final 1.0.RELEASE 1-Ga 1. 1-", "1-sp", "1-sp2", "1-sp123", "1-abc", "1-def", "1-pom-1", "1-1-snapshot", "1-1", "1-2", "1-123", "1.1", "2",
	}},
	{"Maven numbers", "java_components", []string{
		"2.0 2", "2.0.a 2-a 2.0.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0 2.1", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1", "2.2", "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2",
		"11.m11", "11", "11.a", "11b", "11c", "11m",
	}},
	{"Maven empty places", "java_components", []string{"1-1.foo-bar-1-baz", "1-1.foo-bar-1-baz-0.1 1-1.foo-bar1baz-.1", "1..2 1.0.2", "1.2"}},
	{"Maven components", "java_components", []string{
		"r03", "r09", "1.0.0.Beta1", "1.0.0.Final", "2.17.1", "9.0.65", "31.1-android", "31.1-jre", "42.2.5.jre7", "42.2.5.jre8", "20230227",
	}},

	{"applications", "program_instances", []string{
		"0.9.8zg", "0.9.8zh", "1.0.2-dev", "1.0.2-alpha", "1.0.2-beta", "1.0.2-beta2 1.0.2b2", "1.0.2-beta10", "1.0.2rc1",
		"1.0.2 1.0.2.0 v1.0.2 V1.0.2.0.0 1.0.2-release", "1.0.2a", "1.0.2k", "1.0.2-1 1.0.2_1 1.0.2+1", "1.0.2.1", "1.0.10", "10.0.19045.4046",
		"10.0.22621.1", "23H2", "24H1", "109.0.5414.119", "2024-01-15", "2024-02-01", "2024.1.5",
	}},
}

func TestLadders(t *testing.T) {
	t.Parallel()
	for _, l := range ladders {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			for i, rungA := range l.rungs {
				for j, rungB := range l.rungs {
					for a := range strings.FieldsSeq(rungA) {
						for b := range strings.FieldsSeq(rungB) {
							want := min(max(i-j, -1), 1)
							if got, err := Compare(l.kind, a, b); err != nil || got != want {
								t.Errorf("%s with %s: got %d, %v, want %d", a, b, got, err, want)
							}
						}
					}
				}
			}
		})
	}
}

func TestProgramsNumberThemselvesAsTheyLike(t *testing.T) {
	t.Parallel()
	rungs := []string{"Version 5.17.11 beta 2", "5.17.11", "5.17.11_2", "5.17.11 (34827)", "5.17.11 (34828)", "5.17.11 build 34829", "5.17.11.1"}
	for i := 1; i < len(rungs); i++ {
		if c := compared(t, "program_instances", rungs[i-1], rungs[i]); c != -1 {
			t.Errorf("%q with %q: got %d, want -1", rungs[i-1], rungs[i], c)
		}
	}
}
