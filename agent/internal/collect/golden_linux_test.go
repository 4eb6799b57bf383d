// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// writtenAt is the time of the files of a tree that were not captured: git keeps none.
var writtenAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// whole is a machine of testdata/linux with all that it has.
type whole struct {
	tree, release string
	// devices and firmware name what the machine borrows of testdata/sysfs and testdata/smbios.
	devices, firmware string
	disks             []string
	nic, root         string
}

var wholes = []whole{
	{tree: "debian-12", release: "6.1.0-37-amd64", firmware: "vmware", nic: "eth0", root: "/dev/vda"},
	{tree: "ubuntu-24.04", release: "6.8.0-45-generic", devices: "nvme-laptop", disks: []string{"nvme0n1"}, firmware: "thinkpad-t480s", nic: "enp0s31f6", root: "/dev/nvme0n1p2"},
	{tree: "fedora-35", release: "5.14.10-300.fc35.x86_64", devices: "three-disks", disks: []string{"sda", "sdb", "sdc"}, firmware: "gigabyte-ga-ma74gmt", nic: "enp3s0", root: "/dev/sda2"},
	{tree: "sles-15.3", release: "5.3.18-57-default", firmware: "vmware", nic: "eth0", root: "/dev/sda2"},
	{tree: "centos-7", release: "3.10.0-1062.el7.x86_64", devices: "server", disks: []string{"sda"}, firmware: "supermicro-x9dbl", nic: "em1", root: "/dev/sda2"},
	{tree: "alpine-3.18", release: "6.1.27-0-lts", nic: "eth0", root: "/dev/sda3"},
	{tree: "arch", release: "6.8.9-arch1-1", devices: "nvme-laptop", disks: []string{"nvme0n1"}, firmware: "thinkpad-w510", nic: "wlan0", root: "/dev/nvme0n1p2"},
}

// TestWholeMachinesWithLinux runs every collector on whole trees and compares what all of them find. go test -update
// writes it; the changes are there to be read.
func TestWholeMachinesWithLinux(t *testing.T) {
	t.Parallel()
	for _, w := range wholes {
		t.Run(w.tree, func(t *testing.T) {
			t.Parallel()
			report := Run(context.Background(), w.machine(t), Options{})
			for kind, state := range report.Sections {
				if state == Keep {
					t.Errorf("the collector of %s failed", kind)
				}
			}
			golden(t, filepath.Join("linux", w.tree, "sections.txt"), states(report))
			canonical, err := asset.JSON(report.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			var readable bytes.Buffer
			if err := json.Indent(&readable, canonical, "", "  "); err != nil {
				t.Fatal(err)
			}
			readable.WriteByte('\n')
			golden(t, filepath.Join("linux", w.tree, "snapshot.json"), readable.Bytes())
		})
	}
}

// states says what came of every section and collector that is worth a word, one a line.
func states(r Report) []byte {
	var text strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(r.Sections)) {
		text.WriteString(kind + " " + string(r.Sections[kind]) + "\n")
	}
	for _, trouble := range r.Troubles {
		text.WriteString(trouble.Collector + ": " + trouble.Err.Error() + "\n")
	}
	return []byte(text.String())
}

