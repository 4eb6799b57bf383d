// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// MacEvidence is what macOS tells a Mac from all others by: serial number and UUID. There is no other id of the system,
// so the hash of one stays empty. The error is what kept both from being read; ErrAbsent where there is no such entry.
//
// Source: the registry entry IOPlatformExpertDevice.
func MacEvidence(ctx context.Context, h host.Host) (*syncv1.Evidence, error) {
	e := &syncv1.Evidence{}
	if !onMac {
		return e, ErrAbsent
	}
	entry, err := programDict(ctx, h, host.PlatformExpert)
	if err != nil {
		return e, fmt.Errorf("platform: %w", absent(err))
	}
	e.HardwareSerial = cleanSerial(entry.Text("IOPlatformSerialNumber"))
	e.ProductUuid, _ = normal.CleanUUID(entry.Text("IOPlatformUUID"))
	return e, nil
}

// WindowsEvidence is what Windows tells a machine from all others by: the firmware's table, and the id that setup drew
// for the installation, as its SHA-256. What the firmware does not say or may not show is empty. The error is ErrAbsent
// without a registry, else what is wrong with the table.
//
// Source: SMBIOS structures 1 and 2, MachineGuid in the registry.
func WindowsEvidence(h host.Host) (*syncv1.Evidence, error) {
	e := &syncv1.Evidence{}
	if !onWindows {
		return e, ErrAbsent
	}
	r, err := registryOf(h)
	if err != nil {
		return e, err
	}
	e.MachineIdHash = machineGUIDHash(r.peek(keyCryptography).text("MachineGuid"))
	table, err := readSMBIOS(h)
	if errors.Is(err, ErrAbsent) || errors.Is(err, fs.ErrPermission) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	facts := table.system()
	e.HardwareSerial, e.ProductUuid = facts.Serial, facts.UUID
	e.CloudInstanceId = EC2Identity(facts.Manufacturer, table.first(smbiosBoard).text(0x08))
	return e, nil
}

// keyCryptography has the id of the installation.
const keyCryptography = `HKLM\SOFTWARE\Microsoft\Cryptography`

// machineGUIDHash returns SHA-256 of the id in lower case, empty for an id that is none: the id itself stays on the machine.
func machineGUIDHash(guid string) string {
	if _, ok := normal.CleanUUID(guid); !ok {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.ToLower(guid)))
	return hex.EncodeToString(sum[:])
}

// EC2Prefix comes before the instance id in the identity of an EC2 instance.
const EC2Prefix = "EC2-"

// EC2Identity returns the instance id that the firmware of an EC2 instance tells, with its prefix; empty where the vendor
// or the board's asset tag says something else, as on machines on Xen.
//
// Source: Amazon EC2 user guide, "Determine whether an instance is an EC2 instance": the board's asset tag on Nitro.
func EC2Identity(vendor, boardTag string) string {
	if vendor != "Amazon EC2" || !strings.HasPrefix(boardTag, "i-") {
		return ""
	}
	return EC2Prefix + boardTag
}

// InEC2 tells whether the firmware says that the machine is in EC2, so that its metadata service may be asked.
func InEC2(h host.Host) bool { return readCloudFirmware(h).cloud() == cloudAWS }
