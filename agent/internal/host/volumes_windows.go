// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"time"

	"github.com/yusufpapurcu/wmi"
	"golang.org/x/sys/windows"
)

// bitLockerTime bounds the question about encryption, which a service of Windows answers.
const bitLockerTime = 10 * time.Second

// Volumes implements Host: fixed volumes only, because what is plugged in and mapped comes and goes.
func (m *Machine) Volumes(ctx context.Context) ([]Volume, error) {
	letters, err := windows.GetLogicalDrives()
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var volumes []Volume
	for i := range 26 {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list volumes: %w", err)
		}
		if letters&(1<<i) == 0 {
			continue
		}
		if v, ok := readVolume(string(rune('A'+i)) + `:\`); ok {
			volumes = append(volumes, v)
		}
	}
	protection, err := bitLocker(ctx)
	if err != nil {
		return nil, err
	}
	for i := range volumes {
		volumes[i].Encryption = protection[volumes[i].Path[:2]]
	}
	return volumes, nil
}

// readVolume asks one volume about itself; false when it is none of the machine's own or holds no file system.
func readVolume(path string) (Volume, bool) {
	root, err := windows.UTF16PtrFromString(path)
	if err != nil || windows.GetDriveType(root) != windows.DRIVE_FIXED {
		return Volume{}, false
	}
	var label, kind [windows.MAX_PATH + 1]uint16
	var serial, longest, flags uint32
	err = windows.GetVolumeInformation(root, &label[0], uint32(len(label)), &serial, &longest, &flags, &kind[0], uint32(len(kind)))
	if err != nil {
		return Volume{}, false
	}
	v := Volume{
		Path: path, Label: windows.UTF16ToString(label[:]), Type: windows.UTF16ToString(kind[:]),
		ReadOnly: flags&windows.FILE_READ_ONLY_VOLUME != 0,
	}
	if serial != 0 {
		v.Serial = fmt.Sprintf("%04X-%04X", serial>>16, serial&0xffff)
	}
	var free, size, all uint64
	if err := windows.GetDiskFreeSpaceEx(root, &free, &size, &all); err == nil {
		v.SizeBytes = int64(size)
	}
	if handle, err := openDevice(`\\.\` + path[:2]); err == nil {
		if raw, err := control(handle, ioctlVolumeGetDiskExtents, nil, 4096); err == nil {
			if n, ok := oneDrive(raw); ok {
				v.Drive = driveName(n)
			}
		}
		_ = windows.CloseHandle(handle) // it was only asked
	}
	return v, true
}

// encryptable is what WMI tells of one volume. The field's names are those of the class.
type encryptable struct {
	DriveLetter      *string
	ProtectionStatus *uint32
}

var (
	// encryption is the question to BitLocker: a service that hangs must not take a thread with every round.
	encryption shared[[]encryptable]
	// encrypted is its last good answer; it belongs to the question under way.
	encrypted []encryptable
)

// bitLocker tells by drive letter whether BitLocker protects a volume. Without the administrator's rights, or where
// Windows has no BitLocker, it tells nothing. It is an error that nobody answers in time: the volumes would seem to have
// lost their protection until somebody does.
//
// Source: Win32_EncryptableVolume in Microsoft's documentation.
func bitLocker(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, bitLockerTime)
	defer cancel()
	rows, err := encryption.ask(ctx, func() ([]encryptable, error) {
		var rows []encryptable
		const question = "SELECT DriveLetter, ProtectionStatus FROM Win32_EncryptableVolume"
		if err := wmi.QueryNamespace(question, &rows, `root\CIMV2\Security\MicrosoftVolumeEncryption`); err != nil {
			return encrypted, nil //nolint:nilerr // not known, or as it was: the service is starting or going
		}
		encrypted = rows
		return rows, nil
	})
	if err != nil {
		return nil, fmt.Errorf("encryption of volumes: %w", err)
	}
	states := map[string]string{}
	for _, r := range rows {
		if r.DriveLetter != nil && r.ProtectionStatus != nil && *r.ProtectionStatus <= 1 {
			states[*r.DriveLetter] = [...]string{"off", "on"}[*r.ProtectionStatus]
		}
	}
	return states, nil
}
