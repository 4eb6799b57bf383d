// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

var updateWindows = flag.Bool("update-windows", false, "write the snapshots of testdata/windows-*")

// windowsMachine loads a machine of testdata: registry.reg, the answers of the doors in doors.json, the firmware's table
// in smbios.bin, and the tree below files. What is missing stays empty.
func windowsMachine(t testing.TB, name string) *hosttest.Machine {
	t.Helper()
	dir := filepath.Join("testdata", name)
	m := &hosttest.Machine{}
	if raw, err := os.ReadFile(filepath.Join(dir, "doors.json")); err == nil {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		doors := struct {
			Kernel     *host.Uname
			Hypervisor *string
			NICs       *[]host.Interface
			Disks      *[]host.Drive
			Letters    *[]host.Volume
			Running    *map[string]bool
			People     *[]host.Account
			Teams      *[]host.AccountGroup
			Plugged    *[]string
		}{&m.Kernel, &m.Hypervisor, &m.NICs, &m.Disks, &m.Letters, &m.Running, &m.People, &m.Teams, &m.Plugged}
		if err := d.Decode(&doors); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "smbios.bin")); err == nil {
		m.Firmware = raw
	}
	if _, err := os.Stat(filepath.Join(dir, "files")); err == nil {
		m.Files = tree(t, name+"/files")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "registry.reg"))
	if err != nil {
		t.Fatal(err)
	}
	registry, err := hosttest.ParseRegistry(raw)
	if err != nil {
		t.Fatal(err)
	}
	m.Reg = registry
	return m
}

// windowsOf is a machine with nothing but a registry, given without the line that begins a file.
func windowsOf(t testing.TB, text string) *hosttest.Machine {
	t.Helper()
	registry, err := hosttest.ParseRegistry([]byte("Windows Registry Editor Version 5.00\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return &hosttest.Machine{Reg: registry}
}

// TestWindowsSnapshots runs every collector of Windows on whole machines. go test -update-windows writes what they find.
func TestWindowsSnapshots(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"windows-10", "windows-11", "windows-wine"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := windowsMachine(t, name)
			report := runAll(context.Background(), m, registries["windows"], Options{Cache: &Cache{}})
			for _, trouble := range report.Troubles {
				t.Errorf("%s: %v", trouble.Collector, trouble.Err)
			}
			raw, err := asset.JSON(report.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, raw, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden := filepath.Join("testdata", name, "snapshot.json")
			if *updateWindows {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil { //nolint:gosec // a file of the source
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s differs (go test -update-windows writes it anew); got:\n%s", golden, got.Bytes())
			}
			again := runAll(context.Background(), m, registries["windows"], Options{})
			if second, err := asset.JSON(again.Snapshot); err != nil || !bytes.Equal(raw, second) {
				t.Errorf("two collections of an unchanged machine differ: %v\n%s", err, second)
			}
		})
	}
}
