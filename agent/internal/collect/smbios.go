// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// Types of structures in the firmware's table.
const (
	smbiosBios      = 0
	smbiosSystem    = 1
	smbiosBoard     = 2
	smbiosChassis   = 3
	smbiosProcessor = 4
	smbiosArray     = 16
	smbiosMemory    = 17
	smbiosEnd       = 127
)

// maxSMBIOSStructures bounds what is read of a table; the largest seen have a few hundred.
const maxSMBIOSStructures = 16384

// smbiosTable is the firmware's description of the machine, on every system that can hand it over.
//
// Source: DMTF DSP0134, System Management BIOS Reference Specification.
type smbiosTable struct {
	structures []smbiosStructure
	// bigEndianUUID marks tables of version 2.5 and before, which spell the UUID in the order of its text.
	bigEndianUUID bool
}

// smbiosStructure is one structure: the formatted part with its header, and the strings behind it.
type smbiosStructure struct {
	formatted []byte
	strings   []string
}

// smbiosSystemFacts is structure 1 and what belongs to it of structure 3. What the firmware does not say is empty.
type smbiosSystemFacts struct {
	Manufacturer, Product, Version, SKU, Family string
	// Serial and UUID are cleaned: no placeholders; the UUID in lower case.
	Serial, UUID string
	// AssetTag is the chassis'.
	AssetTag string
}

// readSMBIOS reads and takes apart the table. The error is ErrAbsent where the firmware has none, fs.ErrPermission where
// only the administrator may read it.
func readSMBIOS(h host.Host) (*smbiosTable, error) {
	raw, err := h.SMBIOS()
	if err != nil {
		return nil, absent(err)
	}
	table, err := parseSMBIOS(raw)
	if err != nil {
		return nil, fmt.Errorf("firmware table: %w", err)
	}
	if h.Registry() != nil { // anybody may make a folder sys on drive C:
		return table, nil
	}
	if major, minor, ok := smbiosVersion([]byte(peek(h, smbiosEntryPoint))); ok {
		table.bigEndianUUID = major < 2 || major == 2 && minor < 6
	}
	return table, nil
}

// smbiosEntryPoint is where Linux shows the table's entry point, which carries its version.
const smbiosEntryPoint = "sys/firmware/dmi/tables/smbios_entry_point"

// smbiosVersion reads the version of the specification out of an entry point of 32 or 64 bits.
func smbiosVersion(entry []byte) (major, minor byte, ok bool) {
	switch {
	case len(entry) > 8 && string(entry[:5]) == "_SM3_":
		return entry[7], entry[8], true
	case len(entry) > 7 && string(entry[:4]) == "_SM_":
		return entry[6], entry[7], true
	}
	return 0, 0, false
}

// parseSMBIOS takes a table apart. What is cut off at its end is left out, for firmware that counts wrong; a table
// without one whole structure is an error.
func parseSMBIOS(raw []byte) (*smbiosTable, error) {
	table := &smbiosTable{}
	for len(raw) >= 4 && len(table.structures) < maxSMBIOSStructures {
		s, rest, ok := nextSMBIOS(raw)
		if !ok || s.kind() == smbiosEnd {
			break
		}
		table.structures = append(table.structures, s)
		raw = rest
	}
	if len(table.structures) == 0 {
		return nil, errors.New("no structures")
	}
	table.bigEndianUUID = table.looksOld()
	return table, nil
}

// nextSMBIOS cuts the first structure off: a formatted part of the length in its header, then strings that end with NUL,
// then one more NUL. A structure without strings ends with two.
func nextSMBIOS(raw []byte) (s smbiosStructure, rest []byte, ok bool) {
	length := int(raw[1])
	if length < 4 || length > len(raw) {
		return s, nil, false
	}
	s.formatted, rest = raw[:length], raw[length:]
	for {
		end := 0
		for end < len(rest) && rest[end] != 0 {
			end++
		}
		if end == len(rest) {
			return s, nil, false
		}
		if end == 0 {
			break
		}
		s.strings = append(s.strings, string(rest[:end]))
		rest = rest[end+1:]
	}
	rest = rest[1:]
	if len(s.strings) == 0 && len(rest) > 0 && rest[0] == 0 {
		rest = rest[1:]
	}
	return s, rest, true
}

