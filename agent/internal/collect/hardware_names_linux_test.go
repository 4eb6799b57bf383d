// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// namesOfHardware is a short list in the form of pci.ids and usb.ids.
const namesOfHardware = `# comment
1af4  Red Hat, Inc.
	1041  Virtio 1.0 network device
		1af4 1100  a subsystem
	1042  Virtio 1.0 block device
8086  Intel Corporation
	0d57  Not asked for
	10d3  82574L Gigabit Network Connection
C 02  Network controller
	00  Ethernet controller
`

func TestHardwareIsNamedByTheListOfTheDistribution(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"usr/share/hwdata/pci.ids": text(namesOfHardware)}
	h, known := &hosttest.Machine{Files: files}, &memo{}
	for _, ids := range []map[hardwareID]bool{
		{{"1af4", "1041"}: true, {"ffff", "1041"}: true, {"1af4", "9999"}: true},
		{{"1af4", "1041"}: true, {"8086", "10d3"}: true}, // one more than at first: the list is read again
	} {
		names, err := nameHardware(h, known, pciLists, ids)
		if err != nil {
			t.Fatal(err)
		}
		if got := names.devices[hardwareID{"1af4", "1041"}]; got != "Virtio 1.0 network device" {
			t.Errorf("network device: got %q", got)
		}
		got := strings.Join(slices.Sorted(maps.Values(names.vendors)), "|")
		want := "Red Hat, Inc."
		if ids[hardwareID{"8086", "10d3"}] {
			want = "Intel Corporation|Red Hat, Inc."
		}
		if got != want {
			t.Errorf("vendors: got %q, want %q", got, want)
		}
	}
	if kept, _ := known.entries["usr/share/hwdata/pci.ids"].value.(hardwareNames); !kept.asked[hardwareID{"8086", "10d3"}] {
		t.Error("the list is read again each time from now on")
	}
	names, err := nameHardware(&hosttest.Machine{}, known, pciLists, nil)
	if err != nil || len(names.devices) != 0 {
		t.Errorf("without a list: got %v, %v", names, err)
	}
}

func FuzzHardwareNames(f *testing.F) {
	f.Add(namesOfHardware)
	f.Add("\t0000  x\n1af4\n\t1041")
	ids := map[hardwareID]bool{{"1af4", "1041"}: true, {"8086", "10d3"}: true}
	f.Fuzz(func(_ *testing.T, text string) { parseHardwareNames(text, ids) })
}
