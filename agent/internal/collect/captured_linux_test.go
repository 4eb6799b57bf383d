// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// archived loads a captured tree from an archive, links included.
func archived(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "sysfs", name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		at := path.Clean(header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			raw, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			files[at] = &fstest.MapFile{Data: raw, Mode: 0o644}
		case tar.TypeSymlink:
			files[at] = link(header.Linkname)
		case tar.TypeDir:
			files[at] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
	}
}

// captured is a machine made of an archive. Who captured it left out the link from a disk to its device.
func captured(t testing.TB, name string, disks ...string) *hosttest.Machine {
	t.Helper()
	files := archived(t, name)
	for _, disk := range disks {
		target := path.Join(blockFolder, string(files[blockFolder+"/"+disk].Data))
		files[target+"/device"] = link("..")
	}
	return &hosttest.Machine{Files: files, Kernel: host.Uname{Machine: "m"}}
}

func TestCapturedMachines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		disks []string
	}{
		{"nvme-laptop", []string{"nvme0n1"}},
		{"three-disks", []string{"sda", "sdb", "sdc"}},
		{"server", []string{"sda"}},
		{"arm64", []string{"nvme0n1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := captured(t, tt.name, tt.disks...)
			all := &inventoryv1.Snapshot{}
			for _, kind := range []string{"disks", "partitions", "processors", "pci_devices"} {
				snap, err := gather(t, kind, m)
				if err != nil {
					t.Fatal(err)
				}
				proto.Merge(all, snap)
			}
			want, err := os.ReadFile(filepath.Join("testdata", "sysfs", tt.name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			got := show(all.Processors...) + "\n" + show(all.Disks...) + "\n" + show(all.Partitions...) + "\n" + show(all.PciDevices...) + "\n"
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
