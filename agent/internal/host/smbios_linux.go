// SPDX-License-Identifier: Apache-2.0

package host

// maxSMBIOS bounds the table; the largest seen have 40 KiB.
const maxSMBIOS = 1 << 20

// SMBIOS implements Host.
func (m *Machine) SMBIOS() ([]byte, error) {
	return ReadFile(m.root, "sys/firmware/dmi/tables/DMI", maxSMBIOS)
}
