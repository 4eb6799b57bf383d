// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

const (
	machineID = "0123456789abcdef0123456789abcd00"
	// machineIDSum is what `printf %s 0123456789abcdef0123456789abcd00 | sha256sum` prints.
	machineIDSum = "6fb0200a785a9eede3b0bfa0592bcd29c0c4c9b5654c032e90283b0f75478db5"
)

func TestEvidenceIsReadFromFirmwareAndSystem(t *testing.T) {
	t.Parallel()
	const uuid = "4C4C4544-0031-4A10-8052-C7C04F4D3532"
	tests := []struct {
		name   string
		root   fstest.MapFS
		serial string // want
		prefix string // want, when the serial is random or hashed
	}{
		{name: "firmware serial", root: tree("sys/class/dmi/id/product_serial", "7JK2M54\n", "etc/machine-id", machineID), serial: "7JK2M54"},
		{name: "placeholder falls to the UUID", root: tree("sys/class/dmi/id/product_serial", "To be filled by O.E.M.", "sys/class/dmi/id/product_uuid", uuid), serial: strings.ToLower(uuid)},
		{name: "cloud instance", root: tree("sys/class/dmi/id/sys_vendor", "Amazon EC2", "sys/class/dmi/id/board_asset_tag", "i-0abc", "sys/class/dmi/id/product_serial", "ec2ff"), serial: "EC2-i-0abc"},
		{name: "machine id", root: tree("etc/machine-id", machineID+"\n"), prefix: "MID-"},
		{name: "machine id of D-Bus", root: tree("etc/machine-id", "uninitialized\n", "var/lib/dbus/machine-id", machineID), prefix: "MID-"},
		{name: "container leaves the firmware out", root: tree(".dockerenv", "", "sys/class/dmi/id/product_serial", "7JK2M54", "etc/machine-id", machineID), prefix: "MID-"},
		{name: "pod leaves the firmware out", root: tree("var/run/secrets/kubernetes.io/token", "", "sys/class/dmi/id/product_serial", "7JK2M54", "etc/machine-id", machineID), prefix: "MID-"},
		{name: "nothing at all", root: fstest.MapFS{}, prefix: "RND-"},
		{name: "machine id of zeroes", root: tree("etc/machine-id", strings.Repeat("0", 32)), prefix: "RND-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := stateDir(t)
			e, err := Gather(t.Context(), &hosttest.Machine{Files: tt.root}, dir)
			if err != nil {
				t.Fatal(err)
			}
			serial, ok := normal.Identity(e)
			if !ok || (tt.serial != "" && serial != tt.serial) || !strings.HasPrefix(serial, tt.prefix) {
				t.Errorf("got %q, want %q or %q…", serial, tt.serial, tt.prefix)
			}
			again, err := Gather(t.Context(), &hosttest.Machine{Files: tt.root}, dir)
			if err != nil || !proto.Equal(e, again) {
				t.Errorf("second time: got %v, %v, want %v", again, err, e)
			}
		})
	}
}

func TestTheMachineIDIsShownAsItsHash(t *testing.T) {
	t.Parallel()
	e, err := Gather(t.Context(), &hosttest.Machine{Files: tree("etc/machine-id", machineID)}, stateDir(t))
	if err != nil {
		t.Fatal(err)
	}
	if e.GetMachineIdHash() != machineIDSum || strings.Contains(e.String(), machineID) {
		t.Errorf("got %v, want only the hash %s", e, machineIDSum)
	}
}

func TestAnIdentityComesBackAsItWasSaved(t *testing.T) {
	t.Parallel()
	dir := stateDir(t)
	if _, err := Load(dir); !errors.Is(err, ErrNotEnrolled) {
		t.Fatalf("empty folder: got %v, want ErrNotEnrolled", err)
	}
	want := &Enrolled{
		SerialNumber: "S1", Credential: "secret", Server: "https://inventory.example", GRPCAddress: ":8481",
		EnrolledAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Evidence: &syncv1.Evidence{HardwareSerial: "S1"},
	}
	if err := want.Save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.SerialNumber != want.SerialNumber || got.Credential != want.Credential || got.Server != want.Server ||
		got.GRPCAddress != want.GRPCAddress || !got.EnrolledAt.Equal(want.EnrolledAt) || !proto.Equal(got.Evidence, want.Evidence) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	mode, err := os.Stat(filepath.Join(dir.Path(), fileName))
	if err != nil || mode.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", mode.Mode(), err)
	}
}

func TestADamagedIdentityIsNotTakenForAMissingOne(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "{", `{"serial_number":"S1"}`} {
		dir := stateDir(t)
		if err := dir.Write(fileName, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || errors.Is(err, ErrNotEnrolled) {
			t.Errorf("%q: got %v, want another error", content, err)
		}
	}
}

func TestOnlyAValueThatBothSidesKnowCanDiffer(t *testing.T) {
	t.Parallel()
	then := &syncv1.Evidence{HardwareSerial: "ABC", MachineIdHash: machineIDSum}
	tests := []struct {
		name string
		now  *syncv1.Evidence
		same bool
	}{
		{name: "unchanged", now: then, same: true},
		{name: "serial not readable today", now: &syncv1.Evidence{MachineIdHash: machineIDSum}, same: true},
		{name: "UUID was not readable then", now: &syncv1.Evidence{HardwareSerial: "ABC", ProductUuid: "4c4c4544-0031-4a10-8052-c7c04f4d3532", MachineIdHash: machineIDSum}, same: true},
		{name: "a serial drawn because nothing could be read", now: &syncv1.Evidence{HardwareSerial: randomPrefix + "ab"}, same: true},
		{name: "another serial", now: &syncv1.Evidence{HardwareSerial: "DEF", MachineIdHash: machineIDSum}},
		{name: "another machine id", now: &syncv1.Evidence{HardwareSerial: "ABC", MachineIdHash: strings.Repeat("ab", 32)}},
	}
	e := &Enrolled{Evidence: then}
	for _, tt := range tests {
		same := normal.EvidenceDigest(e.Confirm(tt.now)) == normal.EvidenceDigest(then)
		if same != tt.same {
			t.Errorf("%s: got same %t, want %t", tt.name, same, tt.same)
		}
	}
}

// tree makes a file tree of names and contents in turn.
func tree(files ...string) fstest.MapFS {
	root := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		root[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return root
}

func stateDir(t *testing.T) *state.Dir {
	t.Helper()
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
