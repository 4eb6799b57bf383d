// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf16"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// finder looks for files and folders in the places where things are installed, and keeps book of what it could not see:
// the folder of one user that is closed must not cost the rest.
type finder struct {
	h        host.Host
	listings map[string][]fs.DirEntry
	owners   map[string]int64 // of homes
	closed   map[string]bool
	gap      gap
	errs     []error
	refusals int // of files and folders, however many of them gap and errs tell
	kept     int // weight of the rows that were made
}

// newFinder returns a finder over the machine's files.
func newFinder(h host.Host) *finder {
	return &finder{h: h, listings: map[string][]fs.DirEntry{}, owners: map[string]int64{}, closed: map[string]bool{}}
}

// maxFound bounds what one search returns. What comes later is left out: people can fill their folders with anything.
const maxFound = 20_000

// find returns what is there of the patterns, in order of the patterns and then of names. A pattern is that of path.Match
// with {a,b} for alternatives. What is reached twice, through a link or by two patterns, is returned once, by its own name
// where the pattern allows it.
func (f *finder) find(patterns ...string) []string {
	var found []string
	seen := sameFiles{names: map[string]bool{}, places: map[[2]uint64]bool{}}
	for _, p := range patterns {
		for _, alternative := range braces(p) {
			for _, name := range f.expand("", strings.Split(alternative, "/")) {
				if len(found) == maxFound {
					return found
				}
				info, err := fs.Stat(f.h.FS(), name)
				if err != nil {
					f.note(name, err)
					continue
				}
				if !seen.has(name, info) {
					found = append(found, name)
				}
			}
		}
	}
	return found
}

// sameFiles are files that were seen, under whatever names.
type sameFiles struct {
	names  map[string]bool
	places map[[2]uint64]bool
	others []fs.FileInfo // whose place is not known
}

// has tells whether a file was seen before, and remembers it.
func (s *sameFiles) has(name string, info fs.FileInfo) bool {
	if s.names[name] {
		return true
	}
	s.names[name] = true
	if place, known := host.PlaceOf(info); known {
		before := s.places[place]
		s.places[place] = true
		return before
	}
	if slices.ContainsFunc(s.others, func(other fs.FileInfo) bool { return os.SameFile(info, other) }) {
		return true
	}
	s.others = append(s.others, info)
	return false
}

// braces replaces {a,b} by its alternatives, the innermost first.
func braces(pattern string) []string {
	begin := strings.LastIndexByte(pattern, '{')
	length := strings.IndexByte(pattern[max(begin, 0):], '}')
	if begin < 0 || length < 0 {
		return []string{pattern}
	}
	var all []string
	for _, choice := range strings.Split(pattern[begin+1:begin+length], ",") {
		all = append(all, braces(pattern[:begin]+choice+pattern[begin+length+1:])...)
	}
	return all
}

// expand returns the names that match the elements below a folder; those without a wildcard may not be there.
func (f *finder) expand(folder string, elements []string) []string {
	for len(elements) > 0 && !strings.ContainsAny(elements[0], "*?[") {
		folder, elements = path.Join(folder, elements[0]), elements[1:]
	}
	if len(elements) == 0 {
		return []string{folder}
	}
	var folders, links []string
	for _, e := range f.list(folder) {
		matches, err := path.Match(elements[0], e.Name())
		isLink := e.Type()&fs.ModeSymlink != 0
		switch {
		case err != nil, !matches, len(elements) > 1 && !e.IsDir() && !isLink:
		case isLink:
			links = append(links, path.Join(folder, e.Name()))
		default:
			folders = append(folders, path.Join(folder, e.Name()))
		}
	}
	var found []string
	for _, name := range slices.Concat(folders, links) {
		if len(found) > maxFound {
			break
		}
		found = append(found, f.expand(name, elements[1:])...)
	}
	return found
}

