// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// macPrograms are the answers of the tree's programs, by the file that holds them.
var macPrograms = map[string]host.Program{
	"platform-expert": host.PlatformExpert, "chosen": host.BootChosen, "battery": host.Battery, "disk-list": host.DiskList,
	"apfs-list": host.APFSList, "profiles": host.ProfileList,
}

// mac is the machine of testdata/macos-15, to which a test may add files.
func mac(t testing.TB, more ...fstest.MapFS) *hosttest.Machine {
	t.Helper()
	files := tree(t, "macos-15", append([]fstest.MapFS{{
		"etc/localtime":                               link("/var/db/timezone/zoneinfo/Europe/Berlin"),
		"Applications/Safari.app":                     link("../System/Cryptexes/App/System/Applications/Safari.app"),
		"Applications/Linked.app":                     link("../Library/Acme/Linked.app"),
		"Library/Acme/Linked.app/Contents/Info.plist": text(`<plist><dict><key>CFBundleIdentifier</key><string>com.example.linked</string></dict></plist>`),
		"System/Cryptexes/App/System/Applications/Safari.app/Contents/Info.plist": text(
			`<plist><dict><key>CFBundleIdentifier</key><string>com.apple.Safari</string><key>CFBundleShortVersionString</key><string>18.6</string></dict></plist>`),
	}}, more...)...)
	programs := map[host.Program][]byte{}
	for name, p := range macPrograms {
		programs[p] = files["programs/"+name+".plist"].Data
	}
	pem, err := os.ReadFile(filepath.Join("testdata", "macos-15", "programs", "certificates.pem"))
	if err != nil {
		t.Fatal(err)
	}
	programs[host.SystemCertificates], programs[host.RootCertificates] = pem, pem
	return &hosttest.Machine{
		Files: files, Programs: programs, Kernel: host.Uname{KernelName: "Darwin", Release: "24.6.0", Machine: "arm64"},
		Sysctls: map[string]string{
			"hw.model": "Mac14,2", "hw.physicalcpu": "8", "hw.logicalcpu": "8", "hw.packages": "1", "hw.memsize": "17179869184",
			"machdep.cpu.brand_string": "Apple M2", "hw.cpusubtype": "2", "kern.hv_vmm_present": "0",
		},
		NICs: []host.Interface{
			{Name: "lo0", Loopback: true, Addresses: addresses("127.0.0.1/8")},
			{Name: "en0", MAC: "A4:CF:99:01:02:03", MTU: 1500, Addresses: append(addresses("192.168.1.23/24", "fe80::1c/64", "2001:db8::23/64"),
				host.Address{Prefix: netip.MustParsePrefix("2001:db8::dead/64"), Temporary: true})},
			{Name: "awdl0", MAC: "36:00:00:00:00:01", MTU: 1500, Addresses: addresses("fe80::2/64")},
			{Name: "bridge0", MAC: "36:00:00:00:00:02", MTU: 1500, Addresses: addresses("fe80::3/64")},
			{Name: "bridge100", MAC: "36:00:00:00:00:03", MTU: 1500, Addresses: addresses("192.168.64.1/24")},
		},
		Mounted: []host.Mount{
			{Device: "/dev/disk3s1s1", Path: "/", Type: "apfs", Options: []string{"ro"}},
			{Device: "devfs", Path: "/dev", Type: "devfs"},
			{Device: "/dev/disk3s5", Path: "/System/Volumes/Data", Type: "apfs", Options: []string{"rw"}},
			{Device: "/dev/disk3s7", Path: "/System/Volumes/Update/mnt1", Type: "apfs"},
			{Device: "/dev/disk6s1", Path: "/Volumes/Installer", Type: "hfs"},
		},
	}
}

// addresses parses prefixes; those of IPv4 have a broadcast address.
func addresses(prefixes ...string) []host.Address {
	var found []host.Address
	for _, p := range prefixes {
		a := host.Address{Prefix: netip.MustParsePrefix(p)}
		if a.Prefix.Addr().Is4() && !a.Prefix.Addr().IsLoopback() {
			a.Broadcast = netip.MustParseAddr("192.168.1.255")
		}
		found = append(found, a)
	}
	return found
}

