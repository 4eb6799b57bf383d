// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "memory_modules", Collect: collectMemoryModules}) }

// collectMemoryModules lists the slots for memory. Only the administrator may read the table that knows them. The empty
// slots of a virtual machine, of which some hypervisors make a hundred, are left out: nobody will fill them.
//
// Source: SMBIOS structure 17 in /sys/firmware/dmi/tables/DMI.
func collectMemoryModules(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	table, err := readSMBIOS(h)
	if err != nil {
		return err
	}
	modules := table.memoryModules()
	if hypervisor(h) != "" {
		modules = slices.DeleteFunc(modules, func(m *inventoryv1.MemoryModule) bool { return m.GetSize() == 0 })
	}
	if len(modules) == 0 {
		return ErrAbsent
	}
	snap.MemoryModules = modules
	return nil
}
