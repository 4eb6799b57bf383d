// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// factFolder is where administrators put facts of their own, by system.
var factFolder = map[string]string{
	"linux":   "etc/rollcall-agent/facts.d",
	"darwin":  "etc/rollcall-agent/facts.d",
	"windows": "ProgramData/Rollcall Agent/facts.d",
}

// Limits of custom facts.
const (
	maxFactFile  = 64 << 10  // bytes of one file
	maxFacts     = 256 << 10 // bytes of all, in canonical JSON
	maxFactDepth = 8         // of objects and lists in one another
	maxFactKeys  = 1000      // of all objects of one file
	maxFactFiles = 1000
)

func init() {
	for system, folder := range factFolder {
		register(Collector{
			Name: "extra_facts", On: []string{system},
			Collect: func(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
				return collectFacts(h, snap, folder, system != "windows")
			},
		})
	}
}

// collectFacts reads the files of the folder: each gives one key, its name without extension, with what the file holds.
// Files are read and never run, whatever their mode says. A file that is not well costs its own key only; where modes
// mean something, one that everybody may write to is refused.
func collectFacts(h host.Host, snap *inventoryv1.Snapshot, folder string, modes bool) error {
	info, err := fs.Stat(h.FS(), folder)
	if err != nil {
		return absent(err)
	}
	if modes && writable(info) {
		return partly(fmt.Errorf("/%s: everybody may write to the folder, so its facts do not count", folder))
	}
	entries, err := fs.ReadDir(h.FS(), folder)
	if err != nil {
		return err
	}
	facts := factSet{values: map[string]json.RawMessage{}, files: map[string]string{}}
	for _, e := range entries {
		if leftover(e.Name()) {
			continue
		}
		if len(facts.files) == maxFactFiles {
			facts.refuse(folder, fmt.Errorf("more than %d files", maxFactFiles))
			break
		}
		file := folder + "/" + e.Name()
		if err := facts.add(h, file, modes); err != nil {
			facts.refuse(file, err)
		}
	}
	if len(facts.values) > 0 {
		all, err := facts.canonical()
		if err != nil {
			return err
		}
		snap.ExtraFacts = &all
	}
	if err := partly(facts.troubles...); err != nil {
		return err
	}
	if snap.ExtraFacts == nil {
		return ErrAbsent
	}
	return nil
}

// leftover tells whether a file is hidden, a backup, or put aside by a package manager.
func leftover(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
		return true
	}
	ends := []string{".bak", ".swp", ".rpmsave", ".rpmorig", ".rpmnew", ",v", ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".dpkg-tmp"}
	return slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(name, end) })
}

// writable tells whether everybody may write to it.
func writable(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// factSet is what the files gave so far.
type factSet struct {
	values   map[string]json.RawMessage
	files    map[string]string // by key
	size     int
	troubles []error
}

// refuse notes why a file does not count.
func (s *factSet) refuse(file string, err error) {
	s.troubles = append(s.troubles, fmt.Errorf("/%s: %w", file, err))
}

// add reads one file.
func (s *factSet) add(h host.Host, file string, modes bool) error {
	name := path.Base(file)
	extension := path.Ext(name)
	key := strings.TrimSuffix(name, extension)
	decode := map[string]func([]byte) (any, error){".json": factsFromJSON, ".yaml": factsFromYAML, ".yml": factsFromYAML}[extension]
	if decode == nil || key == "" {
		return errors.New("the name does not end in .json, .yaml or .yml")
	}
	if !utf8.ValidString(name) {
		return errors.New("the name is not UTF-8")
	}
	if other, taken := s.files[key]; taken {
		return fmt.Errorf("the key %s is taken by %s", key, other)
	}
	s.files[key] = name
	info, err := fs.Stat(h.FS(), file)
	switch {
	case err != nil:
		return causeOf(err)
	case !info.Mode().IsRegular():
		return errors.New("not a file")
	case modes && writable(info):
		return errors.New("everybody may write to it")
	}
	raw, err := host.ReadFile(h.FS(), file, maxFactFile)
	if errors.Is(err, host.ErrTooLarge) {
		return fmt.Errorf("larger than %d bytes", maxFactFile)
	}
	if err != nil {
		return causeOf(err)
	}
	value, err := decode(raw)
	if err != nil {
		return err
	}
	return s.put(key, value)
}

// put stores a value in canonical JSON if it keeps the limits.
func (s *factSet) put(key string, value any) error {
	keys := maxFactKeys
	if err := withinLimits(value, 1, &keys); err != nil {
		return err
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err // an infinite number
	}
	if raw, err = asset.CanonicalJSON(raw); err != nil {
		return err
	}
	if s.size+len(raw) > maxFacts {
		return fmt.Errorf("all facts together are larger than %d bytes", maxFacts)
	}
	s.size += len(raw)
	s.values[key] = raw
	return nil
}

// canonical joins all values.
func (s *factSet) canonical() (string, error) {
	raw, err := json.Marshal(s.values)
	if err != nil {
		return "", err
	}
	raw, err = asset.CanonicalJSON(raw)
	return string(raw), err
}

// withinLimits walks through a value and counts its keys down.
func withinLimits(value any, depth int, keys *int) error {
	var inner []any
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			inner = append(inner, member)
		}
		*keys -= len(v)
	case []any:
		inner = v
	default:
		return nil
	}
	if depth > maxFactDepth {
		return fmt.Errorf("nested deeper than %d", maxFactDepth)
	}
	if *keys < 0 {
		return fmt.Errorf("more than %d keys", maxFactKeys)
	}
	for _, member := range inner {
		if err := withinLimits(member, depth+1, keys); err != nil {
			return err
		}
	}
	return nil
}

// causeOf returns the cause of an error about a path.
func causeOf(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
