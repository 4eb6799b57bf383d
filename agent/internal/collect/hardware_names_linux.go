// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// hardwareID is what a list of hardware names is asked for: vendor and device, four hex digits each.
type hardwareID struct{ vendor, device string }

// hardwareNames are names out of a list of hardware, for the numbers that were asked for.
type hardwareNames struct {
	asked   map[hardwareID]bool
	vendors map[string]string
	devices map[hardwareID]string
}

// maxHardwareList bounds a list of names; they have 1.5 MB.
const maxHardwareList = 16 << 20

// nameHardware returns the names of the devices in the first of the lists that there is; none without a list. It keeps
// only what was asked for, and reads an unchanged list again only when a device is asked for that was not there before.
func nameHardware(h host.Host, files *memo, lists []string, ids map[hardwareID]bool) (hardwareNames, error) {
	for _, list := range lists {
		parse := func() (hardwareNames, error) {
			raw, err := host.ReadFile(h.FS(), list, maxHardwareList)
			if err != nil {
				return hardwareNames{}, err
			}
			return parseHardwareNames(string(raw), ids), nil
		}
		if !exists(h, list) {
			continue
		}
		names, err := remember(files, h, list, parse)
		isNew := func(id hardwareID) bool { return !names.asked[id] }
		if err == nil && slices.ContainsFunc(slices.Collect(maps.Keys(ids)), isNew) {
			delete(files.entries, list)
			names, err = remember(files, h, list, parse)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return names, err
	}
	return hardwareNames{}, nil
}

// parseHardwareNames reads a list of names: a vendor's line begins with its number, the lines of its devices with one
// tab, those of subsystems and interfaces with two. Other lists of the same file begin with a letter and a blank.
//
// Source: the comments at the begin of pci.ids and usb.ids.
func parseHardwareNames(text string, ids map[hardwareID]bool) hardwareNames {
	names := hardwareNames{asked: ids, vendors: map[string]string{}, devices: map[hardwareID]string{}}
	wanted := map[string]bool{}
	for id := range ids {
		wanted[id.vendor] = true
	}
	vendor := ""
	for line := range strings.Lines(text) {
		device := strings.HasPrefix(line, "\t")
		if device && (vendor == "" || strings.HasPrefix(line, "\t\t")) {
			continue
		}
		number, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		switch {
		case !device:
			vendor = ""
			if ok && wanted[number] {
				vendor = number
				names.vendors[number] = strings.Clone(strings.TrimSpace(name))
			}
		case ok && ids[hardwareID{vendor, number}]:
			names.devices[hardwareID{vendor, number}] = strings.Clone(strings.TrimSpace(name))
		}
	}
	return names
}