// looksOld tells that a table is of version 2.5 or before, by the lengths of structures that grew with 2.6.
func (t *smbiosTable) looksOld() bool {
	for _, s := range t.structures {
		switch {
		case s.kind() == smbiosProcessor && len(s.formatted) < 0x2a, s.kind() == smbiosMemory && len(s.formatted) < 0x1c:
			return true
		}
	}
	return false
}

// first returns the first structure of a type; the zero structure, which says nothing, where there is none.
func (t *smbiosTable) first(kind byte) smbiosStructure {
	for _, s := range t.structures {
		if s.kind() == kind {
			return s
		}
	}
	return smbiosStructure{}
}

// system returns the machine's names and numbers.
func (t *smbiosTable) system() smbiosSystemFacts {
	s := t.first(smbiosSystem)
	facts := smbiosSystemFacts{
		Manufacturer: s.text(0x04), Product: s.text(0x05), Version: s.text(0x06), Serial: cleanSerial(s.raw(0x07)),
		SKU: s.text(0x19), Family: s.text(0x1a), AssetTag: t.first(smbiosChassis).text(0x08),
	}
	if len(s.formatted) >= 0x18 {
		facts.UUID = smbiosUUID([16]byte(s.formatted[0x08:0x18]), t.bigEndianUUID)
	}
	return facts
}

// smbiosUUID spells the UUID; "" for one that says nothing. Since 2.6 its first three fields are little endian.
func smbiosUUID(b [16]byte, bigEndian bool) string {
	if !bigEndian {
		b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
		b[4], b[5] = b[5], b[4]
		b[6], b[7] = b[7], b[6]
	}
	uuid, ok := normal.CleanUUID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
	if !ok {
		return ""
	}
	return uuid
}

// chassis names the type of the chassis; "" when the firmware does not know.
func (t *smbiosTable) chassis() string {
	return chassisNames[int(t.first(smbiosChassis).byteAt(0x05)&0x7f)] // bit 7 only says that there is a lock
}

// bios returns the firmware's description of itself, nil where there is none. Its Type is for the caller to find out:
// firmware may be able to do more than the machine was started with.
func (t *smbiosTable) bios() *inventoryv1.Bios {
	s := t.first(smbiosBios)
	if len(s.formatted) == 0 {
		return nil
	}
	b := &inventoryv1.Bios{Vendor: fact(s.text(0x04)), Version: fact(s.text(0x05)), Date: biosDate(s.raw(0x08))}
	if major, minor := s.byteAt(0x14), s.byteAt(0x15); len(s.formatted) > 0x15 && major != 0xff && minor != 0xff {
		b.Release = fact(fmt.Sprintf("%d.%d", major, minor))
	}
	return b
}

// board returns the main board, nil where the table does not describe one.
func (t *smbiosTable) board() *inventoryv1.Board {
	s := t.first(smbiosBoard)
	b := &inventoryv1.Board{
		Vendor: fact(s.text(0x04)), Name: fact(s.text(0x05)), Version: fact(s.text(0x06)), Serial: fact(s.text(0x07)),
		AssetTag: fact(s.text(0x08)),
	}
	if b.Vendor == nil && b.Name == nil && b.Serial == nil {
		return nil
	}
	return b
}

// kind is the structure's type.
func (s smbiosStructure) kind() byte { return s.byteAt(0) }

// byteAt returns a byte of the formatted part, 0 beyond its end: what a later version of the specification added is
// missing in older tables.
func (s smbiosStructure) byteAt(at int) byte {
	if at >= len(s.formatted) {
		return 0
	}
	return s.formatted[at]
}

// word returns two bytes of the formatted part, 0 beyond its end.
func (s smbiosStructure) word(at int) uint16 {
	if at+2 > len(s.formatted) {
		return 0
	}
	return binary.LittleEndian.Uint16(s.formatted[at:])
}

// double returns four bytes of the formatted part, 0 beyond its end.
func (s smbiosStructure) double(at int) uint32 {
	if at+4 > len(s.formatted) {
		return 0
	}
	return binary.LittleEndian.Uint32(s.formatted[at:])
}

// raw returns the string that the byte at a place counts to, from 1; "" for none.
func (s smbiosStructure) raw(at int) string {
	n := int(s.byteAt(at))
	if n == 0 || n > len(s.strings) {
		return ""
	}
	return strings.TrimSpace(clean(s.strings[n-1]))
}

// text is raw without what manufacturers write when they have nothing to say.
func (s smbiosStructure) text(at int) string {
	text := s.raw(at)
	if placeholder(text) {
		return ""
	}
	return text
}
