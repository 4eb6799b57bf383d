// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strconv"
	"strings"
	"unicode"

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

// placeholders are texts that say nothing, as their letters and digits in lower case.
var placeholders = map[string]bool{
	"": true, "none": true, "null": true, "na": true, "notavailable": true, "notapplicable": true, "notspecified": true,
	"unspecified": true, "unknown": true, "undefined": true, "invalid": true, "empty": true, "default": true,
	"defaultstring": true, "oem": true, "oemstring": true, "tobefilledbyoem": true, "tobedefined": true, "tbd": true,
	"systemmanufacturer": true, "systemproductname": true, "systemname": true, "systemversion": true, "systemsku": true,
	"systemsn": true, "sku": true, "productname": true, "productversion": true, "basemanufacturer": true,
	"baseboardmanufacturer": true, "baseboardproductname": true, "baseboardversion": true, "boardversion": true,
	"boardname": true, "boardmanufacturer": true, "assettag": true, "noassettag": true, "noassetinformation": true,
	"chassisassettag": true, "defaultassettag": true, "assetunknown": true, "atag": true,
}

// placeholder tells whether a text of the firmware says nothing, dots, zeros and X's included.
func placeholder(s string) bool {
	bare := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
	return placeholders[bare] || strings.Trim(bare, "0") == "" || (len(bare) > 1 && strings.Trim(bare, "x") == "")
}

// chassisNames are the types of SMBIOS structure 3, by number.
//
// Source: DSP0134, System Enclosure or Chassis Types. 1 and 2 are "other" and "unknown".
var chassisNames = map[int]string{
	3: "desktop", 4: "low profile desktop", 5: "pizza box", 6: "mini tower", 7: "tower", 8: "portable", 9: "laptop",
	10: "notebook", 11: "hand held", 12: "docking station", 13: "all in one", 14: "sub notebook", 15: "space-saving",
	16: "lunch box", 17: "main server chassis", 18: "expansion chassis", 19: "sub chassis", 20: "bus expansion chassis",
	21: "peripheral chassis", 22: "raid chassis", 23: "rack mount chassis", 24: "sealed-case pc",
	25: "multi-system chassis", 26: "compact pci", 27: "advanced tca", 28: "blade", 29: "blade enclosure", 30: "tablet",
	31: "convertible", 32: "detachable", 33: "iot gateway", 34: "embedded pc", 35: "mini pc", 36: "stick pc",
}

// chassis names the chassis type; bit 7 of the number only says that there is a lock.
func (d *dmi) chassis() string {
	n, err := strconv.Atoi(d.raw("chassis_type"))
	if err != nil {
		return ""
	}
	return chassisNames[n&0x7f]
}
