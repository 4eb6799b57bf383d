// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"maps"
	"slices"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "processors", Essential: true, Collect: collectProcessors}) }

// collectProcessors describes the kinds of processors in the sockets, equal sockets as one row. Clock rates of the
// moment are left out; the highest one is a fact where the kernel knows it.
//
// Source: /proc/cpuinfo, /sys/devices/system/cpu.
func collectProcessors(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	c, err := readCPUs(h)
	if err != nil {
		return err
	}
	brand := fact(c.brand())
	if brand == nil {
		return ErrAbsent
	}
	uname, err := h.Uname()
	if err != nil {
		return err
	}
	type shape struct{ cores, threads int }
	sockets := map[shape]int{}
	for socket, threads := range c.threads {
		sockets[shape{c.cores[socket], threads}]++
	}
	shapes := slices.SortedFunc(maps.Keys(sockets), func(a, b shape) int { return a.threads - b.threads })
	for _, s := range shapes {
		snap.Processors = append(snap.Processors, &inventoryv1.Processor{
			Brand: brand, Vendor: fact(processorVendor(c)), Arch: fact(uname.Machine),
			Sockets: count(sockets[s]), Cores: count(s.cores), Threads: count(s.threads),
			Family: number(c.first("cpu family")), Model: number(c.first("model")), Stepping: number(c.first("stepping")),
			Microcode: fact(c.first("microcode")), MaxMhz: maxMHz(h),
		})
	}
	return nil
}

// processorVendor is the x86 vendor id, or the ARM implementer's name.
func processorVendor(c cpus) string {
	if v := c.first("vendor_id"); v != "" {
		return v
	}
	return armImplementers[c.first("CPU implementer")]
}

// maxMHz is the highest clock rate of the first processor.
func maxMHz(h host.Host) *int64 {
	khz := number(peek(h, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
	if khz == nil || *khz < 1000 {
		return nil
	}
	mhz := *khz / 1000
	return &mhz
}
