// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestOSVersion(t *testing.T) {
	t.Parallel()
	release := func(s string) fstest.MapFS { return fstest.MapFS{"etc/os-release": text(s)} }
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
		err   error
	}{
		{
			name: "captured Debian, whose point release is in a file of its own", files: tree(t, "debian-12"),
			want: "{codename:bookworm,id:debian,major:12,minor:11,name:Debian GNU/Linux}",
		},
		{
			name: "Ubuntu: patch from the long version, debian_version is not its own",
			files: with(release("NAME=\"Ubuntu\"\nID=ubuntu\nVERSION_ID=\"24.04\"\nVERSION=\"24.04.1 LTS (Noble Numbat)\"\nVERSION_CODENAME=noble\n"),
				fstest.MapFS{"etc/debian_version": text("trixie/sid\n")}),
			want: "{codename:noble,id:ubuntu,major:24,minor:4,name:Ubuntu,patch:1}",
		},
		{
			name: "a descendant of Debian keeps its own number",
			files: with(release("NAME='Linux Mint'\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"12\"\n"),
				fstest.MapFS{"etc/debian_version": text("12.5\n")}),
			want: "{id:linuxmint,major:12,name:Linux Mint}",
		},
		{
			name: "CentOS 7 numbers its minor release elsewhere",
			files: with(release("NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"\nVERSION=\"7 (Core)\"\n"),
				fstest.MapFS{"etc/redhat-release": text("CentOS Linux release 7.9.2009 (Core)\n")}),
			want: "{id:centos,major:7,minor:9,name:CentOS Linux,patch:2009}",
		},
		{
			name: "before os-release", files: fstest.MapFS{"etc/redhat-release": text("CentOS release 6.10 (Final)\n")},
			want: "{major:6,minor:10,name:CentOS}",
		},
		{
			name: "rolling: no numbers, but major must be there", files: release("NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n"),
			want: "{build:rolling,id:arch,major:0,name:Arch Linux}",
		},
		{
			name: "Debian without a number", files: with(release("NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_CODENAME=forky\n"),
				fstest.MapFS{"etc/debian_version": text("forky/sid\n")}),
			want: "{codename:forky,id:debian,major:0,name:Debian GNU/Linux}",
		},
		{
			name:  "the vendor's place, three numbers, a variant",
			files: fstest.MapFS{"usr/lib/os-release": text("# comment\nNAME=Fedora\\ \nNAME=\"Fedora \\\"Linux\\\"\"\nID=fedora\nVERSION_ID=39.1.2.7\nVARIANT=\"Server Edition\"\n")},
			want:  "{edition:Server Edition,id:fedora,major:39,minor:1,name:Fedora \\Linux\\,patch:2}",
		},
		{name: "no system", files: fstest.MapFS{}, err: ErrAbsent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gather(t, "os_version", &hosttest.Machine{Files: tt.files})
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			if got := show(snap.OsVersion); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func FuzzOSRelease(f *testing.F) {
	f.Add("NAME=\"a \\$b\"\n#x=y\nVERSION_ID='1.2'\nVERSION=1.2.3 x")
	f.Add("NAME=\"\nNAME=\\\nVERSION_ID=99999999999999999999.1")
	f.Fuzz(func(t *testing.T, release string) {
		snap, err := gather(t, "os_version", &hosttest.Machine{Files: fstest.MapFS{"etc/os-release": text(release)}})
		if err != nil {
			t.Fatal(err)
		}
		if v := snap.OsVersion; v.Major == nil || v.GetMajor() < 0 || strings.ContainsRune(v.GetName(), 0) {
			t.Errorf("got %s", show(v))
		}
	})
}
