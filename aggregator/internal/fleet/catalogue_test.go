// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
)

const paragraph = "Package: a\nVersion: 1\nArchitecture: all\n"

func TestBrokenIndexesAreRefusedByLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
	}{
		{name: "no field", text: paragraph + "nonsense\n", want: "p:4: line is not a field"},
		{name: "no version", text: paragraph + "\nPackage: b\nArchitecture: all\n\n", want: "p:7: paragraph from line 5 lacks"},
		{name: "no name at the end", text: "Version: 1\n", want: "p:1: paragraph from line 1 lacks"},
		{name: "size", text: paragraph + "Installed-Size: many\n", want: `p:4: "many" is no Installed-Size`},
		{name: "negative size", text: paragraph + "Installed-Size: -1\n", want: "p:4: "},
		{name: "not UTF-8", text: paragraph + "Homepage: \xff\n", want: "p:4: line is not UTF-8"},
		{name: "NUL", text: "Package: \x00\n", want: "p:1: line is not UTF-8"},
		{name: "continued nothing", text: " more\n", want: "p:1: continued line"},
		{name: "long field", text: "Package: " + strings.Repeat("x", 5000) + "\n", want: "p:1: Package of more than 4096 bytes"},
		{name: "long line", text: paragraph + "Depends: " + strings.Repeat("x", 1<<20) + "\n", want: "p:4: line of more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := fleet.ReadPackages(strings.NewReader(tt.text), "p")
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
		})
	}
}

func TestIndexesAreReadPlainAndPacked(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(paragraph)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		raw  []byte
		err  string
	}{
		{name: "plain", raw: []byte(paragraph)},
		{name: "gzip", raw: packed.Bytes()},
		{name: "cut gzip", raw: packed.Bytes()[:packed.Len()-6], err: "unexpected EOF"},
		{name: "xz", raw: []byte("\xfd7zXZ\x00 and so on"), err: "unpack it first"},
		{name: "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "Packages")
			if err := os.WriteFile(path, tt.raw, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := fleet.LoadCatalogue([]string{path})
			if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), path)) {
				t.Errorf("got %v, want %q and the file's name", err, tt.err)
			}
		})
	}
}

func TestSmallCatalogueIsRefused(t *testing.T) {
	t.Parallel()
	c, err := fleet.ReadPackages(strings.NewReader(paragraph), "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fleet.New(fleet.Options{Machines: 1, Catalogue: c}); err == nil {
		t.Error("a fleet comes out of one package")
	}
}

func FuzzReadPackages(f *testing.F) {
	f.Add([]byte(paragraph))
	f.Add([]byte(paragraph + "Depends: b | c (>= 1), a:any\nProvides: b (= 1), x\n\nPackage: c\nVersion: 2:1-1\nArchitecture: amd64\nSource: s (3)\n"))
	f.Add([]byte("Package: g++\nVersion: 4:12.2.0-3\nArchitecture: amd64\nInstalled-Size: 12\nEssential: yes\nMulti-Arch: same\nTag: x,\n y\n\n\n"))
	f.Add([]byte("\n \nPackage:\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := fleet.ReadPackages(bytes.NewReader(raw), "p")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "p:") {
				t.Errorf("error %q does not begin with the file's name", err)
			}
			return
		}
		if _, err := fleet.New(fleet.Options{Machines: 1, Catalogue: c}); err == nil {
			t.Skip("a catalogue of thousands")
		}
	})
}