// list returns the entries of a folder by name, none for what is no folder.
func (f *finder) list(folder string) []fs.DirEntry {
	if folder == "" {
		folder = "."
	}
	entries, known := f.listings[folder]
	if !known {
		var err error
		if entries, err = fs.ReadDir(f.h.FS(), folder); err != nil {
			f.note(folder, err)
			entries = nil
		}
		f.listings[folder] = entries
	}
	return entries
}

// note books an error. What is not there, or is not what it should be, is none.
func (f *finder) note(name string, err error) {
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid), errors.Is(err, host.ErrTooLarge),
		errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG):
	case errors.Is(err, fs.ErrPermission):
		f.refusals++
		if name = homeOf(name); !f.closed[name] {
			f.closed[name] = true
			f.gap.paths = append(f.gap.paths, "/"+name)
		}
	default:
		f.refusals++
		f.errs = append(f.errs, fmt.Errorf("read %s: %w", name, err))
	}
}

// homeOf shortens a path in the folder of a user to that folder, which is what is closed as a rule.
func homeOf(name string) string {
	parts := strings.SplitN(name, "/", 3)
	switch {
	case parts[0] == "root":
		return "root"
	case len(parts) == 3 && (parts[0] == "home" || parts[0] == "Users"):
		return parts[0] + "/" + parts[1]
	}
	return name
}

// result is what a collector that looked with the finder returns: the errors, then what was closed to it, then ErrAbsent if
// there was nothing.
func (f *finder) result(rows int) error {
	if len(f.errs) > 0 {
		return errors.Join(f.errs...)
	}
	if err := f.gap.err(); err != nil {
		return err
	}
	if rows == 0 {
		return ErrAbsent
	}
	return nil
}

// errPartly is returned by what read less than it wanted to.
var errPartly = errors.New("not all could be read")

// maxKept is the weight of the rows that a finder makes before it makes no more: several times what a report may hold, so
// that it tells that something is missing.
const maxKept = 3 * maxReport

// rememberFile is remember for a finder: its errors are booked, and the zero value stands for what cannot be read. What was
// made without a file that could not be read is not remembered, so that the next round tells of it again.
func rememberFile[T any](f *finder, files *memo, name string, parse func() T) T {
	if f.kept > maxKept {
		var none T
		return none
	}
	value, err := remember(files, f.h, name, func() (T, error) {
		before := f.refusals
		value := parse()
		if f.refusals != before {
			return value, errPartly
		}
		return value, nil
	})
	if !errors.Is(err, errPartly) {
		f.note(name, err)
	}
	if row, ok := any(value).(proto.Message); ok && row.ProtoReflect().IsValid() {
		f.kept += proto.Size(row) + rowWeight
	}
	return value
}

// modified is when a file was last written; the zero time when that cannot be said.
func modified(h host.Host, name string) time.Time {
	info, err := fs.Stat(h.FS(), name)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// packaged tells whether a path belongs to the packages of a distribution, which carry the times of their build.
func packaged(name string) bool {
	return strings.HasPrefix(name, "usr/lib") || strings.HasPrefix(name, "usr/share")
}

// spelling returns how paths of this machine are shown to people: with the drive and backslashes on Windows.
func spelling(h host.Host) func(name string) string {
	registry := h.Registry()
	if registry == nil {
		return func(name string) string { return "/" + name }
	}
	drive := systemDrive(registry)
	return func(name string) string { return drive + `\` + strings.ReplaceAll(name, "/", `\`) }
}

// systemDrive is the drive that Windows is on, "C:"; empty when it does not tell.
func systemDrive(registry host.Registry) string {
	values, err := registry.Values(`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`)
	if err != nil {
		return ""
	}
	data := values["SystemRoot"].Data
	if len(data) < 4 {
		return ""
	}
	drive := string(utf16.Decode([]uint16{binary.LittleEndian.Uint16(data), binary.LittleEndian.Uint16(data[2:])}))
	if !strings.HasSuffix(drive, ":") {
		return ""
	}
	return drive
}
