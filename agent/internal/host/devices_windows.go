// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/windows"
)

// maxDevices bounds the list of devices.
const maxDevices = 10_000

// Devices implements Host.
//
// Source: SetupDiGetClassDevs in Microsoft's documentation.
func (m *Machine) Devices() ([]string, error) {
	set, err := windows.SetupDiGetClassDevsEx(nil, "", 0, windows.DIGCF_ALLCLASSES|windows.DIGCF_PRESENT, 0, "")
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	defer set.Close()
	var ids []string
	for n := range maxDevices {
		device, err := set.EnumDeviceInfo(n)
		if errors.Is(err, windows.ERROR_NO_MORE_ITEMS) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list devices: %w", err)
		}
		if id, err := set.DeviceInstanceID(device); err == nil { // it may have gone meanwhile
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
