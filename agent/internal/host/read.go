// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// ErrTooLarge is returned for a file that is larger than its reader is willing to hold.
var ErrTooLarge = errors.New("file is too large")

// ReadFile reads a whole file of at most limit bytes. Larger ones fail with ErrTooLarge, whatever size they claim to have.
func ReadFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("read %s: %w", name, errors.New("is a directory"))
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("read %s: %w: %d bytes, limit %d", name, ErrTooLarge, info.Size(), limit)
	}
	return readUpTo(f, name, info.Size(), limit)
}

// readUpTo reads to the end. The size is a hint only: files of /proc and /sys claim 0 or 4096 bytes.
func readUpTo(r io.Reader, name string, size, limit int64) ([]byte, error) {
	buf := make([]byte, 0, max(size+1, 512))
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, fmt.Errorf("read %s: %w: limit %d", name, ErrTooLarge, limit)
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Stamp tells whether a file changed since an earlier look at it. Equal stamps mean: the same file, not written since.
// It is comparable; the zero Stamp stands for a file that is not there.
type Stamp struct {
	size    int64
	mtime   int64
	ctime   int64
	inode   uint64
	present bool
}

// StampOf looks at name. Links are followed. A missing file is no error.
func StampOf(fsys fs.FS, name string) (Stamp, error) {
	info, err := fs.Stat(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return Stamp{}, nil
	}
	if err != nil {
		return Stamp{}, err
	}
	s := Stamp{size: info.Size(), mtime: info.ModTime().UnixNano(), present: true}
	s.inode, s.ctime = identityOf(info)
	return s, nil
}

// Before tells whether the file was last written before t; a missing file was.
func (s Stamp) Before(t time.Time) bool {
	at := t.UnixNano()
	return !s.present || (s.mtime < at && s.ctime < at)
}
