// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// The Alpine tree in testdata has the shape of the system's, with two of its packages.
func TestApkPackages(t *testing.T) {
	t.Parallel()
	files := tree(t, "alpine-3.19")
	merged := fstest.MapFS{"usr/lib/apk/db/installed": files["lib/apk/db/installed"], "etc/os-release": files["etc/os-release"]}
	for name, fsys := range map[string]fstest.MapFS{"its place": files, "the place of a merged usr": merged} {
		snap, err := gather(t, "apk_packages", &hosttest.Machine{Files: fsys})
		if err != nil || len(snap.ApkPackages) != 2 {
			t.Fatalf("%s: %d packages, %v", name, len(snap.ApkPackages), err)
		}
		want := "{arch:x86_64,build_time_unix:1699267750,commit:ca7f2ab5e88794e4e654b40776f8a92256f50639," +
			"homepage:https://musl.libc.org/,license:MIT,maintainer:Timo Teräs <timo.teras@iki.fi>,name:musl," +
			"purl:pkg:apk/alpine/musl@1.2.4_git20230717-r4?arch=x86_64&distro=alpine-3.19.1,size:667648,source:musl," +
			"summary:the musl c library (libc) implementation,version:1.2.4_git20230717-r4}"
		got := show(snap.ApkPackages[1])
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	if _, err := gather(t, "apk_packages", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no database: got %v, want %v", err, ErrAbsent)
	}
}

func TestRpmPackages(t *testing.T) {
	t.Parallel()
	database, err := os.ReadFile("rpmdb/testdata/sqlite/rpmdb.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	release := text("ID=rocky\nVERSION_ID=\"9.3\"\n")
	for _, folder := range rpmFolders {
		m := &hosttest.Machine{Files: fstest.MapFS{"etc/os-release": release, folder + "/rpmdb.sqlite": {Data: database}}}
		snap, err := gather(t, "rpm_packages", m)
		if err != nil || len(snap.RpmPackages) != 3 {
			t.Fatalf("%s: %d packages, %v", folder, len(snap.RpmPackages), err)
		}
		first, second := snap.RpmPackages[0], snap.RpmPackages[1]
		want := "pkg:rpm/rocky/rollcall-probe@1.4.2-3.el9?arch=noarch&distro=rocky-9.3&epoch=2"
		if first.GetPurl() != want || first.GetInstallTime() != "2023-11-14T22:13:00" || first.GetEpoch() != 2 {
			t.Errorf("got %s, want purl %s", show(first), want)
		}
		if second.Epoch != nil || second.GetVersion() != "0.9~rc1" {
			t.Errorf("a package without an epoch: got %s", show(second))
		}
	}
	if _, err := gather(t, "rpm_packages", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no database: got %v, want %v", err, ErrAbsent)
	}
	broken := &hosttest.Machine{Files: fstest.MapFS{"var/lib/rpm/Packages": text("not a database")}}
	if _, err := gather(t, "rpm_packages", broken); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("a broken database: got %v, want a failure", err)
	}
}

func FuzzAPKInstalled(f *testing.F) {
	raw, err := os.ReadFile("testdata/alpine-3.19/lib/apk/db/installed")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw))
	f.Add("P:\nP:a\nV:\xff\nI:-1\n\n\nV:1")
	f.Fuzz(func(t *testing.T, installed string) {
		rows, _ := parseApkInstalled(installed, distro{}) // most of what is tried is refused
		for _, p := range rows {
			if p.Name == nil || !strings.HasPrefix(p.GetPurl(), "pkg:apk/") {
				t.Errorf("bad row %s", show(p))
			}
		}
	})
}