// TestGoldenMac runs every collector of macOS on the tree. Write the golden file anew with -update.
func TestGoldenMac(t *testing.T) {
	t.Parallel()
	m, cache := mac(t), &Cache{}
	report := runAll(context.Background(), m, registries["darwin"], Options{Cache: cache})
	for _, trouble := range report.Troubles {
		if trouble.Collector != "osx_app_instances" || !strings.Contains(trouble.Err.Error(), "Broken.app") {
			t.Errorf("%s: %v", trouble.Collector, trouble.Err)
		}
	}
	raw, err := asset.JSON(report.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"not for anybody", "s3cr3t", "ShadowHash", "********"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("the snapshot holds %q", secret)
		}
	}
	var shown bytes.Buffer
	if err := json.Indent(&shown, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "macos-15.golden.json", append(shown.Bytes(), '\n'))
	again, err := asset.JSON(runAll(context.Background(), m, registries["darwin"], Options{Cache: cache}).Snapshot)
	if err != nil || !bytes.Equal(again, raw) {
		t.Errorf("a second collection differs: %v", err)
	}
}

// TestUnchangedListsAreNotReadAgain counts what a second collection reads of the files that were parsed before.
func TestUnchangedListsAreNotReadAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"osx_app_instances", "receipts", "services", "scheduled_tasks", "users", "local_groups"} {
		only, cache, files := map[string]Collector{name: registries["darwin"][name]}, &Cache{}, &opened{}
		m := mac(t)
		files.MapFS, m.Files = m.Files.(fstest.MapFS), files
		runAll(context.Background(), m, only, Options{Cache: cache})
		first := files.n.Swap(0)
		runAll(context.Background(), m, only, Options{Cache: cache})
		// the settings that concern all of a kind, and a list that is broken, are read each time
		if again := files.n.Load(); first == 0 || again > 1 {
			t.Errorf("%s: %d files were read first, and %d again", name, first, again)
		}
	}
}

// opened counts the files that are opened.
type opened struct {
	fstest.MapFS
	n atomic.Int64
}

func (o *opened) Open(name string) (fs.File, error) {
	f, err := o.MapFS.Open(name)
	if info, failed := o.Stat(name); err == nil && failed == nil && !info.IsDir() {
		o.n.Add(1)
	}
	return f, err
}

func TestVersionOfMacOS(t *testing.T) {
	t.Parallel()
	list := func(pairs ...string) string {
		var s strings.Builder
		for i := 0; i < len(pairs); i += 2 {
			s.WriteString("<key>" + pairs[i] + "</key><string>" + pairs[i+1] + "</string>")
		}
		return "<plist><dict>" + s.String() + "</dict></plist>"
	}
	tests := []struct{ name, list, want string }{
		{"patch", list("ProductName", "macOS", "ProductVersion", "14.4.1", "ProductBuildVersion", "23E224"), "{build:23E224,id:macos,major:14,minor:4,name:macOS,patch:1}"},
		{"without patch", list("ProductName", "macOS", "ProductVersion", "15.6", "ProductBuildVersion", "24G84"), "{build:24G84,id:macos,major:15,minor:6,name:macOS,patch:0}"},
		{
			"rapid security response", list("ProductName", "macOS", "ProductVersion", "13.3.1", "ProductBuildVersion", "22E772610a", "ProductVersionExtra", "(a)"),
			"{build:22E772610a,id:macos,major:13,minor:3,name:macOS,patch:1,version:(a)}",
		},
		{"old name", list("ProductName", "Mac OS X", "ProductVersion", "10.14.6", "ProductBuildVersion", "18G103"), "{build:18G103,id:macos,major:10,minor:14,name:macOS,patch:6}"},
		{"build alone", list("ProductBuildVersion", "24G419"), "{build:24G419,id:macos,major:15,minor:7,name:macOS,patch:3}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gatherOn(t, "darwin", "os_version", &hosttest.Machine{Files: fstest.MapFS{macVersions[1]: text(tt.list)}})
			if err != nil {
				t.Fatal(err)
			}
			if got := show(snap.OsVersion); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if _, err := gatherOn(t, "darwin", "os_version", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("got %v, want %v", err, ErrAbsent)
	}
}

func TestInstallationEndsWithTheAssistant(t *testing.T) {
	t.Parallel()
	done := &fstest.MapFile{ModTime: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)}
	snap, err := gatherOn(t, "darwin", "system_info", mac(t, fstest.MapFS{macSetupDone: done}))
	if got := snap.GetSystemInfo().GetOsInstallDate(); err != nil || got != "2024-01-02T03:04:05" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAppsOfClosedFoldersAreMissedAndTold(t *testing.T) {
	t.Parallel()
	m := mac(t)
	m.Files = deny{m.Files.(fstest.MapFS), map[string]bool{"Users/ada/Downloads": true}}
	snap, err := gatherOn(t, "darwin", "osx_app_instances", m)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "/Users/ada/Downloads") || len(snap.OsxAppInstances) < 5 {
		t.Errorf("got %d applications, %v", len(snap.OsxAppInstances), err)
	}
}

func TestAccountsOfMacAreForTheAdministrator(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ kind, folder string }{{"users", macUsers}, {"local_groups", macGroups}} {
		m := mac(t)
		m.Files = deny{m.Files.(fstest.MapFS), map[string]bool{tt.folder: true}}
		if _, err := gatherOn(t, "darwin", tt.kind, m); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: got %v, want %v", tt.kind, err, fs.ErrPermission)
		}
	}
}

