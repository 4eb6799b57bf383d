// SPDX-License-Identifier: Apache-2.0

package task

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// errNoRoom ends a task at once: trying again would fill the disk as far again.
var errNoRoom = errors.New("there is no room")

// tooLarge says that there is no room in a folder for so many bytes.
func tooLarge(most int64) error {
	return fmt.Errorf("%w: the files of all exports together would be larger than %d MiB", errNoRoom, most>>20)
}

// room is how many bytes more there may be, what is temporary being counted too.
func (d folder) room() (int64, error) {
	if d.most == 0 {
		return math.MaxInt64, nil
	}
	used, err := d.used()
	return d.most - used, err
}

// used is how many bytes the files of tasks have together.
func (d folder) used() (bytes int64, err error) {
	entries, err := d.entries()
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		err := filepath.WalkDir(filepath.Join(d.dir, entry.Name()), func(_ string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			st, err := e.Info()
			if err == nil {
				bytes += st.Size()
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another one was just removed
			return 0, fmt.Errorf("room for exports: %w", err)
		}
	}
	return bytes, nil
}

// Others write at the same time, so a file takes no more room at once than a share of all, and not more than that.
const (
	roomShare = 16
	mostAhead = 4 << 20
)

// bounded writes as much as there is room for, until its run is to stop: the end of a large file takes longer to compress
// than an aggregator has to stop.
type bounded struct {
	file    *os.File
	folder  folder
	stopped func() error // nil while the run goes on
	ahead   int64        // bytes that there was room for
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if err := b.stopped(); err != nil {
		return 0, err
	}
	size := int64(len(p))
	if size > b.ahead {
		room, err := b.folder.room()
		if err != nil {
			return 0, err
		}
		if room < size {
			return 0, tooLarge(b.folder.most)
		}
		b.ahead = min(room, max(size, min(b.folder.most/roomShare, mostAhead)))
	}
	b.ahead -= size
	return b.file.Write(p)
}
