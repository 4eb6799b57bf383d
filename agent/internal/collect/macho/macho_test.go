// SPDX-License-Identifier: Apache-2.0

package macho

import (
	"bytes"
	"crypto/sha256"
	stdmacho "debug/macho"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// build makes a program for macOS with Go, whose linker signs those for arm64 ad hoc, because the system runs no others.
func build(t *testing.T, arch string) []byte {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", "tiny", "main.go")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOOS=darwin", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// directoryOf finds the code directory on another way: with debug/macho, and by its magic number. It checks that the
// directory is the program's by the hash of the first page.
func directoryOf(t *testing.T, program []byte) []byte {
	t.Helper()
	file, err := stdmacho.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range file.Loads {
		raw := l.Raw()
		if file.ByteOrder.Uint32(raw) != 0x1d {
			continue
		}
		sig := program[file.ByteOrder.Uint32(raw[8:]):][:file.ByteOrder.Uint32(raw[12:])]
		_, dir, found := bytes.Cut(sig, []byte{0xfa, 0xde, 0x0c, 0x02})
		if !found {
			t.Fatal("no code directory")
		}
		dir = sig[len(sig)-len(dir)-4:]
		dir = dir[:binary.BigEndian.Uint32(dir[4:])]
		page := sha256.Sum256(program[:1<<dir[39]])
		if got := dir[binary.BigEndian.Uint32(dir[16:]):][:32]; !bytes.Equal(got, page[:]) {
			t.Fatalf("first page: got %x, want %x", got, page)
		}
		return dir
	}
	t.Fatal("no signature")
	return nil
}

func TestProgramOfGoHasTheHashOfItsCodeDirectory(t *testing.T) {
	t.Parallel()
	program := build(t, "arm64")
	sum := sha256.Sum256(directoryOf(t, program))
	sig, err := Read(bytes.NewReader(program), int64(len(program)))
	if err != nil {
		t.Fatal(err)
	}
	if want := hex.EncodeToString(sum[:20]); sig.CDHash != want {
		t.Errorf("hash: got %s, want %s", sig.CDHash, want)
	}
	if sig.Identifier != "a.out" || !sig.AdHoc || sig.TeamID != "" || sig.Certificates != nil || sig.Entitlements != nil {
		t.Errorf("got %+v", sig)
	}
	if intel := build(t, "amd64"); intel != nil {
		if sig, err := Read(bytes.NewReader(intel), int64(len(intel))); !errors.Is(err, ErrUnsigned) {
			t.Errorf("unsigned program: got %+v, %v, want %v", sig, err, ErrUnsigned)
		}
		both := fatOf(magicFat, part{cpuAMD64, intel}, part{cpuARM64, program})
		if got, err := Read(bytes.NewReader(both), int64(len(both))); err != nil || got.CDHash != sig.CDHash {
			t.Errorf("for both: got %+v, %v, want %s", got, err, sig.CDHash)
		}
	}
}

func TestTheBestCodeDirectoryCounts(t *testing.T) {
	t.Parallel()
	one, cut, two, three := directory("id", "TEAM", 1), directory("id", "TEAM", 3), directory("id", "TEAM", 2), directory("id", "TEAM", 4)
	hash := func(dir []byte) string {
		sum, _ := directoryHash(dir[37], dir)
		return hex.EncodeToString(sum[:20])
	}
	tests := []struct {
		name  string
		blobs []slot
		want  []byte
	}{
		{"SHA-1 alone", []slot{{0, one}}, one},
		{"SHA-256 as alternate", []slot{{0, one}, {0x1000, two}}, two},
		{"whole before cut", []slot{{0, two}, {0x1000, cut}}, two},
		{"SHA-384", []slot{{0, one}, {0x1000, two}, {0x1001, three}}, three},
		{"in a slot for something else", []slot{{0, one}, {7, two}}, one},
		{"unknown type", []slot{{0, one}, {0x1000, directory("id", "TEAM", 9)}}, one},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw := thin(cpuARM64, superBlob(tt.blobs...))
			sig, err := Read(bytes.NewReader(raw), int64(len(raw)))
			if err != nil || sig.CDHash != hash(tt.want) || sig.TeamID != "TEAM" || sig.Identifier != "id" {
				t.Errorf("got %+v, %v, want %s", sig, err, hash(tt.want))
			}
		})
	}
}

