// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strconv"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// dmiFolder holds one file per field of the SMBIOS table.
//
// Source: Documentation/ABI/testing/sysfs-devices-virtual-dmi-id… as the kernel's dmi-id driver writes it.
const dmiFolder = "sys/class/dmi/id"

// dmi reads fields of the SMBIOS table and notes which of them only the administrator may see.
type dmi struct {
	h host.Host
	gap
	failed error
}

// present tells whether the machine has such a table. Many virtual machines and all containers without sysfs have none.
func (d *dmi) present() bool { return exists(d.h, dmiFolder) }

// raw returns a field, "" when the table lacks it or may not be read.
func (d *dmi) raw(field string) string {
	text, err := readLine(d.h, dmiFolder+"/"+field)
	if err := d.allow(dmiFolder+"/"+field, err); err != nil && d.failed == nil {
		d.failed = err
	}
	return clean(text)
}

// text returns a field unless it holds what manufacturers write when they have nothing to say.
func (d *dmi) text(field string) string {
	s := d.raw(field)
	if placeholder(s) {
		return ""
	}
	return s
}

// err returns the first real failure, else what was refused.
func (d *dmi) err() error {
	if d.failed != nil {
		return d.failed
	}
	return d.gap.err()
}

// chassis names the chassis type; bit 7 of the number only says that there is a lock.
func (d *dmi) chassis() string {
	n, err := strconv.Atoi(d.raw("chassis_type"))
	if err != nil {
		return ""
	}
	return chassisNames[n&0x7f]
}
