// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// Limits of one archive, see scan for those of everything in it.
const (
	minArchive   = 30       // the length of one local header: less holds nothing
	maxDirectory = 12 << 20 // bytes of directory, as many again in memory a few times over
	maxEntries   = 200_000
	maxArchive   = 4 << 30
)

var errTooLarge = errors.New("archive is too large")

// openDirectory reads the directory of a zip file, within limits.
func openDirectory(a section) (*zip.Reader, error) {
	entries, found := endOfDirectory(a.r, a.size)
	switch {
	case !found:
		return nil, zip.ErrFormat
	case entries > maxEntries || a.size > maxArchive:
		return nil, errTooLarge
	}
	// The count may lie, and the library reads on as long as it finds entries: only what it may read bounds that.
	limited := &meter{r: a.r, left: maxDirectory + 2*maxTail}
	z, err := zip.NewReader(limited, a.size)
	if err != nil {
		return nil, err
	}
	limited.off = true
	return z, nil
}

// meter is a reader that fails after so many bytes until it is switched off.
type meter struct {
	r    io.ReaderAt
	left int64
	off  bool
}

// ReadAt implements io.ReaderAt.
func (m *meter) ReadAt(p []byte, at int64) (int, error) {
	if !m.off {
		if m.left -= int64(len(p)); m.left < 0 {
			return 0, errTooLarge
		}
	}
	return m.r.ReadAt(p, at)
}

// maxTail is how far from the end of a zip file its end record can begin: its own length and the longest comment.
const maxTail = 22 + 1<<16 - 1

// endOfDirectory finds the end record of a zip file and returns how many entries it claims.
//
// Source: APPNOTE.TXT 4.3.14 to 4.3.16, the end of central directory record and its 64-bit form.
func endOfDirectory(r io.ReaderAt, size int64) (entries uint64, found bool) {
	tail := make([]byte, min(size, maxTail))
	if n, err := r.ReadAt(tail, size-int64(len(tail))); n < len(tail) && err != nil {
		return 0, false
	}
	var at int
	for end := len(tail); ; end = at {
		at = bytes.LastIndex(tail[:end], []byte("PK\x05\x06"))
		if at < 0 {
			return 0, false
		}
		if at+22 <= len(tail) && at+22+int(binary.LittleEndian.Uint16(tail[at+20:])) <= len(tail) {
			break
		}
	}
	entries = uint64(binary.LittleEndian.Uint16(tail[at+10:]))
	locator := at - 20
	if locator < 0 || !bytes.HasPrefix(tail[locator:], []byte("PK\x06\x07")) {
		return entries, true
	}
	var long [40]byte
	offset := binary.LittleEndian.Uint64(tail[locator+8:])
	if offset > uint64(size) {
		return entries, true // the library will say what it thinks of it
	}
	if _, err := r.ReadAt(long[:], int64(offset)); err == nil && bytes.HasPrefix(long[:], []byte("PK\x06\x06")) {
		entries = max(entries, binary.LittleEndian.Uint64(long[32:]))
	}
	return entries, true
}
