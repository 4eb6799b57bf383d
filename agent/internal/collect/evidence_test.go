// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// firmwareOf builds a table that says who made the machine: structures 0 to 3.
func firmwareOf(vendor, product, biosVersion, serial, boardTag, chassisTag string) []byte {
	for _, s := range []*string{&biosVersion, &serial, &boardTag, &chassisTag} {
		if *s == "" {
			*s = " " // an empty text would end the structure
		}
	}
	uuid := []byte{0x33, 0x22, 0x11, 0xec, 0x55, 0x44, 0x77, 0x46, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x01}
	return concat(
		structure(smbiosBios, 0, append([]byte{0, 1}, make([]byte, 18)...), biosVersion),
		structure(smbiosSystem, 1, append([]byte{1, 2, 0, 3}, append(uuid, 6, 0, 0)...), vendor, product, serial),
		structure(smbiosBoard, 2, []byte{0, 0, 0, 0, 1}, boardTag),
		structure(smbiosChassis, 3, []byte{0, 1, 0, 0, 1}, chassisTag),
		structure(smbiosEnd, 4, nil),
	)
}

func concat(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

const (
	firmwareUUID = "ec112233-4455-4677-8899-aabbccddee01"
	someGUID     = `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography]` + "\n" + `"MachineGuid"="6B1F3C52-8a1d-4f0e-9c77-2b1a5d3e9f10"`
	// someGUIDHash is what `printf %s 6b1f3c52-8a1d-4f0e-9c77-2b1a5d3e9f10 | sha256sum` prints.
	someGUIDHash = "189d3c72576e58e899db377aed780de361cfb84445cc53acde32d44b7edc7b26"
)

func TestWindowsTellsTheMachineByItsFirmware(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		registry string
		firmware []byte
		want     string
	}{
		{
			"firmware and installation", someGUID, firmwareOf("Dell Inc.", "Latitude 7440", "1.2.3", "7JK2M54", "", ""),
			"{hardware_serial:7JK2M54,machine_id_hash:" + someGUIDHash + ",product_uuid:" + firmwareUUID + "}",
		},
		{
			"EC2", someGUID, firmwareOf("Amazon EC2", "m5.large", "1.0", "ec112233-4455-4677-8899-aabbccddee01", "i-0abc", "Amazon EC2"),
			"{cloud_instance_id:EC2-i-0abc,hardware_serial:" + firmwareUUID + ",machine_id_hash:" + someGUIDHash + ",product_uuid:" + firmwareUUID + "}",
		},
		{"no table", someGUID, nil, "{machine_id_hash:" + someGUIDHash + "}"},
		{"an id that is none", strings.ReplaceAll(someGUID, "6B1F3C52", "x"), nil, "{}"},
		{
			"placeholders", "", firmwareOf("OEM", "OEM", "", "To be filled by O.E.M.", "i-0abc", ""),
			"{product_uuid:" + firmwareUUID + "}",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := windowsOf(t, tt.registry)
			h.Firmware = tt.firmware
			got, err := WindowsEvidence(h)
			if err != nil || show(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", show(got), err, tt.want)
			}
		})
	}
	h := windowsOf(t, someGUID)
	h.Firmware = []byte("no table at all")
	if got, err := WindowsEvidence(h); err == nil || got.GetMachineIdHash() != someGUIDHash {
		t.Errorf("broken table: got %s, %v; want the rest and an error", show(got), err)
	}
}

// The inventory and the identity say the same of one machine.
func TestEvidenceIsWhatTheInventorySays(t *testing.T) {
	t.Parallel()
	for system, h := range map[string]host.Host{"darwin": mac(t), "windows": windowsMachine(t, "windows-11")} {
		snap, err := gatherOn(t, system, "system_info", h)
		if err != nil {
			t.Fatal(err)
		}
		e, err := MacEvidence(context.Background(), h)
		if system == "windows" {
			e, err = WindowsEvidence(h)
		}
		s := snap.GetSystemInfo()
		if err != nil || e.GetHardwareSerial() == "" || e.GetHardwareSerial() != s.GetHardwareSerial() ||
			e.GetProductUuid() != s.GetUuid() || e.GetMachineIdHash() != s.GetMachineId() {
			t.Errorf("%s: got %s, %v; system_info has %q, %q, %q", system, show(e), err, s.GetHardwareSerial(), s.GetUuid(), s.GetMachineId())
		}
	}
	if _, err := MacEvidence(context.Background(), &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no Mac: got %v", err)
	}
}

// Where the system shows no fields of the firmware, as on Windows, its table says which cloud may be asked.
func TestTheFirmwareTableSaysWhomToAsk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		table []byte
		cloud string
	}{
		{"ec2 on nitro", firmwareOf("Amazon EC2", "t3.large", "1.0", "ec2", "i-0abc", "Amazon EC2"), cloudAWS},
		{"ec2 on xen", firmwareOf("Xen", "HVM domU", "4.11.amazon", "", "", ""), cloudAWS},
		{"azure", firmwareOf("Microsoft Corporation", "Virtual Machine", "090008", "", "", azureChassis), cloudAzure},
		{"google", firmwareOf("Google", "Google Compute Engine", "Google", "", "", ""), cloudGCP},
		{"hyper-v", firmwareOf("Microsoft Corporation", "Virtual Machine", "090008", "", "", "None"), ""},
		{"xen elsewhere", firmwareOf("Xen", "HVM domU", "4.17.3", "", "", ""), ""},
		{"laptop", dumped(t, "thinkpad-t480s"), ""},
		{"broken", []byte{1, 2, 3, 4, 5}, ""},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cloud := double(t, http.NotFoundHandler())
			h := &hosttest.Machine{Firmware: tt.table, Cloud: cloud}
			if got := readCloudFirmware(h).cloud(); got != tt.cloud || InEC2(h) != (tt.cloud == cloudAWS) {
				t.Errorf("got %q, want %q", got, tt.cloud)
			}
			_, err := gatherOn(t, "windows", "cloud_instance", h)
			if asked := cloud.asked.Load() > 0; asked != (tt.cloud != "") || !asked && !errors.Is(err, ErrAbsent) {
				t.Errorf("asked %t, %v", asked, err)
			}
		})
	}
}

func TestSectionsStayWhileTheServiceIsAway(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fs.FS{"aws": nitro, "azure": azure, "gcp": google} {
		h := &hosttest.Machine{Files: files} // its service refuses every request
		c := registries["linux"]["cloud_instance"]
		report := runAll(context.Background(), h, map[string]Collector{c.Name: c}, Options{})
		for _, kind := range c.Kinds {
			if report.Sections[kind] != Keep {
				t.Errorf("%s: section %s: got %s, want %s", name, kind, report.Sections[kind], Keep)
			}
		}
		if len(report.Troubles) != 1 {
			t.Errorf("%s: got %v", name, report.Troubles)
		}
	}
}
