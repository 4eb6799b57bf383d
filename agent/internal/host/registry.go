// SPDX-License-Identifier: Apache-2.0

package host

// Registry reads the registry of Windows. It is safe for concurrent use.
//
// A path begins with HKLM or HKU and separates keys by backslashes: `HKLM\SOFTWARE\Microsoft`. Keys are found without
// regard to case. The 64-bit view is read; the 32-bit one is below WOW6432Node. A key that is not there is fs.ErrNotExist,
// a refused one fs.ErrPermission.
type Registry interface {
	// Keys names the keys below a key, sorted.
	Keys(path string) ([]string, error)
	// Values returns the values of a key by name; the default value has the name "".
	Values(path string) (map[string]RegistryValue, error)
}

// RegistryValue is one value as the registry stores it.
type RegistryValue struct {
	// Type is REG_SZ and its kin (winnt.h).
	Type uint32
	// Data is UTF-16LE for the types of text.
	Data []byte
}

// Drive is one physical drive of Windows.
type Drive struct {
	// Name is the device's path, \\.\PhysicalDrive0.
	Name      string
	SizeBytes int64
	Model     string
	Vendor    string
	Serial    string
	Firmware  string
	// Bus is nvme, sata, sas, usb …; empty when unknown.
	Bus       string
	Removable bool
	// Rotational is nil where the drive does not tell.
	Rotational *bool
}

// Volume is one volume of Windows.
type Volume struct {
	// Path is where it is mounted, C:\.
	Path  string
	Label string
	// Type is the file system, NTFS.
	Type      string
	Serial    string
	SizeBytes int64
	// Drive is the name of the physical drive that holds it, empty when there are several or none.
	Drive string
	// Encryption is on, off, or empty when it could not be found out.
	Encryption string
}
