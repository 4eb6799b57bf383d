// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	// providerRSMB names the raw table of SMBIOS among the tables of firmware.
	providerRSMB = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	// rawSMBIOSHeader is how much of RawSMBIOSData stands before the table; its length is in the last four bytes.
	rawSMBIOSHeader = 8
	maxSMBIOS       = 1 << 20
)

var getSystemFirmwareTable = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")

// SMBIOS implements Host.
//
// Source: GetSystemFirmwareTable and RawSMBIOSData in Microsoft's documentation.
func (m *Machine) SMBIOS() ([]byte, error) {
	size, _, err := getSystemFirmwareTable.Call(providerRSMB, 0, 0, 0)
	if size == 0 {
		if err == windows.ERROR_INVALID_FUNCTION || err == windows.ERROR_NOT_FOUND { //nolint:errorlint // Call returns a bare Errno
			return nil, fs.ErrNotExist
		}
		return nil, fmt.Errorf("firmware table: %w", err)
	}
	if size > maxSMBIOS {
		return nil, fmt.Errorf("firmware table: %w: %d bytes", ErrTooLarge, size)
	}
	buf := make([]byte, size)
	n, _, err := getSystemFirmwareTable.Call(providerRSMB, 0, uintptr(unsafe.Pointer(&buf[0])), size)
	if n == 0 || n > size {
		return nil, fmt.Errorf("firmware table: %w", err)
	}
	return tableOf(buf[:n])
}

// tableOf strips the header of RawSMBIOSData.
func tableOf(raw []byte) ([]byte, error) {
	if len(raw) <= rawSMBIOSHeader {
		return nil, fs.ErrNotExist
	}
	length := binary.LittleEndian.Uint32(raw[4:])
	table := raw[rawSMBIOSHeader:]
	if uint64(length) < uint64(len(table)) {
		table = table[:length]
	}
	return table, nil
}
