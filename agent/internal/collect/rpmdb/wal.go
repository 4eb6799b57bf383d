// SPDX-License-Identifier: Apache-2.0

package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// The layout of SQLite's write-ahead log: a header, then frames of one page each.
//
// Source: "WAL-mode File Format" of SQLite.
const (
	walMagic       = 0x377f0682 // its last bit tells the byte order of the checksums
	walHeader      = 32
	walFrameHeader = 24
	maxWAL         = 1 << 30
)

// wal is what a write-ahead log holds beyond the database. A nil wal holds nothing.
type wal struct {
	reader
	pageSize int64
	pages    uint32
	frames   map[uint32]int64 // page number → offset of its newest committed version
}

// openWAL reads the log beside a database; nil when there is none or an empty one. Frames behind the last commit, and
// whatever follows a broken checksum, are not there yet or not there any more: they are passed over. The caller calls done,
// with an error too.
func openWAL(fsys fs.FS, name string) (w *wal, done func(), err error) {
	done = func() {}
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, done, nil
	}
	if err != nil {
		return nil, done, err
	}
	done = func() { _ = f.Close() } // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, done, err
	}
	at, ok := f.(io.ReaderAt)
	if !ok || !info.Mode().IsRegular() || info.Size() > maxWAL {
		return nil, done, errors.New("log is no regular file of a sane size")
	}
	if info.Size() < walHeader {
		return nil, done, nil
	}
	w, err = reader{file: at, size: info.Size()}.scanWAL()
	return w, done, err
}

// scanWAL checks all frames and books those of committed transactions.
func (r reader) scanWAL() (*wal, error) {
	head, err := r.bytes(nil, 0, walHeader)
	if err != nil {
		return nil, err
	}
	magic := binary.BigEndian.Uint32(head)
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 == 1 {
		order = binary.BigEndian
	}
	w := &wal{reader: r, pageSize: int64(binary.BigEndian.Uint32(head[8:])), frames: map[uint32]int64{}}
	sum := checksum(order, [2]uint32{}, head[:24])
	if magic&^1 != walMagic || !sumIs(sum, head[24:]) {
		return nil, nil // not begun yet
	}
	if w.pageSize < 512 || w.pageSize > 64<<10 {
		return nil, fmt.Errorf("%w: log of pages of %d bytes", ErrCorrupt, w.pageSize)
	}
	pending := map[uint32]int64{}
	var frame []byte
	for at := int64(walHeader); at+walFrameHeader+w.pageSize <= r.size; at += walFrameHeader + w.pageSize {
		if frame, err = r.bytes(frame, at, walFrameHeader+w.pageSize); err != nil {
			return nil, err
		}
		sum = checksum(order, sum, frame[:8])
		sum = checksum(order, sum, frame[walFrameHeader:])
		if string(frame[8:16]) != string(head[16:24]) || !sumIs(sum, frame[16:]) {
			break
		}
		pending[binary.BigEndian.Uint32(frame)] = at + walFrameHeader
		if size := binary.BigEndian.Uint32(frame[4:]); size > 0 {
			for n, offset := range pending {
				w.frames[n] = offset
			}
			clear(pending)
			w.pages = size
		}
	}
	if w.pages == 0 {
		return nil, nil
	}
	return w, nil
}

// page returns a page that the log holds, in buf if that is large enough.
func (w *wal) page(buf []byte, n uint32) ([]byte, bool, error) {
	if w == nil {
		return nil, false, nil
	}
	offset, ok := w.frames[n]
	if !ok {
		return nil, false, nil
	}
	p, err := w.bytes(buf, offset, w.pageSize)
	return p, true, err
}

// checksum goes on with a running checksum over pairs of words.
func checksum(order binary.ByteOrder, s [2]uint32, b []byte) [2]uint32 {
	for ; len(b) >= 8; b = b[8:] {
		s[0] += order.Uint32(b) + s[1]
		s[1] += order.Uint32(b[4:]) + s[0]
	}
	return s
}

// sumIs compares a checksum with its stored form.
func sumIs(s [2]uint32, stored []byte) bool {
	return binary.BigEndian.Uint32(stored) == s[0] && binary.BigEndian.Uint32(stored[4:]) == s[1]
}
