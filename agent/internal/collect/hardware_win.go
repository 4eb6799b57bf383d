// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "bios", On: []string{"windows"}, Collect: collectWindowsBios})
	register(Collector{Name: "board", On: []string{"windows"}, Collect: collectWindowsBoard})
	register(Collector{Name: "memory_modules", On: []string{"windows"}, Collect: collectWindowsMemory})
	register(Collector{Name: "processors", On: []string{"windows"}, Essential: true, Collect: collectWindowsProcessors})
}

// collectWindowsBios reads the firmware's description of itself.
//
// Source: SMBIOS structure 0.
func collectWindowsBios(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	table, err := readSMBIOS(h)
	if err != nil {
		return err
	}
	if snap.Bios = table.bios(); proto.Size(snap.Bios) == 0 {
		return ErrAbsent
	}
	if r, err := registryOf(h); err == nil {
		snap.Bios.Type = fact(windowsFirmwareType(r))
	}
	return nil
}

// collectWindowsBoard reads the description of the main board.
//
// Source: SMBIOS structure 2.
func collectWindowsBoard(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	table, err := readSMBIOS(h)
	if err != nil {
		return err
	}
	if snap.Board = table.board(); snap.Board == nil {
		return ErrAbsent
	}
	return nil
}

// collectWindowsMemory lists the slots for memory.
//
// Source: SMBIOS structure 17.
func collectWindowsMemory(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	table, err := readSMBIOS(h)
	if err != nil {
		return err
	}
	if snap.MemoryModules = table.memoryModules(); len(snap.MemoryModules) == 0 {
		return ErrAbsent
	}
	return nil
}

// processorNumbers are family, model and stepping in the kernel's name of a processor.
var processorNumbers = regexp.MustCompile(`Family (\d+) Model (\d+) Stepping (\d+)`)

// collectWindowsProcessors describes the kinds of processors in the sockets. The firmware's table knows sockets and
// cores, the registry names and numbers; a machine without a table has no sockets to tell.
//
// Source: HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor, SMBIOS structure 4.
func collectWindowsProcessors(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	uname, err := h.Uname()
	if err != nil {
		return err
	}
	v, err := r.values(keyProcessors + `\0`)
	if err != nil {
		return err
	}
	kernel := &inventoryv1.Processor{
		Brand:  fact(strings.Join(strings.Fields(v.text("ProcessorNameString")), " ")),
		Vendor: fact(v.text("VendorIdentifier")), Arch: fact(windowsArch(r, uname)), Microcode: windowsMicrocode(v),
	}
	if n := processorNumbers.FindStringSubmatch(v.text("Identifier")); n != nil {
		kernel.Family, kernel.Model, kernel.Stepping = number(n[1]), number(n[2]), number(n[3])
	}
	if table, err := readSMBIOS(h); err == nil { // without a table, or the right to it, the registry has to do
		snap.Processors = table.processors()
	}
	if len(snap.Processors) == 0 && kernel.Brand != nil {
		snap.Processors = append(snap.Processors, &inventoryv1.Processor{})
	}
	for _, p := range snap.Processors {
		if kernel.Brand != nil {
			p.Brand = kernel.Brand
		}
		p.Vendor, p.Arch, p.Microcode = kernel.Vendor, kernel.Arch, kernel.Microcode
		p.Family, p.Model, p.Stepping = kernel.Family, kernel.Model, kernel.Stepping
	}
	if len(snap.Processors) == 0 {
		return ErrAbsent
	}
	return nil
}

// windowsMicrocode spells the revision of the loaded microcode as Linux does. Intel's is in the upper half of the value.
func windowsMicrocode(v regValues) *string {
	value, ok := v["update revision"]
	n, isNumber := value.Number()
	if !ok || !isNumber {
		return nil
	}
	if len(value.Data) == 8 && n>>32 != 0 {
		n >>= 32
	}
	if n == 0 {
		return nil
	}
	return fact(fmt.Sprintf("0x%x", n))
}
