// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestPipesAreNotOpened(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	pipe := filepath.Join(root, "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := newFinder(host.At(root)).read("pipe", smallFile); got != nil {
		t.Errorf("got %q", got)
	}
}

const pacmanDesc = "%NAME%\nzlib\n\n%VERSION%\n1:1.3.1-2\n\n%BASE%\nzlib-src\n\n%DESC%\nCompression library\n\n%URL%\nhttps://zlib.net\n\n" +
	"%ARCH%\nx86_64\n\n%BUILDDATE%\n1690000000\n\n%INSTALLDATE%\n1700000000\n\n%PACKAGER%\nA Packager <a@example.org>\n\n" +
	"%SIZE%\n1234\n\n%REASON%\n1\n\n%LICENSE%\nZlib\nMIT\n\n%DEPENDS%\nglibc\n"

func TestPacmanPackages(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"etc/os-release":                               text("ID=arch\n"),
		"var/lib/pacman/local/ALPM_DB_VERSION":         text("9\n"),
		"var/lib/pacman/local/zlib-1:1.3.1-2/desc":     text(pacmanDesc),
		"var/lib/pacman/local/own-1-1/desc":            text("%NAME%\nown\n\n%VERSION%\n1-1\n"),
		"var/lib/pacman/local/half-1-1/files":          text("%FILES%\n"),
		"var/lib/pacman/local/nameless-1-1/desc":       text("%VERSION%\n1-1\n"),
		"var/lib/pacman/local/open-1-1/desc":           text("%NAME%"),
		"var/lib/pacman/local/binary-1-1/desc":         text("\x00\xff%%%\n%%\n"),
		"var/lib/pacman/local/zlib-1:1.3.1-2/unwanted": text("x"),
	}
	snap, err := gather(t, "pacman_packages", &hosttest.Machine{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	expectRows(t, "pacman", show(snap.PacmanPackages...), `
{install_reason:explicit,name:own,purl:pkg:alpm/arch/own@1-1?distro=arch,source:own,version:1-1}
{arch:x86_64,build_time_unix:1690000000,homepage:https://zlib.net,install_reason:dependency,install_time:2023-11-14T22:13:00,license:Zlib, MIT,`+
		`name:zlib,packager:A Packager <a@example.org>,purl:pkg:alpm/arch/zlib@1:1.3.1-2?arch=x86_64&distro=arch,size:1234,`+
		`source:zlib-src,summary:Compression library,version:1:1.3.1-2}`)
	if _, err := gather(t, "pacman_packages", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no pacman: got %v", err)
	}
}

const snapStateText = `{"data":{"auth":{},"snaps":{
"hello":{"type":"app","sequence":[{"name":"hello","snap-id":"old","revision":"9"},{"name":"hello","snap-id":"hello-id","revision":"10"}],"active":true,"current":"10","channel":"latest/stable"},
"core22":{"type":"base","sequence":[{"snap":{"name":"core22","snap-id":"core-id","revision":"1122"}}],"active":false,"current":"1122","channel":"latest/edge"},
"own":{"sequence":[{"name":"own","revision":"x1"}],"active":true,"current":"x1"},
"coming":{"sequence":[],"current":"unset"}}},"changes":{}}`

var snapTree = fstest.MapFS{
	"var/lib/snapd/state.json":          written(text(snapStateText)),
	"snap/README":                       text("x"),
	"snap/bin/hello":                    text("x"),
	"snap/hello/current":                link("10"),
	"snap/hello/9/meta/snap.yaml":       text("name: hello\nversion: 1.0\n"),
	"snap/hello/10/meta/snap.yaml":      text("name: hello\nversion: 1.10\nsummary: Says hello\nbase: core22\nlicense: GPL-3.0\narchitectures: [amd64]\nlinks:\n  website: [https://hello.example]\n"),
	"snap/core22/1122/meta/snap.yaml":   text("name: core22\nversion: '20240111'\ntype: base\narchitectures:\n- amd64\nconfinement: strict\n"),
	"snap/own/x1/meta/snap.yaml":        text("name: own\nversion: git\nconfinement: classic\n"),
	"snap/own/current":                  link("x1"),
	"var/lib/snapd/snaps/hello_10.snap": text("12345"),
	"var/lib/snapd/assertions/asserts-v0/snap-declaration/16/hello-id/active.4": text("type: snap-declaration\npublisher-id: acc1\n\npublisher-id: none\n"),
	"var/lib/snapd/assertions/asserts-v0/account/acc1/active":                   text("type: account\ndisplay-name: Example Ltd\n\nsignature"),
}

func TestSnapPackages(t *testing.T) {
	t.Parallel()
	snap, err := gather(t, "snap_packages", &hosttest.Machine{Files: snapTree})
	if err != nil {
		t.Fatal(err)
	}
	expectRows(t, "with the state", show(snap.SnapPackages...), `
{arch:amd64,channel:latest/edge,confinement:strict,enabled:false,name:core22,purl:pkg:snap/core22@20240111?arch=amd64,revision:1122,type:base,version:20240111}
{arch:amd64,base:core22,channel:latest/stable,confinement:strict,enabled:true,homepage:https://hello.example,license:GPL-3.0,name:hello,`+
		`publisher:Example Ltd,purl:pkg:snap/hello@1.10?arch=amd64,revision:10,size:5,summary:Says hello,type:app,version:1.10}
{confinement:classic,enabled:true,name:own,purl:pkg:snap/own@git,type:app,version:git}`)

	closed := refusing{snapTree, "var/lib/snapd/state.json", fs.ErrPermission}
	snap, err = gather(t, "snap_packages", &hosttest.Machine{Files: withLinks{closed, snapTree}})
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want the gap told", err)
	}
	c, m := here()["snap_packages"], &memo{}
	for range 2 { // what was refused is told in every round
		if _, err := gatherWithMemo(c, &hosttest.Machine{Files: withLinks{closed, snapTree}}, m); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("got %v, want the gap told", err)
		}
	}
	expectRows(t, "without privilege", show(snap.SnapPackages...), `
{arch:amd64,base:core22,confinement:strict,enabled:true,homepage:https://hello.example,license:GPL-3.0,name:hello,`+
		`purl:pkg:snap/hello@1.10?arch=amd64,revision:10,size:5,summary:Says hello,type:app,version:1.10}
{confinement:classic,enabled:true,name:own,purl:pkg:snap/own@git,type:app,version:git}`)
}

