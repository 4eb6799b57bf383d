// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strings"
	"testing"
)

func TestSysctlIsSpelledByItsType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		raw  []byte
		want string
	}{
		{"hw.model", []byte("Mac14,2\x00"), "Mac14,2"},
		{"hw.model", []byte("Mac14,2"), "Mac14,2"},
		{"hw.memsize", []byte{0, 0, 0, 0, 4, 0, 0, 0}, "17179869184"},
		{"hw.physicalcpu", []byte{8, 0, 0, 0}, "8"},
		{"machdep.cpu.stepping", []byte{10}, "10"},
		{"hw.memsize", make([]byte, 9), ""},
	}
	for _, tt := range tests {
		if got := sysctlText(tt.name, tt.raw); got != tt.want {
			t.Errorf("%s of %x: got %q, want %q", tt.name, tt.raw, got, tt.want)
		}
	}
}

// TestProgramsAreFixed pins that every program is named by its whole path and takes no pattern of a shell.
func TestProgramsAreFixed(t *testing.T) {
	t.Parallel()
	for _, p := range []Program{
		PlatformExpert, BootChosen, Battery, DiskList, APFSList, ProfileList, SystemCertificates, RootCertificates,
	} {
		if !strings.HasPrefix(string(p), "/usr/") || strings.ContainsAny(string(p), "$*?;|&<>`'\"\\") {
			t.Errorf("%q", p)
		}
	}
}
