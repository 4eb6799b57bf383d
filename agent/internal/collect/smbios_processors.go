// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// processors returns the kinds of processors in the sockets, equal sockets as one row. Arch is for the caller to say;
// the highest clock rate is left out, because the table knows only what the socket allows.
//
// Source: DSP0134, Processor Information (type 4).
func (t *smbiosTable) processors() []*inventoryv1.Processor {
	const populated, centralProcessor = 0x40, 3
	var found []*inventoryv1.Processor
	for _, s := range t.structures {
		if s.kind() != smbiosProcessor || s.byteAt(0x05) != centralProcessor || s.byteAt(0x18)&populated == 0 {
			continue
		}
		if p := smbiosProcessorOf(s); p.Brand != nil {
			found = addSocket(found, p)
		}
	}
	return found
}

// addSocket counts a socket to an equal row, or makes a row of it.
func addSocket(rows []*inventoryv1.Processor, p *inventoryv1.Processor) []*inventoryv1.Processor {
	for _, known := range rows {
		sockets := known.GetSockets()
		known.Sockets = nil
		same := proto.Equal(known, p)
		known.Sockets = proto.Int64(sockets)
		if same {
			known.Sockets = proto.Int64(sockets + 1)
			return rows
		}
	}
	p.Sockets = proto.Int64(1)
	return append(rows, p)
}

// smbiosProcessorOf reads one socket.
func smbiosProcessorOf(s smbiosStructure) *inventoryv1.Processor {
	p := &inventoryv1.Processor{
		Brand: fact(strings.Join(strings.Fields(s.text(0x10)), " ")), Vendor: fact(smbiosProcessorVendor(s.text(0x07))),
		Cores: smbiosCount(s, 0x23, 0x2a), Threads: smbiosCount(s, 0x25, 0x2e),
	}
	if id := s.double(0x08); id != 0 && (p.GetVendor() == "GenuineIntel" || p.GetVendor() == "AuthenticAMD") {
		family, model, stepping := cpuidSignature(id)
		p.Family, p.Model, p.Stepping = &family, &model, &stepping
	}
	return p
}

// smbiosCount reads a number of cores or threads: a byte, and a word elsewhere for what does not fit into it.
func smbiosCount(s smbiosStructure, narrow, wide int) *int64 {
	if n := s.byteAt(narrow); n != 0xff {
		return count(int(n))
	}
	if n := s.word(wide); n != 0xffff {
		return count(int(n))
	}
	return nil
}

// smbiosProcessorVendor spells the makers of x86 processors as their processors do.
func smbiosProcessorVendor(s string) string {
	switch lower := strings.ToLower(s); {
	case strings.HasPrefix(lower, "intel"), lower == "genuineintel":
		return "GenuineIntel"
	case strings.HasPrefix(lower, "advanced micro devices"), strings.HasPrefix(lower, "amd"), lower == "authenticamd":
		return "AuthenticAMD"
	}
	return s
}

// cpuidSignature takes apart register EAX of CPUID leaf 1, as /proc/cpuinfo shows its parts.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID.
func cpuidSignature(eax uint32) (family, model, stepping int64) {
	family, model, stepping = int64(eax>>8&0xf), int64(eax>>4&0xf), int64(eax&0xf)
	if family == 0xf || family == 6 {
		model += int64(eax>>16&0xf) << 4
	}
	if family == 0xf {
		family += int64(eax >> 20 & 0xff)
	}
	return family, model, stepping
}