// machine loads the tree and everything around it.
func (w whole) machine(t *testing.T) *hosttest.Machine {
	t.Helper()
	files := fstest.MapFS{}
	if w.devices != "" {
		files = captured(t, w.devices, w.disks...).Files.(fstest.MapFS)
	}
	dir := filepath.Join("testdata", "linux", w.tree)
	if raw, err := os.ReadFile(filepath.Join(dir, "captured.tar.gz")); err == nil {
		maps.Copy(files, unpacked(t, raw))
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "written")); err == nil {
		for name, file := range tree(t, filepath.Join("linux", w.tree, "written")) {
			file.ModTime = writtenAt
			files[strings.ReplaceAll(name, "%3A", ":")] = file // not every system has names with a colon
		}
	}
	maps.Copy(files, linksOf(t, filepath.Join(dir, "links")))
	m := &hosttest.Machine{
		Files: newRooted(files), Kernel: host.Uname{KernelName: "Linux", Release: w.release, Machine: "x86_64"},
		NICs: []host.Interface{
			{Name: "lo", MTU: 65536, Loopback: true, Addresses: addresses("127.0.0.1/8", "::1/128")},
			{Name: w.nic, MAC: "52:54:00:12:34:56", MTU: 1500, Addresses: []host.Address{
				{Prefix: netip.MustParsePrefix("192.0.2.23/24"), Broadcast: netip.MustParseAddr("192.0.2.255")},
				{Prefix: netip.MustParsePrefix("2001:db8::23/64")},
				{Prefix: netip.MustParsePrefix("fe80::5054:ff:fe12:3456/64")},
			}},
		},
		Table: []host.Route{
			{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.1"), Interface: w.nic, Metric: 100, Type: "unicast", Protocol: 16},
			{Destination: netip.MustParsePrefix("192.0.2.0/24"), Source: netip.MustParseAddr("192.0.2.23"), Interface: w.nic, Metric: 100, Type: "unicast", Protocol: 2},
		},
		Mounted: []host.Mount{
			{Device: w.root, Path: "/", Type: "ext4", Options: []string{"rw", "relatime"}},
			{Device: "proc", Path: "/proc", Type: "proc", Options: []string{"rw"}},
			{Device: "tmpfs", Path: "/run", Type: "tmpfs", Options: []string{"rw", "nosuid"}},
		},
		Sizes: map[string]host.Usage{"/": {SizeBytes: 42 << 30, FreeBytes: 17 << 30, Inodes: 2752512}, "/run": {SizeBytes: 1 << 30, FreeBytes: 1 << 30, Inodes: 4096}},
	}
	if w.firmware != "" {
		raw, err := os.ReadFile(filepath.Join("testdata", "smbios", w.firmware+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		m.Firmware = raw[32:]
	}
	return m
}

// unpacked is the tree of an archive, with the times of its files.
func unpacked(t *testing.T, raw []byte) fstest.MapFS {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		file := &fstest.MapFile{Mode: header.FileInfo().Mode(), ModTime: header.ModTime}
		switch header.Typeflag {
		case tar.TypeSymlink:
			file.Data = []byte(header.Linkname)
		case tar.TypeReg:
			if file.Data, err = io.ReadAll(archive); err != nil {
				t.Fatal(err)
			}
		}
		if name := path.Clean(header.Name); name != "." {
			files[strings.ReplaceAll(name, "%3A", ":")] = file // not every system has names with a colon
		}
	}
}

// linksOf reads what git cannot keep of a tree, one a line: a link and where it leads to, or an empty folder.
func linksOf(t *testing.T, file string) fstest.MapFS {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	links := fstest.MapFS{}
	for line := range strings.Lines(string(raw)) {
		at, target, leads := strings.Cut(strings.TrimSpace(line), " -> ")
		at, _ = strings.CutSuffix(at, "/")
		links[at] = &fstest.MapFile{Mode: fs.ModeDir | 0o755, ModTime: writtenAt}
		if leads {
			links[at] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777, ModTime: writtenAt}
		}
	}
	return links
}

// rooted is a tree in which links that begin with a slash lead to its own root.
type rooted struct{ fstest.MapFS }

// newRooted makes such links relative, and remembers what they were.
func newRooted(files fstest.MapFS) rooted {
	for name, file := range files {
		if target := string(file.Data); file.Mode.Type() == fs.ModeSymlink && path.IsAbs(target) {
			near := strings.Repeat("../", strings.Count(name, "/")) + target[1:]
			files[name] = &fstest.MapFile{Data: []byte(near), Mode: file.Mode, ModTime: file.ModTime, Sys: target}
		}
	}
	return rooted{files}
}

// ReadLink implements fs.ReadLinkFS.
func (r rooted) ReadLink(name string) (string, error) {
	if info, err := r.Lstat(name); err == nil {
		if target, ok := info.Sys().(string); ok {
			return target, nil
		}
	}
	return r.MapFS.ReadLink(name)
}