// withLinks adds links to a file system that hides them.
type withLinks struct {
	refusing
	links fstest.MapFS
}

func (l withLinks) ReadLink(name string) (string, error)       { return l.links.ReadLink(name) }
func (l withLinks) Lstat(name string) (fs.FileInfo, error)     { return l.links.Lstat(name) }
func (l withLinks) ReadDir(name string) ([]fs.DirEntry, error) { return l.links.ReadDir(name) }

// The files deploy in testdata were made by GLib's own serialiser from the values that the test names.
func TestFlatpakDeploy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file, origin, commit, version string
		size                          int64
		texts                         int
	}{
		{"app", "flathub", "3fd1c2a0c0ff4e3d0a2b7d6f1f3b8a1de6c4a2b9f0e1d2c3b4a5968778695a4b", "45.1", 318767104, 5},
		{"small", "o", "c", "", 5, 0},
		{"large", "flathub", strings.Repeat("a", 64), "1", 1 << 40, 2},
	}
	for _, tt := range tests {
		raw, err := os.ReadFile("testdata/packages/flatpak-deploy-" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := parseFlatpakDeploy(raw)
		if !ok || d.origin != tt.origin || d.commit != tt.commit || d.size != tt.size ||
			d.texts["appdata-version"] != tt.version || len(d.texts) != tt.texts {
			t.Errorf("%s: got %v %v %v %d %d texts", tt.file, ok, d.origin, d.commit, d.size, len(d.texts))
		}
	}
}

