// SPDX-License-Identifier: Apache-2.0

package hosttest_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"unicode/utf16"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const exported = `Windows Registry Editor Version 5.00

; a comment
[HKEY_LOCAL_MACHINE\SOFTWARE\Example]
@="the default"
"Path"="C:\\Program Files\\\"quoted\""
"Number"=dword:0000002a
"Large"=qword:0000000100000000
"Bytes"=hex:01,02,\
  03,04
"List"=hex(7):61,00,00,00,\
  62,00,00,00,00,00
"Gone"=-
"Two lines"="first
second"

[-HKEY_LOCAL_MACHINE\SOFTWARE\Deleted]
"Never"="there"

[HKEY_USERS\S-1-5-21-1\Software]
`

// wide spells a text as regedit writes it.
func wide(s string) []byte {
	raw := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(s)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return raw
}

func TestExportedRegistryIsReadInBothEncodings(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string][]byte{"UTF-8": []byte(exported), "UTF-16": wide(exported)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := hosttest.ParseRegistry(raw)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := r.Keys(`hklm\Software`)
			if err != nil || !slices.Equal(keys, []string{"Example"}) {
				t.Errorf("got %q, %v", keys, err)
			}
			v, err := r.Values(`HKLM\software\EXAMPLE`)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"": "the default", "Path": `C:\Program Files\"quoted"`, "Number": "42", "Large": "4294967296", "List": "a",
				"Two lines": "first\nsecond",
			} {
				if got := v[name].Text(); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if len(v) != 7 || string(v["Bytes"].Data) != "\x01\x02\x03\x04" || !slices.Equal(v["List"].Texts(), []string{"a", "b"}) {
				t.Errorf("got %v", v)
			}
			if _, err := r.Keys(`HKLM\SOFTWARE\Deleted`); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v, want %v", err, fs.ErrNotExist)
			}
			r.Refuse = []string{`HKLM\SOFTWARE\Example`}
			if _, err := r.Values(`HKLM\SOFTWARE\example`); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("got %v, want %v", err, fs.ErrPermission)
			}
		})
	}
}

func TestWhatIsNoExportIsRefused(t *testing.T) {
	t.Parallel()
	const head = "Windows Registry Editor Version 5.00\n[HKEY_USERS]\n"
	for _, text := range []string{
		"", "REGEDIT4\n", head + `"a"=dword:xyz`, head + `"a"`, head + `"a`, head + `"a"="b" c`, head + `"a"=hex:0g`,
		head + `"a"=what:1`, head + "[HKEY_USERS",
	} {
		if _, err := hosttest.ParseRegistry([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzParseRegistry(f *testing.F) {
	f.Add([]byte(exported))
	f.Add(wide(exported))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := hosttest.ParseRegistry(raw)
		if err != nil {
			return
		}
		for _, hive := range []string{"HKLM", "HKU"} {
			keys, err := r.Keys(hive)
			if err != nil {
				continue
			}
			for _, name := range keys {
				if _, err := r.Values(hive + `\` + name); err != nil {
					t.Errorf("%s is listed: %v", name, err)
				}
			}
		}
	})
}
