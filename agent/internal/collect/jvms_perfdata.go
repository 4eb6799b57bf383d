// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// perfData is what a virtual machine publishes about itself: texts and numbers by name.
type perfData struct {
	texts   map[string]string
	numbers map[string]int64
}

// The names that matter. HotSpot cuts texts at perfMaxText bytes.
const (
	perfBegin     = "sun.rt.createVmBeginTime" // milliseconds since 1970
	perfCommand   = "sun.rt.javaCommand"       // main class or jar, then the program's arguments
	perfArgs      = "java.rt.vmArgs"
	perfClassPath = "java.property.java.class.path"
	perfHome      = "java.property.java.home"
	perfVersion   = "java.property.java.version"
	perfVM        = "java.property.java.vm.version"
	perfVendor    = "java.property.java.vm.vendor"

	perfMaxText = 1024
)

// Limits of the file: 32 KB unless somebody asked for more.
const (
	maxPerfFile    = 4 << 20
	maxPerfEntries = 8192
	perfHeader     = 32
	perfEntry      = 20
)

var errPerfData = errors.New("not the counters of a virtual machine")

// parsePerfData reads the counters that HotSpot keeps in hsperfdata_<user>/<pid>, version 2 of their format. Everything
// that does not fit into its frame is an error; a file that is not complete yet is one too.
//
// Source: perfMemory.hpp of HotSpot, PerfDataPrologue and PerfDataEntry.
func parsePerfData(raw []byte) (perfData, error) {
	if len(raw) < perfHeader || !bytes.HasPrefix(raw, []byte{0xca, 0xfe, 0xc0, 0xc0}) {
		return perfData{}, errPerfData
	}
	var order binary.ByteOrder = binary.BigEndian
	if raw[4] == 1 {
		order = binary.LittleEndian
	}
	if raw[5] != 2 || raw[7] == 0 {
		return perfData{}, fmt.Errorf("%w: version %d, accessible %d", errPerfData, raw[5], raw[7])
	}
	at, entries := int64(order.Uint32(raw[24:])), order.Uint32(raw[28:])
	if entries > maxPerfEntries {
		return perfData{}, fmt.Errorf("%w: %d entries", errPerfData, entries)
	}
	d := perfData{texts: map[string]string{}, numbers: map[string]int64{}}
	for range entries {
		if at < 0 || at+perfEntry > int64(len(raw)) {
			return perfData{}, fmt.Errorf("%w: entry at %d of %d bytes", errPerfData, at, len(raw))
		}
		length := int64(order.Uint32(raw[at:]))
		if length < perfEntry || at+length > int64(len(raw)) {
			return perfData{}, fmt.Errorf("%w: entry of %d bytes at %d", errPerfData, length, at)
		}
		d.entry(raw[at:at+length], order)
		at += length
	}
	return d, nil
}

// entry adds one counter: an array of bytes is a text, a single long a number; others are of no use here.
func (d perfData) entry(e []byte, order binary.ByteOrder) {
	nameAt, count, kind, dataAt := order.Uint32(e[4:]), order.Uint32(e[8:]), e[12], order.Uint32(e[16:])
	if int64(nameAt) >= int64(len(e)) || int64(dataAt) > int64(len(e)) {
		return
	}
	name, _, ended := bytes.Cut(e[nameAt:], []byte{0})
	value := e[dataAt:]
	switch {
	case !ended:
	case kind == 'B' && count > 0 && int64(count) <= int64(len(value)):
		text, _, _ := bytes.Cut(value[:count], []byte{0})
		d.texts[string(name)] = string(text)
	case kind == 'J' && count == 0 && len(value) >= 8:
		d.numbers[string(name)] = int64(order.Uint64(value))
	}
}

// text returns a text, nothing for one that may have been cut.
func (d perfData) text(name string) string {
	if s := d.texts[name]; len(s) < perfMaxText-1 {
		return s
	}
	return ""
}
