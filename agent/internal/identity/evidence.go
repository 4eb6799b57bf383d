// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/metadata"
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

// Read returns the evidence that a machine gives by itself. What cannot be read is left out; the error, with which the
// rest counts all the same, is for what ought to be readable.
func Read(ctx context.Context, h host.Host) (*syncv1.Evidence, error) {
	return readOn(ctx, runtime.GOOS, h)
}

// readOn is Read on a system of choice, as Go names it.
func readOn(ctx context.Context, system string, h host.Host) (e *syncv1.Evidence, err error) {
	switch system {
	case "darwin":
		e, err = collect.MacEvidence(ctx, h)
	case "windows":
		e, err = collect.WindowsEvidence(h)
	default:
		return linuxEvidence(h.FS()), nil
	}
	if err != nil && !errors.Is(err, collect.ErrAbsent) {
		return e, fmt.Errorf("evidence of identity: %w", err)
	}
	return e, nil
}

// linuxEvidence reads the evidence from the file tree.
//
// Inside a container the firmware is the one of the machine below, which other containers show as well: it is left out.
func linuxEvidence(root fs.FS) *syncv1.Evidence {
	e := &syncv1.Evidence{MachineIdHash: machineIDHash(root)}
	if !inContainer(root) {
		e.HardwareSerial, _ = normal.CleanSerial(text(root, dmi+"product_serial"))
		e.ProductUuid, _ = normal.CleanUUID(text(root, dmi+"product_uuid"))
		e.CloudInstanceId = collect.EC2Identity(text(root, dmi+"sys_vendor"), text(root, dmi+"board_asset_tag"))
	}
	return e
}

// Gather is Read for a machine that has to have an identity: without any evidence that normal.Identity accepts it gets
// a random serial, drawn once and kept in the state folder, which must be locked. A machine whose evidence ought to be
// readable gets none: it would be another one as soon as it is read.
func Gather(ctx context.Context, h host.Host, dir *state.Dir) (*syncv1.Evidence, error) {
	e, unread := Read(ctx, h)
	if _, ok := normal.Identity(e); ok {
		return e, nil
	}
	if unread != nil {
		return nil, unread
	}
	serial, err := randomSerial(dir)
	if err != nil {
		return nil, err
	}
	e.HardwareSerial = serial
	return e, nil
}

// askPatience is how long an enrolment waits for a metadata service.
const askPatience = time.Second

// Complete adds the instance id to the evidence of a machine that enrols, where the firmware says that it is in EC2 and
// not which instance, as on Xen. The metadata service is asked once; from within a container it is not, because the
// instance is the machine below. When it does not answer, a machine that is known keeps the id that it enrolled with, if
// the rest shows that it is the same one; known is nil for one that is not. The error says why there was no answer, and
// is no reason not to enrol.
func Complete(ctx context.Context, h host.Host, known *Enrolled, e *syncv1.Evidence) error {
	if e.GetCloudInstanceId() != "" || inContainer(h.FS()) || !collect.InEC2(h) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	id, err := metadata.InstanceID(ctx, h.Metadata())
	if err == nil {
		e.CloudInstanceId = collect.EC2Prefix + id
		return nil
	}
	if known != nil && normal.Same(known.Evidence, e) {
		e.CloudInstanceId = known.Evidence.GetCloudInstanceId()
	}
	return fmt.Errorf("instance id: %w", err)
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
