// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// memoryModules returns the slots for the system's memory, empty ones included. Flash and cache in the same kind of
// structure are left out.
//
// Source: DSP0134, Physical Memory Array (type 16) and Memory Device (type 17).
func (t *smbiosTable) memoryModules() []*inventoryv1.MemoryModule {
	other := t.otherArrays()
	var modules []*inventoryv1.MemoryModule
	for _, s := range t.structures {
		if s.kind() != smbiosMemory || other[s.word(0x04)] {
			continue
		}
		modules = append(modules, memoryModule(s, len(modules)))
	}
	return modules
}

// otherArrays returns the handles of arrays whose use is known and is not system memory.
func (t *smbiosTable) otherArrays() map[uint16]bool {
	const systemMemory, lastUse = 3, 7
	other := map[uint16]bool{}
	for _, s := range t.structures {
		if use := s.byteAt(0x05); s.kind() == smbiosArray && use > systemMemory && use <= lastUse {
			other[s.word(0x02)] = true
		}
	}
	return other
}

// memoryModule reads one slot. One that is empty has a name and a size of 0, whatever texts the firmware left in it.
func memoryModule(s smbiosStructure, place int) *inventoryv1.MemoryModule {
	m := &inventoryv1.MemoryModule{Slot: fact(s.raw(0x10)), Bank: fact(s.text(0x11)), Size: memorySize(s)}
	if m.Slot == nil {
		m.Slot = fact("#" + strconv.Itoa(place))
	}
	if m.Size != nil && *m.Size == 0 {
		return m
	}
	m.FormFactor, m.Type = fact(memoryFormFactors[s.byteAt(0x0e)]), fact(memoryTypes[s.byteAt(0x12)])
	m.SpeedMts = memorySpeed(s)
	m.Vendor, m.PartNumber, m.Serial = fact(s.text(0x17)), fact(s.text(0x1a)), fact(memorySerial(s.text(0x18)))
	return m
}

// memorySize is in bytes, nil when the firmware does not know.
func memorySize(s smbiosStructure) *int64 {
	const (
		unknown  = 0xffff
		extended = 0x7fff
		kibibyte = 0x8000 // flag: else the unit is a mebibyte
	)
	switch size := s.word(0x0c); {
	case len(s.formatted) < 0x0e || size == unknown:
		return nil
	case size == extended:
		return proto.Int64(int64(s.double(0x1c)&0x7fffffff) << 20)
	case size&kibibyte != 0:
		return proto.Int64(int64(size&^kibibyte) << 10)
	default:
		return proto.Int64(int64(size) << 20)
	}
}

// memorySpeed is what the module is made for, in megatransfers a second; what it runs at is another field.
func memorySpeed(s smbiosStructure) *int64 {
	speed := s.word(0x15)
	if speed == 0xffff {
		return count(int(s.double(0x54) & 0x7fffffff))
	}
	return count(int(speed))
}

// memorySerial drops what firmware writes for modules without a number of their own.
func memorySerial(s string) string {
	if s == "SerNum" || s == "FFFFFFFF" {
		return ""
	}
	return s
}

// memoryTypes and memoryFormFactors name numbers of structure 17; "other" and "unknown" have no name.
//
// Source: DSP0134, Memory Device — Type, Memory Device — Form Factor.
var (
	memoryTypes = map[byte]string{
		0x03: "DRAM", 0x04: "EDRAM", 0x05: "VRAM", 0x06: "SRAM", 0x07: "RAM", 0x08: "ROM", 0x09: "FLASH", 0x0a: "EEPROM",
		0x0b: "FEPROM", 0x0c: "EPROM", 0x0d: "CDRAM", 0x0e: "3DRAM", 0x0f: "SDRAM", 0x10: "SGRAM", 0x11: "RDRAM",
		0x12: "DDR", 0x13: "DDR2", 0x14: "DDR2 FB-DIMM", 0x18: "DDR3", 0x19: "FBD2", 0x1a: "DDR4", 0x1b: "LPDDR",
		0x1c: "LPDDR2", 0x1d: "LPDDR3", 0x1e: "LPDDR4", 0x1f: "Logical non-volatile device", 0x20: "HBM", 0x21: "HBM2",
		0x22: "DDR5", 0x23: "LPDDR5", 0x24: "HBM3",
	}
	memoryFormFactors = map[byte]string{
		0x03: "SIMM", 0x04: "SIP", 0x05: "Chip", 0x06: "DIP", 0x07: "ZIP", 0x08: "Proprietary Card", 0x09: "DIMM",
		0x0a: "TSOP", 0x0b: "Row of chips", 0x0c: "RIMM", 0x0d: "SODIMM", 0x0e: "SRIMM", 0x0f: "FB-DIMM", 0x10: "Die",
		0x11: "CAMM",
	}
)