func TestFlatpakApps(t *testing.T) {
	t.Parallel()
	deploy, err := os.ReadFile("testdata/packages/flatpak-deploy-app")
	if err != nil {
		t.Fatal(err)
	}
	const app = "app/org.example.Editor/x86_64/stable/active"
	info := `<?xml version="1.0"?><component><id>org.example.Editor</id><name xml:lang="de">Texte</name><name>Other</name>
<developer id="x"><name>Example Developers</name></developer><releases><release version="46"/></releases></component>`
	files := fstest.MapFS{
		"var/lib/flatpak/" + app + "/deploy":                                                         written(&fstest.MapFile{Data: deploy}),
		"var/lib/flatpak/" + app + "/metadata":                                                       text("[Application]\nname=org.example.Editor\nruntime=org.gnome.Platform/x86_64/45\n\n[Context]\nshared=ipc;\n"),
		"var/lib/flatpak/" + app + "/files/share/metainfo/org.example.Editor.metainfo.xml":           text(info),
		"var/lib/flatpak/runtime/org.gnome.Platform/x86_64/45/active/metadata":                       text("[Runtime]\nname=org.gnome.Platform\n"),
		"home/a/.local/share/flatpak/" + app + "/deploy":                                             text("broken"),
		"home/b/.local/share/flatpak/" + app + "/deploy":                                             text("broken"),
		"home/b/.local/share/flatpak/" + app + "/files/share/appdata/org.example.Editor.appdata.xml": text("<a"),
	}
	snap, err := gather(t, "flatpak_apps", &hosttest.Machine{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	expectRows(t, "flatpak", show(snap.FlatpakApps...), `
{application_id:org.example.Editor,arch:x86_64,branch:stable,commit:3fd1c2a0c0ff4e3d0a2b7d6f1f3b8a1de6c4a2b9f0e1d2c3b4a5968778695a4b,`+
		`developer:Example Developers,install_time:2023-11-14T22:13:00,installation:system,license:GPL-3.0-or-later,name:Text Editor,origin:flathub,`+
		`purl:pkg:flatpak/org.example.Editor@45.1?arch=x86_64,runtime:org.gnome.Platform/x86_64/45,size:318767104,summary:Edit text files,type:app,version:45.1}
{application_id:org.gnome.Platform,arch:x86_64,branch:45,installation:system,purl:pkg:flatpak/org.gnome.Platform?arch=x86_64,type:runtime}
{application_id:org.example.Editor,arch:x86_64,branch:stable,installation:user,purl:pkg:flatpak/org.example.Editor?arch=x86_64,type:app}`)
}

func FuzzPacmanDesc(f *testing.F) {
	f.Add(pacmanDesc)
	f.Add("%%\n%NAME%\n\n%")
	f.Fuzz(func(t *testing.T, text string) { fits(t, parsePacmanDesc(text, distro{namespace: "arch"})) })
}

func FuzzSnapState(f *testing.F) {
	f.Add([]byte(snapStateText))
	f.Add([]byte(`{"data":{"snaps":{"a":{"current":1,"sequence":null}}}}`))
	f.Fuzz(func(_ *testing.T, raw []byte) { parseSnapState(raw) })
}

func FuzzSnapYAML(f *testing.F) {
	f.Add([]byte("name: hello\nversion: 1.10\narchitectures: [amd64]\nlinks:\n  website: https://a\n"))
	f.Add([]byte("a: &a [*a]\nversion: *a"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if y := parseSnapYAML(raw); y != nil {
			row := &inventoryv1.SnapPackage{}
			y.describe(row)
			fits(t, row)
		}
	})
}

func FuzzFlatpakDeploy(f *testing.F) {
	for _, name := range []string{"app", "small"} {
		raw, err := os.ReadFile("testdata/packages/flatpak-deploy-" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, raw []byte) { parseFlatpakDeploy(raw) })
}
