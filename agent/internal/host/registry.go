// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Registry reads the registry of Windows. It is safe for concurrent use.
//
// A path begins with HKLM or HKU and separates keys by backslashes: `HKLM\SOFTWARE\Microsoft`. Keys are found without
// regard to case. The 64-bit view is read; the 32-bit one is below WOW6432Node. A key that is not there is fs.ErrNotExist,
// a refused one fs.ErrPermission.
type Registry interface {
	// Keys names the keys below a key, sorted.
	Keys(path string) ([]string, error)
	// Values returns the values of a key by name as it is stored; the default value has the name "". Values of more than
	// 64 KiB are left out.
	Values(path string) (map[string]RegistryValue, error)
}

// MaxRegistryValue is the largest value that a Registry hands out; MaxRegistryKeys bounds the names of one key.
const (
	MaxRegistryValue = 64 << 10
	MaxRegistryKeys  = 65536
)

// The types of values.
//
// Source: winnt.h.
const (
	regSZ       = 1
	regExpandSZ = 2
	regBinary   = 3
	regDWORD    = 4
	regMultiSZ  = 7
	regQWORD    = 11
)

// RegistryValue is one value as the registry stores it.
type RegistryValue struct {
	// Type is REG_SZ and its kin (winnt.h).
	Type uint32
	// Data is UTF-16LE for the types of text.
	Data []byte
}

// Text is the value as text, up to its first NUL: of REG_SZ and REG_EXPAND_SZ as it stands, of REG_MULTI_SZ the first
// one, of numbers in decimal digits. It is empty for other types.
func (v RegistryValue) Text() string {
	switch v.Type {
	case regSZ, regExpandSZ, regMultiSZ:
		text, _, _ := strings.Cut(DecodeUTF16(v.Data), "\x00")
		return text
	}
	if n, ok := v.Number(); ok {
		return strconv.FormatUint(n, 10)
	}
	return ""
}

// Texts are the texts of a REG_MULTI_SZ in order; of another type that holds text, the one.
func (v RegistryValue) Texts() []string {
	if v.Type != regMultiSZ {
		if text := v.Text(); text != "" {
			return []string{text}
		}
		return nil
	}
	var texts []string
	for text := range strings.SplitSeq(DecodeUTF16(v.Data), "\x00") {
		if text == "" {
			break
		}
		texts = append(texts, text)
	}
	return texts
}

// Number is the value of a REG_DWORD, a REG_QWORD, or a REG_BINARY of their lengths; false for anything else.
func (v RegistryValue) Number() (uint64, bool) {
	switch {
	case (v.Type == regDWORD || v.Type == regBinary) && len(v.Data) == 4:
		return uint64(binary.LittleEndian.Uint32(v.Data)), true
	case (v.Type == regQWORD || v.Type == regBinary) && len(v.Data) == 8:
		return binary.LittleEndian.Uint64(v.Data), true
	}
	return 0, false
}

// DecodeUTF16 reads UTF-16LE without a byte order mark; an odd byte at the end is dropped, a lone surrogate becomes U+FFFD.
func DecodeUTF16(raw []byte) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}
