// SPDX-License-Identifier: Apache-2.0

package version

import (
	"strings"
	"testing"
)

// BenchmarkCompare compares two versions as machines have them, and the longest that are let through.
func BenchmarkCompare(b *testing.B) {
	pairs := []struct{ name, kind, a, b string }{
		{"deb", "deb_packages", "1:2.36-9+deb12u4", "1:2.36-9+deb12u10"},
		{"rpm", "rpm_packages", "2.34-100.el9_4.2", "2.34-100.el9_4.4"},
		{"apk", "apk_packages", "1.2.4-r2", "1.2.4-r10"},
		{"pacman", "pacman_packages", "1:6.1.0-3", "1:6.1.0-4"},
		{"python", "python_packages", "2.31.0", "2.32.0rc1"},
		{"semantic", "npm_packages", "18.2.0", "18.3.0-rc.1"},
		{"gem", "gem_packages", "7.0.4", "7.0.4.pre1"},
		{"maven", "java_components", "2.14.1", "2.17.1-rc1"},
		{"natural", "program_instances", "5.17.11 (34827)", "5.17.11 (34828)"},
		{"longest", "java_components", strings.Repeat("1.", maxBytes/2-1) + "1", strings.Repeat("1.", maxBytes/2-1) + "2"},
	}
	for _, p := range pairs {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c, err := Compare(p.kind, p.a, p.b); err != nil || c == 0 {
					b.Fatalf("got %d, %v", c, err)
				}
			}
		})
	}
}