func TestHostileBundlesCostThemselves(t *testing.T) {
	t.Parallel()
	list := func(program string) *fstest.MapFile {
		return text("<plist><dict><key>CFBundleIdentifier</key><string>x</string><key>CFBundleExecutable</key><string>" + program + "</string></dict></plist>")
	}
	m := &hosttest.Machine{Files: fstest.MapFS{
		"Applications/Up.app/Contents/Info.plist":    list("../../../../etc/shadow"),
		"Applications/Dots.app/Contents/Info.plist":  list(".."),
		"Applications/Pipe.app/Contents/Info.plist":  &fstest.MapFile{Mode: fs.ModeNamedPipe},
		"Applications/Pipe2.app/Contents/Info.plist": list("pipe"),
		"Applications/Pipe2.app/Contents/MacOS/pipe": &fstest.MapFile{Mode: fs.ModeNamedPipe},
		"Applications/Empty.app/x":                   text(""),
		"etc/shadow":                                 text("root:hash"),
	}}
	snap, err := gatherOn(t, "darwin", "osx_app_instances", m)
	if err == nil || !strings.Contains(err.Error(), "Pipe.app") || strings.Count(err.Error(), "Applications/") > 2 {
		t.Errorf("got %v", err)
	}
	for _, app := range snap.OsxAppInstances {
		if p := app.GetExecutablePath(); p != "" && p != "/Applications/Pipe2.app/Contents/MacOS/pipe" {
			t.Errorf("program %q", p)
		}
	}
	if len(snap.OsxAppInstances) != 3 {
		t.Errorf("got %s", show(snap.OsxAppInstances...))
	}
}

func TestNoProfiles(t *testing.T) {
	t.Parallel()
	for _, out := range []string{"", "There are no configuration profiles installed\n"} {
		snap, err := gatherOn(t, "darwin", "profiles", &hosttest.Machine{Programs: map[host.Program][]byte{host.ProfileList: []byte(out)}})
		if err != nil || snap.Profiles != nil {
			t.Errorf("%q: got %s, %v", out, show(snap.Profiles...), err)
		}
	}
}

// FuzzMacPrograms hands what the programs print, and what lies in the folders of applications, to those who read it.
func FuzzMacPrograms(f *testing.F) {
	for _, name := range []string{"disk-list", "apfs-list", "profiles", "platform-expert", "battery"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "macos-15", "programs", name+".plist"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, raw)
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		m := &hosttest.Machine{
			Programs: map[host.Program][]byte{
				host.DiskList: one, host.APFSList: two, host.ProfileList: one, host.PlatformExpert: one, host.Battery: two, host.BootChosen: two,
			},
			Files: fstest.MapFS{
				"Applications/A.app/Contents/Info.plist": {Data: one}, "Library/LaunchDaemons/a.plist": {Data: two},
				"var/db/receipts/a.plist": {Data: one}, macUsers + "/a.plist": {Data: two}, macGroups + "/admin.plist": {Data: one},
				macPreferences: {Data: two}, macInterfaces: {Data: one}, extensionList: {Data: two}, loginWindow: {Data: one}, macVersions[1]: {Data: two},
			},
		}
		report := runAll(context.Background(), m, registries["darwin"], Options{})
		for _, trouble := range report.Troubles {
			if strings.Contains(trouble.Err.Error(), "panic") {
				t.Fatalf("%s: %v", trouble.Collector, trouble.Err)
			}
		}
		if _, err := asset.JSON(report.Snapshot); err != nil {
			t.Fatal(err)
		}
	})
}
