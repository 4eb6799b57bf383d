// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/windows"
)

// maxDrives is how many numbers of physical drives are tried: they have gaps after a drive is pulled out.
const maxDrives = 64

// Control codes that need no right to the drive's content.
//
// Source: winioctl.h, ntddvol.h.
const (
	ioctlStorageQueryProperty  = 0x2D1400
	ioctlDiskGetGeometryEx     = 0x700A0
	ioctlVolumeGetDiskExtents  = 0x560000
	storageDeviceProperty      = 0
	storageSeekPenaltyProperty = 7
)

// Drives implements Host.
func (m *Machine) Drives(ctx context.Context) ([]Drive, error) {
	var drives []Drive
	for n := range maxDrives {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list drives: %w", err)
		}
		d, err := readDrive(driveName(uint32(n)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if d.SizeBytes > 0 { // an empty slot of a card reader has none
			drives = append(drives, d)
		}
	}
	return drives, nil
}

// driveName is the path of the physical drive with a number.
func driveName(n uint32) string { return fmt.Sprintf(`\\.\PhysicalDrive%d`, n) }

// readDrive asks one drive about itself.
func readDrive(name string) (Drive, error) {
	handle, err := openDevice(name)
	if err != nil {
		return Drive{}, fmt.Errorf("drive %s: %w", name, err)
	}
	defer windows.CloseHandle(handle) //nolint:errcheck // it was only asked
	var d Drive
	if raw, err := control(handle, ioctlStorageQueryProperty, query(storageDeviceProperty), 4096); err == nil {
		d, _ = deviceDescriptor(raw) // too short says nothing
	}
	d.Name = name
	if raw, err := control(handle, ioctlDiskGetGeometryEx, nil, 256); err == nil && len(raw) >= 32 {
		d.SizeBytes = int64(binary.LittleEndian.Uint64(raw[24:]))
	}
	if raw, err := control(handle, ioctlStorageQueryProperty, query(storageSeekPenaltyProperty), 64); err == nil && len(raw) >= 9 {
		rotational := raw[8] != 0
		d.Rotational = &rotational
	}
	return d, nil
}

// query is a STORAGE_PROPERTY_QUERY for the standard answer.
func query(property uint32) []byte {
	q := make([]byte, 12)
	binary.LittleEndian.PutUint32(q, property)
	return q
}

// openDevice opens a device without any right to what it holds, which everybody may.
func openDevice(name string) (windows.Handle, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE
	return windows.CreateFile(path, 0, share, nil, windows.OPEN_EXISTING, 0, 0)
}

// control asks a device one question.
func control(handle windows.Handle, code uint32, in []byte, size int) ([]byte, error) {
	out := make([]byte, size)
	var n uint32
	var first *byte
	if len(in) > 0 {
		first = &in[0]
	}
	if err := windows.DeviceIoControl(handle, code, first, uint32(len(in)), &out[0], uint32(size), &n, nil); err != nil {
		return nil, err
	}
	return out[:min(int(n), size)], nil
}
