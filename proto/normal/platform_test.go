// SPDX-License-Identifier: Apache-2.0

package normal

import "testing"

func TestPlatformFollowsFromTheSystemsName(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, want string }{
		{"macOS", "MACOS"},
		{"OS X", "MACOS"},
		{"Mac OS X", "MACOS"},
		{"iOS", "IOS"},
		{"iPadOS", "IPADOS"},
		{"tvOS", "TVOS"},
		{"Windows 11", "WINDOWS"},
		{"Microsoft Windows Server 2022", "WINDOWS"},
		{"Android", "ANDROID"},
		{"CentOS Stream", "LINUX"},
		{"Fedora Linux", "LINUX"},
		{"Red Hat Enterprise Linux", "LINUX"},
		{"rehl", "LINUX"},
		{"Debian GNU/Linux", "LINUX"},
		{"Ubuntu", "LINUX"},
		{"Gentoo", "LINUX"},
		{"Linux Mint", "LINUX"},
		{"Amazon Linux", "LINUX"},
		{"Oracle Linux Server", "LINUX"},
		// Names that the older rules leave without platform.
		{"openSUSE Leap", "LINUX"},
		{"openSUSE Tumbleweed", "LINUX"},
		{"SLES", "LINUX"},
		{"SUSE Linux Micro", "LINUX"},
		{"VMware Photon OS", "LINUX"},
		{"Pop!_OS", "LINUX"},
		{"pop", "LINUX"},
		{"arch", "LINUX"},
		{"rhel", "LINUX"},
		{"NixOS", "LINUX"},
		{"void", "LINUX"},
		{"Rocky", "LINUX"},
		{"AlmaLinux", "LINUX"},
		{"Raspbian", "LINUX"},
		{"SteamOS", "LINUX"},
		// Not ours to name.
		{"FreeBSD", ""},
		{"Oracle Solaris", ""},
		{"Archos 5", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := Platform(tt.name)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("Platform(%q) = %q, %v; want %q", tt.name, got, ok, tt.want)
			}
		})
	}
}
