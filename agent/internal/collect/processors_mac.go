// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "processors", On: []string{"darwin"}, Essential: true, Collect: collectMacProcessors})
}

// collectMacProcessors describes the processor; a Mac with two of them has two equal ones. Apple's own have neither
// family nor a clock rate that the kernel tells.
//
// Source: sysctl(3).
func collectMacProcessors(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	brand := sysctl(h, "machdep.cpu.brand_string")
	if brand == "" {
		return ErrAbsent
	}
	uname, err := h.Uname()
	if err != nil {
		return err
	}
	p := &inventoryv1.Processor{
		Brand: fact(brand), Vendor: fact(sysctl(h, "machdep.cpu.vendor")), Arch: fact(uname.Machine),
		Sockets: positive(sysctl(h, "hw.packages")), Cores: perSocket(h, "hw.physicalcpu"), Threads: perSocket(h, "hw.logicalcpu"),
		Family: number(sysctl(h, "machdep.cpu.family")), Model: number(sysctl(h, "machdep.cpu.model")),
		Stepping: number(sysctl(h, "machdep.cpu.stepping")), Microcode: fact(sysctl(h, "machdep.cpu.microcode_version")),
	}
	if p.Vendor == nil && strings.HasPrefix(brand, "Apple ") {
		p.Vendor = fact("Apple")
	}
	if hertz := positive(sysctl(h, "hw.cpufrequency_max")); hertz != nil {
		p.MaxMhz = count(int(*hertz / 1_000_000))
	}
	snap.Processors = append(snap.Processors, p)
	return nil
}

// perSocket divides a number of the whole machine by its sockets.
func perSocket(h host.Host, name string) *int64 {
	all, sockets := positive(sysctl(h, name)), positive(sysctl(h, "hw.packages"))
	if all == nil || sockets == nil {
		return all
	}
	return count(int(*all / *sockets))
}
