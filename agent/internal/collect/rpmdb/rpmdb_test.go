// SPDX-License-Identifier: Apache-2.0

package rpmdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"
)

// The databases in testdata were written by rpm 4.18 and stripped of their indexes; in wal, one package was removed and
// one added after the last checkpoint.
const (
	probe = "rollcall-probe-1.4.2-3.el9"
	other = "rollcall-other-0.9~rc1-3.el9"
	many  = "rollcall-many-1.4.2-3.el9"
)

// read returns all headers of a database, copied.
func read(fsys fs.FS, folder string) ([][]byte, error) {
	var headers [][]byte
	err := Read(fsys, folder, func(h []byte) error {
		headers = append(headers, slices.Clone(h))
		return nil
	})
	return headers, err
}

// names parses headers into name-version-release.
func names(t *testing.T, headers [][]byte) []string {
	t.Helper()
	var found []string
	for _, h := range headers {
		p, err := Parse(h)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, p.Name+"-"+p.Version+"-"+p.Release)
	}
	return found
}

func captured(t testing.TB) [][]byte {
	t.Helper()
	headers, err := read(os.DirFS("testdata"), "sqlite")
	if err != nil || len(headers) != 3 {
		t.Fatalf("captured database: %d headers, %v", len(headers), err)
	}
	return headers
}

func TestEveryFormatGivesTheSamePackages(t *testing.T) {
	t.Parallel()
	headers := captured(t)
	tests := []struct {
		name string
		fsys fs.FS
		dir  string
		want []string
	}{
		{"sqlite", os.DirFS("testdata"), "sqlite", []string{probe, other, many}},
		{"sqlite with a log: one removed, one written again", os.DirFS("testdata"), "wal", []string{probe, many}},
		{"ndb", fstest.MapFS{"db/Packages.db": {Data: writeNDB(headers)}}, "db", []string{probe, other, many}},
		{"bdb, little endian", fstest.MapFS{"db/Packages": {Data: writeBDB(binary.LittleEndian, headers)}}, "db", []string{probe, other, many}},
		{"bdb, big endian", fstest.MapFS{"db/Packages": {Data: writeBDB(binary.BigEndian, headers)}}, "db", []string{probe, other, many}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := read(tt.fsys, tt.dir)
			if err != nil {
				t.Fatal(err)
			}
			if have := names(t, got); !slices.Equal(have, tt.want) {
				t.Errorf("got %q, want %q", have, tt.want)
			}
		})
	}
}