func TestOneArchitectureSpeaksForAll(t *testing.T) {
	t.Parallel()
	arm, intel := thin(cpuARM64, superBlob(slot{0, directory("arm", "", 2)})), thin(cpuAMD64, superBlob(slot{0, directory("intel", "", 2)}))
	other := thin(7, superBlob(slot{0, directory("i386", "", 2)}))
	tests := []struct {
		name, want string
		raw        []byte
	}{
		{"arm64 second", "arm", fatOf(magicFat, part{cpuAMD64, intel}, part{cpuARM64, arm})},
		{"arm64 first", "arm", fatOf(magicFat, part{cpuARM64, arm}, part{cpuAMD64, intel})},
		{"64-bit table", "arm", fatOf(magicFat64, part{cpuAMD64, intel}, part{cpuARM64, arm})},
		{"no arm64", "intel", fatOf(magicFat, part{7, other}, part{cpuAMD64, intel})},
		{"neither", "i386", fatOf(magicFat, part{7, other})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sig, err := Read(bytes.NewReader(tt.raw), int64(len(tt.raw)))
			if err != nil || sig.Identifier != tt.want {
				t.Errorf("got %+v, %v, want %s", sig, err, tt.want)
			}
		})
	}
}

func TestBrokenProgramsAreRefused(t *testing.T) {
	t.Parallel()
	good := thin(cpuARM64, superBlob(slot{0, directory("id", "TEAM", 2)}))
	change := func(at int, to ...byte) []byte {
		raw := bytes.Clone(good)
		copy(raw[at:], to)
		return raw
	}
	tests := []struct {
		name string
		raw  []byte
	}{
		{"empty", nil},
		{"script", []byte("#!/bin/sh\nexec something\n#############")},
		{"class file of Java", []byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"ends in its commands", good[:36]},
		{"ends in its signature", good[:len(good)-1]},
		{"signature outside", change(40, 0xff, 0xff, 0xff, 0x7f)},
		{"commands too large", change(20, 0xff, 0xff, 0xff, 0x7f)},
		{"command without length", change(36, 0, 0, 0, 0)},
		{"signature of no length at the end", change(40, byte(len(good)), byte(len(good)>>8), 0, 0, 0, 0, 0, 0)},
		{"too many blobs", change(64+8, 0xff, 0xff)},
		{"blob outside", change(64+16, 0x7f)},
		{"no code directory", thin(cpuARM64, superBlob(slot{5, blob(magicEntitlements, []byte("x"))}))},
		{"short code directory", thin(cpuARM64, superBlob(slot{0, blob(magicCodeDirectory, []byte("x"))}))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if sig, err := Read(bytes.NewReader(tt.raw), int64(len(tt.raw))); !errors.Is(err, ErrFormat) {
				t.Errorf("got %+v, %v, want %v", sig, err, ErrFormat)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	arm := thin(cpuARM64, superBlob(slot{0, directory("id", "TEAM", 1)}, slot{0x1000, directory("id", "TEAM", 2)},
		slot{5, blob(magicEntitlements, []byte("<plist><dict/></plist>"))}, slot{slotSignature, blob(magicBlobWrapper, message(f, true))}))
	f.Add(arm)
	f.Add(fatOf(magicFat, part{cpuAMD64, arm}, part{cpuARM64, arm}))
	f.Add(fatOf(magicFat64, part{cpuARM64, arm}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sig, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if err == nil && len(sig.CDHash) != 2*cdHashSize {
			t.Fatalf("hash %q", sig.CDHash)
		}
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsigned) {
			t.Fatal(err)
		}
	})
}
