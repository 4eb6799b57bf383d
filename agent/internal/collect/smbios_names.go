// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"
	"time"
	"unicode"

	"github.com/rollcall-inventory/rollcall/proto/normal"
)

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

// biosDate reads month/day/year; old firmware writes the year of the last century in two digits.
func biosDate(s string) *string {
	for _, layout := range []string{"01/02/2006", "01/02/06"} {
		if t, err := time.Parse(layout, s); err == nil {
			return datetime(t)
		}
	}
	return nil
}

// cleanSerial drops the placeholders that many machines have in common.
func cleanSerial(s string) string {
	serial, ok := normal.CleanSerial(s)
	if !ok {
		return ""
	}
	return serial
}
