// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// edidHeader begins every EDID.
var edidHeader = []byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}

// edidBlock is the length of the base block; extensions follow it and are not read.
const edidBlock = 128

// Tags of display descriptors.
const (
	edidSerial = 0xff
	edidText   = 0xfe
	edidName   = 0xfc
)

// parseEDID reads what a display says about itself. The model is its product code, four hex digits. A panel without a
// name of its own is named by the last free text, where makers put the panel's part number.
//
// Source: VESA E-EDID Standard, release A, revision 2, section 3.
func parseEDID(raw []byte) (*inventoryv1.Monitor, error) {
	if len(raw) < edidBlock || !bytes.HasPrefix(raw, edidHeader) {
		return nil, errors.New("no EDID")
	}
	m := &inventoryv1.Monitor{
		Vendor: fact(edidVendor(binary.BigEndian.Uint16(raw[8:]))), Model: fact(fmt.Sprintf("%04x", binary.LittleEndian.Uint16(raw[10:]))),
		Manufactured: fact(edidDate(raw[16], raw[17])),
	}
	texts := map[byte]string{}
	for at := 54; at+18 <= 126; at += 18 {
		d := raw[at : at+18]
		if d[0] != 0 || d[1] != 0 {
			if m.Width == nil { // the first timing is the preferred one
				m.Width = count(int(d[2]) | int(d[4]&0xf0)<<4)
				m.Height = count(int(d[5]) | int(d[7]&0xf0)<<4)
			}
			continue
		}
		texts[d[3]] = edidString(d[5:])
	}
	m.Name = fact(cmp.Or(texts[edidName], texts[edidText]))
	m.Serial = fact(texts[edidSerial])
	if n := binary.LittleEndian.Uint32(raw[12:]); m.Serial == nil && n != 0 && n != 0x01010101 {
		m.Serial = fact(strconv.FormatUint(uint64(n), 10))
	}
	return m, nil
}

// edidVendor reads three letters of five bits, A being 1; "" when there are others.
func edidVendor(packed uint16) string {
	letters := make([]byte, 3)
	for i := range letters {
		n := byte(packed>>(10-5*i)) & 0x1f
		if n < 1 || n > 26 {
			return ""
		}
		letters[i] = 'A' - 1 + n
	}
	return string(letters)
}

// edidDate is the week and year of manufacture; week 255 marks the year of the model instead.
func edidDate(week, year byte) string {
	switch {
	case year == 0:
		return ""
	case week >= 1 && week <= 53:
		return fmt.Sprintf("%d-W%02d", 1990+int(year), week)
	}
	return strconv.Itoa(1990 + int(year))
}

// edidString ends with a line feed, and is padded with blanks.
func edidString(raw []byte) string {
	s, _, _ := strings.Cut(string(raw), "\n")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1 // the standard has ASCII only; worn out memories have everything
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
