// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"slices"
	"testing"
	"unicode/utf16"
)

// wide spells a text as the registry stores it, without a NUL at the end.
func wide(s string) []byte {
	var raw []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return raw
}

func TestRegistryValueIsReadByItsType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		value  RegistryValue
		text   string
		texts  []string
		number uint64
		ok     bool
	}{
		{name: "text", value: RegistryValue{1, wide("Zoë 🙂\x00")}, text: "Zoë 🙂", texts: []string{"Zoë 🙂"}},
		{name: "text without an end", value: RegistryValue{1, wide("abc")}, text: "abc", texts: []string{"abc"}},
		{name: "text behind its end", value: RegistryValue{2, wide("a\x00b")}, text: "a", texts: []string{"a"}},
		{name: "odd byte", value: RegistryValue{1, append(wide("a"), 'x')}, text: "a", texts: []string{"a"}},
		{name: "lone surrogate", value: RegistryValue{1, []byte{0, 0xd8}}, text: "\uFFFD", texts: []string{"\uFFFD"}},
		{name: "list", value: RegistryValue{7, wide("a\x00b c\x00\x00")}, text: "a", texts: []string{"a", "b c"}},
		{name: "list without its end", value: RegistryValue{7, wide("a\x00b")}, text: "a", texts: []string{"a", "b"}},
		{name: "empty list", value: RegistryValue{7, nil}},
		{name: "dword", value: RegistryValue{4, []byte{1, 2, 0, 0}}, text: "513", texts: []string{"513"}, number: 513, ok: true},
		{name: "short dword", value: RegistryValue{4, []byte{1}}},
		{name: "qword", value: RegistryValue{11, []byte{0, 0, 0, 0, 1, 0, 0, 0}}, text: "4294967296", texts: []string{"4294967296"}, number: 1 << 32, ok: true},
		{name: "bytes", value: RegistryValue{3, []byte{1, 2, 3}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, ok := tt.value.Number()
			if got := tt.value.Text(); got != tt.text || n != tt.number || ok != tt.ok {
				t.Errorf("got %q, %d, %v; want %q, %d, %v", got, n, ok, tt.text, tt.number, tt.ok)
			}
			if got := tt.value.Texts(); !slices.Equal(got, tt.texts) {
				t.Errorf("got %q, want %q", got, tt.texts)
			}
		})
	}
}

func FuzzRegistryValue(f *testing.F) {
	f.Add(uint32(1), wide("text\x00"))
	f.Add(uint32(7), wide("a\x00b\x00\x00"))
	f.Add(uint32(4), []byte{1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, kind uint32, data []byte) {
		v := RegistryValue{kind, data}
		texts := v.Texts()
		if len(texts) > 0 && texts[0] != v.Text() {
			t.Errorf("the text is %q, the first of the list %q", v.Text(), texts[0])
		}
		if _, ok := v.Number(); ok && len(data) != 4 && len(data) != 8 {
			t.Errorf("a number of %d bytes", len(data))
		}
	})
}

// descriptor makes a STORAGE_DEVICE_DESCRIPTOR.
func descriptor(removable bool, bus uint32, texts ...string) []byte {
	raw := make([]byte, 40)
	if removable {
		raw[10] = 1
	}
	binary.LittleEndian.PutUint32(raw[28:], bus)
	for i, text := range texts {
		if text != "" {
			binary.LittleEndian.PutUint32(raw[12+4*i:], uint32(len(raw)))
			raw = append(append(raw, text...), 0)
		}
	}
	return raw
}

func TestDeviceDescriptor(t *testing.T) {
	t.Parallel()
	got, ok := deviceDescriptor(descriptor(true, 17, "ATA     ", "Model X ", "1.0", "  S/N 1"))
	want := Drive{Vendor: "ATA", Model: "Model X", Firmware: "1.0", Serial: "S/N 1", Bus: "nvme", Removable: true}
	if !ok || got != want {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
	if _, ok := deviceDescriptor(make([]byte, 31)); ok {
		t.Error("a descriptor that is cut off was read")
	}
	cut := descriptor(false, 99, "", "Model")
	if got, _ := deviceDescriptor(cut[:42]); got.Model != "Mo" || got.Bus != "" {
		t.Errorf("got %+v", got)
	}
}

func TestVolumeOfOneDrive(t *testing.T) {
	t.Parallel()
	extents := func(count uint32, drives ...uint32) []byte {
		raw := binary.LittleEndian.AppendUint64(nil, uint64(count))
		for _, d := range drives {
			raw = append(binary.LittleEndian.AppendUint64(raw, uint64(d)), make([]byte, 16)...)
		}
		return raw
	}
	tests := []struct {
		name string
		raw  []byte
		want uint32
		ok   bool
	}{
		{"one part", extents(1, 3), 3, true},
		{"two parts of one drive", extents(2, 3, 3), 3, true},
		{"two drives", extents(2, 3, 4), 0, false},
		{"none", extents(0), 0, false},
		{"more than there are", extents(1<<31, 3), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := oneDrive(tt.raw); got != tt.want || ok != tt.ok {
				t.Errorf("got %d, %v, want %d, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzDeviceDescriptor(f *testing.F) {
	f.Add(descriptor(false, 11, "", "Model", "", "Serial"))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		deviceDescriptor(raw)
		oneDrive(raw)
	})
}
