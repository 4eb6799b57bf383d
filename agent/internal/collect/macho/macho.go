// SPDX-License-Identifier: Apache-2.0

// Package macho reads who signed a program of macOS, out of the program's own file: identifier, team, hash of the code
// directory, entitlements and the certificates of the signer.
//
// It reads what the file says and verifies nothing: neither that the pages of the program still have the hashes that the
// code directory holds, nor that the signer is to be trusted. Only the signature is read, however large the program is.
package macho

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrFormat is returned, wrapped, for a file that is no program of macOS, or whose signature breaks its own form.
var ErrFormat = errors.New("not a signed program")

// ErrUnsigned is returned for a program without signature.
var ErrUnsigned = errors.New("program without signature")

// The magic numbers of mach-o/loader.h and mach-o/fat.h, as they are in the file.
const (
	magic32    = 0xfeedface
	magic64    = 0xfeedfacf
	magicFat   = 0xcafebabe
	magicFat64 = 0xcafebabf
)

// The processors that a program may be for, of mach/machine.h.
const (
	cpuARM64 = 0x0100000c
	cpuAMD64 = 0x01000007
)

// Limits of what is read.
const (
	maxArchitectures = 32
	maxCommands      = 1 << 20  // bytes of load commands
	maxSignature     = 16 << 20 // the code directory of a program of a gigabyte has eight megabytes
)

// loadCodeSignature is LC_CODE_SIGNATURE of mach-o/loader.h.
const loadCodeSignature = 0x1d

// Read returns the signature of a program of size bytes. Of a program for several processors it is that for arm64, else
// that for x86_64, else the first one's, whatever processor the machine has: so all machines say the same of one file.
//
// Source: mach-o/loader.h, mach-o/fat.h and cs_blobs.h of Apple's open-source xnu.
func Read(file io.ReaderAt, size int64) (*Signature, error) {
	at, length, err := slice(file, size)
	if err != nil {
		return nil, err
	}
	program := io.NewSectionReader(file, at, length)
	at, length, err = signatureOf(program)
	if err != nil {
		return nil, err
	}
	blob, err := readAt(program, at, int(length))
	if err != nil {
		return nil, err
	}
	return parseSuperBlob(blob)
}

// slice finds the part of the file that is for one processor.
func slice(file io.ReaderAt, size int64) (at, length int64, err error) {
	head, err := readAt(file, 0, 8)
	if err != nil {
		return 0, 0, err
	}
	magic, n := binary.BigEndian.Uint32(head), int(binary.BigEndian.Uint32(head[4:]))
	entry := 20
	switch magic {
	case magicFat64:
		entry = 32
	case magicFat:
	default:
		return 0, size, nil
	}
	if n < 1 || n > maxArchitectures { // a class file of Java begins alike, and has its version here
		return 0, 0, fmt.Errorf("%w: %d architectures", ErrFormat, n)
	}
	table, err := readAt(file, 8, n*entry)
	if err != nil {
		return 0, 0, err
	}
	best := 0
	for i := range n {
		if rank(table[i*entry:]) > rank(table[best*entry:]) {
			best = i
		}
	}
	chosen := table[best*entry:]
	if magic == magicFat64 {
		at, length = int64(binary.BigEndian.Uint64(chosen[8:])), int64(binary.BigEndian.Uint64(chosen[16:]))
	} else {
		at, length = int64(binary.BigEndian.Uint32(chosen[8:])), int64(binary.BigEndian.Uint32(chosen[12:]))
	}
	if at < 0 || length < 0 || at > size || length > size-at {
		return 0, 0, fmt.Errorf("%w: an architecture is outside the file", ErrFormat)
	}
	return at, length, nil
}

// rank says how much an entry of the table of architectures is wanted.
func rank(entry []byte) int {
	switch binary.BigEndian.Uint32(entry) {
	case cpuARM64:
		return 2
	case cpuAMD64:
		return 1
	}
	return 0
}

// signatureOf finds the signature in a program for one processor.
func signatureOf(program *io.SectionReader) (at, length int64, err error) {
	head, err := readAt(program, 0, 32)
	if err != nil {
		return 0, 0, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	begin := int64(32)
	switch magic := binary.LittleEndian.Uint32(head); magic {
	case magic64:
	case magic32:
		begin = 28
	default: // programs for PowerPC have not run for long
		return 0, 0, fmt.Errorf("%w: magic %08x", ErrFormat, magic)
	}
	size := order.Uint32(head[20:])
	if size > maxCommands {
		return 0, 0, fmt.Errorf("%w: %d bytes of load commands", ErrFormat, size)
	}
	commands, err := readAt(program, begin, int(size))
	if err != nil {
		return 0, 0, err
	}
	for len(commands) >= 8 {
		length := order.Uint32(commands[4:])
		if length < 8 || int64(length) > int64(len(commands)) {
			return 0, 0, fmt.Errorf("%w: load command of %d bytes", ErrFormat, length)
		}
		if order.Uint32(commands) == loadCodeSignature && length >= 16 {
			return bounds(program.Size(), order.Uint32(commands[8:]), order.Uint32(commands[12:]))
		}
		commands = commands[length:]
	}
	return 0, 0, ErrUnsigned
}

// bounds checks that a signature is in the file and not too large.
func bounds(size int64, at, length uint32) (int64, int64, error) {
	if int64(at) > size || int64(length) > size-int64(at) || length > maxSignature {
		return 0, 0, fmt.Errorf("%w: signature of %d bytes at %d", ErrFormat, length, at)
	}
	return int64(at), int64(length), nil
}

// readAt reads n bytes.
func readAt(file io.ReaderAt, at int64, n int) ([]byte, error) {
	raw := make([]byte, n)
	if got, err := file.ReadAt(raw, at); got < n {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: ends early", ErrFormat)
		}
		return nil, fmt.Errorf("read program: %w", err)
	}
	return raw, nil
}