func TestHeaderHasEveryField(t *testing.T) {
	t.Parallel()
	got, err := Parse(captured(t)[0])
	want := Package{
		Name: "rollcall-probe", Version: "1.4.2", Release: "3.el9", Arch: "noarch", Epoch: 2, HasEpoch: true,
		SourceRPM: "rollcall-probe-1.4.2-3.el9.src.rpm", Vendor: "Example Works", Packager: "Jo Doe <jo@example.org>",
		License: "Apache-2.0", Group: "System/Tools", Summary: "Something small to be found",
		URL: "https://example.org/probe", SizeBytes: 3000, BuildUnix: 1700000000, InstalledUnix: 1700000000,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestSignerIsFoundInBothVersionsOfASignature(t *testing.T) {
	t.Parallel()
	id := []byte{0x24, 0xc6, 0xa8, 0xa7, 0xf4, 0xa8, 0x0e, 0xb5}
	v3 := append([]byte{0x89, 0, 40, 3, 5, 0, 1, 2, 3, 4}, id...)
	v4 := append([]byte{0xc2, 40, 4, 0, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 10, 9, 16}, id...)
	for name, packet := range map[string][]byte{"version 3": append(v3, 1, 2, 3), "version 4": append(v4, 1, 2, 3)} {
		if got := keyID(packet); got != "24c6a8a7f4a80eb5" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := keyID([]byte{0x88}); got != "" {
		t.Errorf("a stump of a packet: got %q", got)
	}
}

func TestFolderWithoutDatabaseIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := read(fstest.MapFS{}, "var/lib/rpm"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestBrokenDatabaseIsAnError(t *testing.T) {
	t.Parallel()
	headers := captured(t)
	sqlite, err := os.ReadFile("testdata/sqlite/rpmdb.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	for name, whole := range map[string][]byte{
		"rpmdb.sqlite": sqlite, "Packages.db": writeNDB(headers), "Packages": writeBDB(binary.LittleEndian, headers),
	} {
		for cut := 0; cut < len(whole); cut += max(1, len(whole)/97) {
			fsys := fstest.MapFS{"db/" + name: {Data: whole[:cut]}}
			if got, err := read(fsys, "db"); err == nil && len(got) == 3 && cut < len(whole)/2 {
				t.Errorf("%s cut at %d of %d: no error", name, cut, len(whole))
			}
		}
	}
	loop := slices.Clone(sqlite)
	root := int(binary.BigEndian.Uint16(loop[16:])) // a page that is its own child
	copy(loop[root:], []byte{sqliteInterior, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2})
	if _, err := read(fstest.MapFS{"db/rpmdb.sqlite": {Data: loop}}, "db"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a page that is its own child: got %v, want %v", err, ErrCorrupt)
	}
}

// writeNDB lays headers out as ndb does.
func writeNDB(headers [][]byte) []byte {
	le := binary.LittleEndian
	out := make([]byte, ndbSlotPage)
	copy(out, ndbMagic)
	le.PutUint32(out[12:], 1)
	for at := 2 * ndbSlotSize; at < len(out); at += ndbSlotSize {
		copy(out[at:], ndbSlotMagic)
	}
	for i, h := range headers {
		slot := out[(2+i)*ndbSlotSize:]
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(len(out)/ndbSlotSize))
		head := make([]byte, ndbSlotSize)
		copy(head, ndbBlobMagic)
		le.PutUint32(head[4:], uint32(i+1))
		le.PutUint32(head[12:], uint32(len(h)))
		out = append(append(out, head...), h...)
		out = append(out, make([]byte, (ndbSlotSize-len(out)%ndbSlotSize)%ndbSlotSize)...)
	}
	return out
}

// writeBDB lays headers out as a Berkeley DB hash does: one hash page whose values are all on overflow pages, except
// for the record of the next free number, which is short enough to stay.
func writeBDB(order binary.ByteOrder, headers [][]byte) []byte {
	const size = 4096
	pages := [][]byte{make([]byte, size), make([]byte, size)}
	meta, hash := pages[0], pages[1]
	order.PutUint32(meta[12:], bdbHashMagic)
	order.PutUint32(meta[20:], size)
	hash[25] = bdbPageHash
	top, entries := size, 0
	put := func(b []byte) {
		top -= len(b)
		copy(hash[top:], b)
		order.PutUint16(hash[bdbHeader+2*entries:], uint16(top))
		entries++
	}
	put([]byte{bdbKeyData, 0, 0, 0, 0})
	put([]byte{bdbKeyData, 9, 0, 0, 0})
	for i, h := range headers {
		put([]byte{bdbKeyData, byte(i + 1), 0, 0, 0})
		off := make([]byte, bdbOffPageSize)
		off[0] = bdbOffPage
		order.PutUint32(off[4:], uint32(len(pages)))
		order.PutUint32(off[8:], uint32(len(h)))
		put(off)
		for part := range slices.Chunk(h, size-bdbHeader) {
			page := make([]byte, size)
			page[25] = bdbPageOverfl
			order.PutUint32(page[16:], uint32(len(pages)+1))
			order.PutUint16(page[22:], uint16(len(part)))
			copy(page[bdbHeader:], part)
			pages = append(pages, page)
		}
		order.PutUint32(pages[len(pages)-1][16:], 0)
	}
	order.PutUint16(hash[20:], uint16(entries))
	order.PutUint32(meta[32:], uint32(len(pages)-1))
	return bytes.Join(pages, nil)
}

func FuzzRead(f *testing.F) {
	headers := captured(f)[:2]
	sqlite, err := os.ReadFile("testdata/wal/rpmdb.sqlite")
	if err != nil {
		f.Fatal(err)
	}
	log, err := os.ReadFile("testdata/wal/rpmdb.sqlite-wal")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), sqlite, []byte{})
	f.Add(uint8(0), sqlite, log[:walHeader+2*(walFrameHeader+4096)])
	f.Add(uint8(1), writeNDB(headers), []byte{})
	f.Add(uint8(2), writeBDB(binary.BigEndian, headers), []byte{})
	f.Fuzz(func(_ *testing.T, kind uint8, database, log []byte) {
		fsys := fstest.MapFS{
			"db/" + Files[int(kind)%len(Files)]: {Data: database}, "db/rpmdb.sqlite-wal": {Data: log},
		}
		_ = Read(fsys, "db", func(h []byte) error {
			_, err := Parse(h)
			return err
		})
	})
}

func FuzzParse(f *testing.F) {
	for _, h := range captured(f) {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		if p, err := Parse(header); err == nil && p.Name == "" {
			t.Error("a package without a name")
		}
	})
}
