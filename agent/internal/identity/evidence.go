// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

const (
	// dmi is where Linux shows the firmware's tables; serial and UUID are for root alone.
	dmi = "sys/class/dmi/id/"
	// randomName is the file of the identity drawn for a machine that has no evidence.
	randomName = "random-identity"
	// randomPrefix marks such an identity.
	randomPrefix = "RND-"
	// maxEvidenceBytes is more than any of the files holds.
	maxEvidenceBytes = 4096
)

// Read returns the evidence that a machine's file tree gives. What cannot be read is left out.
//
// Inside a container the firmware is the one of the machine below, which other containers show as well: it is left out.
func Read(root fs.FS) *syncv1.Evidence {
	e := &syncv1.Evidence{MachineIdHash: machineIDHash(root)}
	if !inContainer(root) {
		e.HardwareSerial, _ = normal.CleanSerial(text(root, dmi+"product_serial"))
		e.ProductUuid, _ = normal.CleanUUID(text(root, dmi+"product_uuid"))
		e.CloudInstanceId = cloudInstanceID(root)
	}
	return e
}

// Gather is Read for a machine that has to have an identity: without any evidence that normal.Identity accepts it gets
// a random serial, drawn once and kept in the state folder, which must be locked.
func Gather(root fs.FS, dir *state.Dir) (*syncv1.Evidence, error) {
	e := Read(root)
	if _, ok := normal.Identity(e); ok {
		return e, nil
	}
	serial, err := randomSerial(dir)
	if err != nil {
		return nil, err
	}
	e.HardwareSerial = serial
	return e, nil
}

// cloudInstanceID returns the instance id that the firmware of an EC2 instance tells, with its prefix.
//
// Source: Amazon EC2 user guide, "Identify EC2 instances": the board's asset tag on Nitro.
func cloudInstanceID(root fs.FS) string {
	tag := text(root, dmi+"board_asset_tag")
	if text(root, dmi+"sys_vendor") != "Amazon EC2" || !strings.HasPrefix(tag, "i-") {
		return ""
	}
	return "EC2-" + tag
}

// machineIDHash returns SHA-256 of the 32 digits of the machine id: machine-id(5) asks that nobody uses the id itself as
// an identity.
//
// Source: machine-id(5).
func machineIDHash(root fs.FS) string {
	for _, name := range []string{"etc/machine-id", "var/lib/dbus/machine-id"} {
		id := strings.ToLower(text(root, name))
		if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 || bytes.Count(raw, raw[:1]) == 16 {
			continue // empty, "uninitialized", or all digits equal
		}
		sum := sha256.Sum256([]byte(id))
		return hex.EncodeToString(sum[:])
	}
	return ""
}

// containerMarkers are what container managers leave inside.
var containerMarkers = []string{
	".dockerenv", "run/.containerenv", "run/systemd/container",
	"run/secrets/kubernetes.io", "var/run/secrets/kubernetes.io", // containerd and CRI-O leave none of the others
}

// inContainer tells whether the file tree is a container's.
func inContainer(root fs.FS) bool {
	for _, marker := range containerMarkers {
		if _, err := fs.Stat(root, marker); err == nil {
			return true
		}
	}
	return false
}

// randomSerial returns the random serial of the state folder, drawing one the first time.
func randomSerial(dir *state.Dir) (string, error) {
	raw, err := dir.Read(randomName, maxEvidenceBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("random identity: %w", err)
	}
	serial := strings.TrimSpace(string(raw))
	if err == nil && strings.HasPrefix(serial, randomPrefix) && normal.ValidSerial(serial) {
		return serial, nil
	}
	var drawn [16]byte
	_, _ = rand.Read(drawn[:]) // never fails
	serial = randomPrefix + hex.EncodeToString(drawn[:])
	if err := dir.Write(randomName, []byte(serial+"\n")); err != nil {
		return "", fmt.Errorf("random identity: %w", err)
	}
	return serial, nil
}

// text returns a small file without the space around it, empty when it cannot be read.
func text(root fs.FS, name string) string {
	f, err := root.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	raw := make([]byte, maxEvidenceBytes)
	n, _ := f.Read(raw) // files of sysfs come in one read; an error leaves n at 0
	return strings.TrimSpace(string(raw[:n]))
}
