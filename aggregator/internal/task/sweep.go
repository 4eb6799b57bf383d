// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// entries lists what tasks have in the folder, unfinished files and temporary folders too. A folder that is not there has
// nothing.
func (d folder) entries() ([]os.DirEntry, error) {
	all, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("folder of exports: %w", err)
	}
	var ours []os.DirEntry
	for _, entry := range all {
		if (entry.Type().IsRegular() || entry.IsDir()) && fileName.MatchString(taskFileOf(entry)) {
			ours = append(ours, entry)
		}
	}
	return ours, nil
}

// taskFileOf returns the name of the whole file that an entry belongs to.
func taskFileOf(entry os.DirEntry) string {
	if entry.IsDir() {
		name, ok := strings.CutSuffix(entry.Name(), workSuffix)
		if !ok {
			return ""
		}
		return name
	}
	return strings.TrimSuffix(entry.Name(), partSuffix)
}

// sweep removes what no task has any more, or had when its aggregator was killed.
func (d folder) sweep(ctx context.Context, s *store.Store) error {
	if d.dir == "" {
		return nil
	}
	entries, err := d.entries()
	if err != nil || len(entries) == 0 {
		return err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = taskFileOf(entry)
	}
	kept, err := s.KeptTaskFiles(ctx, names)
	if err != nil {
		return err
	}
	keep := make(map[string]bool, len(kept))
	for _, name := range kept {
		keep[name] = true
	}
	for i, entry := range entries {
		if !keep[names[i]] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(d.dir, entry.Name())))
		}
	}
	return err
}
