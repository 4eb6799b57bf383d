// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/package-url/packageurl-go"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func at(month time.Month, day int) *fstest.MapFile {
	return &fstest.MapFile{ModTime: time.Date(2026, month, day, 18, 12, 5, 900, time.UTC)}
}

func TestDebPackagesAreWhatDpkgCountsAsInstalled(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{Files: tree(t, "debian-12", fstest.MapFS{
		"var/lib/dpkg/info/bash.list":               at(time.September, 22),
		"var/lib/dpkg/info/libc6:amd64.list":        at(time.January, 31),
		"var/lib/dpkg/info/held-back.list":          at(time.December, 1),
		"var/lib/dpkg/info/gcc-12-base.list":        at(time.March, 1), // of a system before several architectures
		"var/lib/dpkg/info/gcc-12-base:amd64.prerm": at(time.May, 1),
	})}
	snap, err := gather(t, "deb_packages", m)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*inventoryv1.DebPackage{}
	var names []string
	for _, p := range snap.DebPackages {
		got[p.GetName()] = p
		names = append(names, p.GetName())
	}
	want := []string{"adduser", "bash", "gcc-12-base", "libc6", "perl-base", "zlib1g", "held-back", "man-db"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q: what left only its configuration, or never got installed, is no package", names, want)
	}
	rows := []struct{ name, want string }{
		{"held-back", "{arch:all,install_time:2026-12-01T18:12:00,maintainer:Jo Doe <jo@example.org>,name:held-back," +
			"priority:optional,purl:pkg:deb/debian/held-back@1:2.0~rc1-1%2Bb2?arch=all&distro=debian-12,revision:1+b2," +
			"section:misc,size:12,source:held,source_version:1:2.0~rc1-1,status:hold ok installed," +
			"summary:something that must not be upgraded,version:1:2.0~rc1-1+b2}"},
		{"man-db", "{arch:amd64,name:man-db,purl:pkg:deb/debian/man-db@2.11.2-2?arch=amd64&distro=debian-12,revision:2," +
			"source:man-db,source_version:2.11.2-2,status:install ok triggers-pending,summary:tools for reading manual pages,version:2.11.2-2}"},
	}
	for _, r := range rows {
		if have := show(got[r.name]); have != r.want {
			t.Errorf("got  %s\nwant %s", have, r.want)
		}
	}
	times := map[string]string{"bash": "2026-09-22T18:12:00", "libc6": "2026-01-31T18:12:00", "gcc-12-base": "2026-03-01T18:12:00", "zlib1g": ""}
	for name, want := range times { // one peer has the month wrong by one
		if have := got[name].GetInstallTime(); have != want {
			t.Errorf("%s: installed at %q, want %q", name, have, want)
		}
	}
	if p := got["zlib1g"]; p.GetArch() != "amd64" || p.GetSource() != "zlib" || p.GetHomepage() == p.GetMaintainer() {
		t.Errorf("zlib1g: %s", show(p)) // peers name it zlib1g:amd64 and give the homepage as publisher
	}
	if !got["bash"].GetEssential() || got["adduser"].Essential != nil {
		t.Error("bash is essential, adduser does not say")
	}
}

func TestDebPackagesOfImagesWithoutPackageManager(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{Files: fstest.MapFS{
		"etc/os-release":                          text("ID=debian\nVERSION_ID=\"12\"\n"),
		"var/lib/dpkg/status.d/base":              text("Package: base-files\nVersion: 12.4\nArchitecture: amd64\n"),
		"var/lib/dpkg/status.d/tzdata":            text("Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n\n"),
		"var/lib/dpkg/status.d/tzdata.md5sums":    text("Package: trap\n"),
		"var/lib/dpkg/status.d/gone":              text("Package: gone\nStatus: purge ok not-installed\n"),
		"var/lib/dpkg/status.d/sub/not-a-package": text("Package: trap\n"),
	}}
	snap, err := gather(t, "deb_packages", m)
	if err != nil || len(snap.DebPackages) != 2 || snap.DebPackages[0].GetName() != "base-files" ||
		snap.DebPackages[1].GetPurl() != "pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12" {
		t.Errorf("got %s, %v", show(snap.DebPackages...), err)
	}
}

func TestDebPackagesAreAbsentWithoutDpkg(t *testing.T) {
	t.Parallel()
	if _, err := gather(t, "deb_packages", &hosttest.Machine{Files: tree(t, "alpine-3.19")}); !errors.Is(err, ErrAbsent) {
		t.Errorf("got %v, want %v", err, ErrAbsent)
	}
	snap, err := gather(t, "deb_packages", &hosttest.Machine{Files: fstest.MapFS{"var/lib/dpkg/status": text("")}})
	if err != nil || len(snap.DebPackages) != 0 {
		t.Errorf("an empty status file is an empty list: got %d packages, %v", len(snap.DebPackages), err)
	}
}

func TestThisMachineHasThePackagesThatDpkgQueryLists(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("dpkg-query", "-W", "-f=${db:Status-Status} ${Package} ${Version} ${Architecture}\n").Output()
	if err != nil {
		t.Skipf("THIS TEST NEEDS dpkg-query: %v", err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "installed "); ok {
			want = append(want, rest)
		}
	}
	snap, err := gather(t, "deb_packages", host.Local())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range snap.DebPackages {
		got = append(got, p.GetName()+" "+p.GetVersion()+" "+p.GetArch())
		if _, err := packageurl.FromString(p.GetPurl()); err != nil {
			t.Errorf("%s: %v", p.GetPurl(), err)
		}
		if p.InstallTime == nil {
			t.Errorf("%s: no install time", p.GetName())
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d packages, dpkg-query lists %d", len(got), len(want))
	}
}

func TestABrokenPackageDatabaseIsNoMachineWithoutPackages(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"deb_packages": "var/lib/dpkg/status",
		"apk_packages": "lib/apk/db/installed",
	} {
		m := &hosttest.Machine{Files: fstest.MapFS{file: hosttest.Text("\x7fELF nonsense\n")}}
		if _, err := gather(t, name, m); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: got %v, want an error that names the line", name, err)
		}
	}
}

func FuzzDpkgStatus(f *testing.F) {
	raw, err := os.ReadFile("testdata/debian-12/var/lib/dpkg/status")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw), false)
	f.Add("Package: a\nStatus: install ok installed\nVersion:\n  x\n\nPackage:b\r\n", true)
	f.Add("Source: ()\nPackage: \xff\x00\nInstalled-Size: 99999999999999999999\n", true)
	f.Fuzz(func(t *testing.T, status string, implied bool) {
		p := debParser{distro: distro{namespace: "debian", release: "debian-12"}}
		_ = p.parse(status, implied) // what it refuses is none of a status file; what it found before is looked at
		for _, d := range p.found {
			if d.Name == nil || strings.ContainsAny(d.GetName()+d.GetVersion()+d.GetSummary(), "\n\x00") {
				t.Errorf("bad row %s", show(d))
			}
		}
	})
}
