// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// both.xml and both.bin hold the same values, written by Python's plistlib.
func TestBothFormsHoldTheSame(t *testing.T) {
	t.Parallel()
	want := Dict{
		"text": "Ada’s Air", "ascii": "plain", "empty": "", "small": int64(7), "negative": int64(-1), "large": int64(1) << 40, "real": 1.5,
		"yes": true, "no": false, "date": time.Date(2024, 2, 29, 12, 30, 45, 0, time.UTC), "data": []byte("\x00\x01raw"),
		"array": []any{int64(1), "two", []any{}}, "dict": Dict{"inner": Dict{"deep": "end"}},
		"many": []any{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"},
	}
	for _, name := range []string{"both.xml", "both.bin"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeDict(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for key := range want {
			if !reflect.DeepEqual(got[key], want[key]) {
				t.Errorf("%s: %s: got %#v, want %#v", name, key, got[key], want[key])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: got %d keys, want %d", name, len(got), len(want))
		}
	}
}

// list makes a binary list of objects whose references have one byte and offsets two.
func list(objects ...[]byte) []byte {
	raw := []byte("bplist00")
	var table []byte
	for _, o := range objects {
		table = binary.BigEndian.AppendUint16(table, uint16(len(raw)))
		raw = append(raw, o...)
	}
	at := len(raw)
	raw = append(append(raw, table...), 0, 0, 0, 0, 0, 0, 2, 1)
	raw = binary.BigEndian.AppendUint64(raw, uint64(len(objects)))
	raw = binary.BigEndian.AppendUint64(raw, 0)
	return binary.BigEndian.AppendUint64(raw, uint64(at))
}

func TestHostileListsAreRefused(t *testing.T) {
	t.Parallel()
	bomb := make([][]byte, 0, 41) // every array holds the next one twice: 2^40 values
	for i := range 40 {
		bomb = append(bomb, []byte{0xa2, byte(i + 1), byte(i + 1)})
	}
	bomb = append(bomb, []byte{0x09})
	texts := [][]byte{append([]byte{0xaf, 0x11, 0x10, 0x00}, bytes.Repeat([]byte{1}, 4096)...), append([]byte{0x5f, 0x11, 0xe0, 0x00}, make([]byte, 0xe000)...)}
	zeroReference := list([]byte{0xaf, 0x13, 0, 0, 0, 2, 0, 0, 0, 0})
	zeroReference[len(zeroReference)-25] = 0
	tests := []struct {
		name string
		raw  []byte
	}{
		{"empty", nil},
		{"header only", []byte("bplist00")},
		{"contains itself", list([]byte{0xa1, 0})},
		{"doubles itself forty times", list(bomb...)},
		{"one text 4096 times", list(texts...)},
		{"references without length", zeroReference},
		{"longer than it is", list([]byte{0xaf, 0x13, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})},
		{"key is a number", list([]byte{0xd1, 1, 1}, []byte{0x10, 1})},
		{"no such object", list([]byte{0xa1, 9})},
		{"text form", []byte(`{ key = value; }`)},
		{"other XML", []byte(`<html/>`)},
		{"ends early", []byte(`<plist><dict><key>a</key>`)},
		{"key without value", []byte(`<plist><dict><key>a</key></dict></plist>`)},
		{"deep", []byte("<plist>" + strings.Repeat("<array>", 100_000))},
		{"entity", []byte(`<!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><string>&a;</string></plist>`)},
		{"unknown element", []byte(`<plist><set/></plist>`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if v, err := Decode(tt.raw); !errors.Is(err, ErrFormat) {
				t.Errorf("got %.60v, %v, want %v", v, err, ErrFormat)
			}
		})
	}
}

func TestValuesOfAnotherTypeAreForgiven(t *testing.T) {
	t.Parallel()
	d := Dict{
		"int": int64(3), "real": 1.5, "data": []byte("Mac14,2\x00"), "word": "yes", "odd": "maybe", "text": " 42 ", "zero": int64(0),
		"one": Dict{"a": true}, "date": "2024-05-01 10:00:00 +0200", "list": []any{"a", int64(1), "b"},
	}
	for key, want := range map[string]string{"int": "3", "real": "1.5", "data": "Mac14,2", "text": "42", "one": "", "none": ""} {
		if got := d.Text(key); got != want {
			t.Errorf("text of %s: got %q, want %q", key, got, want)
		}
	}
	if !d.Is("word") || d.Is("zero") || d.Bool("zero") == nil || d.Bool("odd") != nil || d.Bool("none") != nil {
		t.Error("truth values")
	}
	if n := d.Int("text"); n == nil || *n != 42 || d.Int("real") != nil {
		t.Errorf("integer: got %v", n)
	}
	if got := d.Strings("list"); !reflect.DeepEqual(got, []string{"a", "b"}) || d.First("list") != "a" || d.First("int") != "" {
		t.Errorf("strings: got %q", got)
	}
	if len(d.Dicts("one")) != 1 || d.Dicts("int") != nil || d.Dict("one")["a"] != true {
		t.Error("dictionaries")
	}
	if got := d.Time("date"); !got.Equal(time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)) || !d.Time("int").IsZero() {
		t.Errorf("date: got %v", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"testdata/both.xml", "testdata/both.bin"} {
		raw, err := fs.ReadFile(os.DirFS("."), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(list([]byte{0xa1, 0}))
	f.Add(list([]byte{0xd1, 1, 2}, []byte{0x51, 'k'}, []byte{0x33, 0x41, 0xc0, 0, 0, 0, 0, 0, 0}))
	f.Add([]byte("<plist><dict><key>a</key><date>2024-01-01T00:00:00Z</date></dict></plist>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := Decode(raw)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatalf("got %v, want %v", err, ErrFormat)
		}
		for _, d := range Dicts(v) {
			for key := range d {
				d.Text(key)
				d.Time(key)
				d.Strings(key)
			}
		}
	})
}
