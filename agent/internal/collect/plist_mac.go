// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// plistLimit is how large a property list may be; the largest of the system's applications has some hundred kilobytes.
const plistLimit = 4 << 20

// readDict reads a property list that is a dictionary. Only an ordinary file is opened: a pipe in somebody's folder would
// hold its reader for ever.
func readDict(h host.Host, name string) (plist.Dict, error) {
	info, err := fs.Stat(h.FS(), name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: %w", name, errors.New("is no ordinary file"))
	}
	raw, err := host.ReadFile(h.FS(), name, plistLimit)
	if err != nil {
		return nil, err
	}
	dict, err := plist.DecodeDict(raw)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return dict, nil
}

// peekDict is readDict for a list that may be missing or unreadable without any loss worth telling.
func peekDict(h host.Host, name string) plist.Dict {
	dict, err := readDict(h, name)
	if err != nil {
		return nil
	}
	return dict
}

// plistsIn returns the paths of the property lists in a folder, in order; none for a folder that is not there.
func plistsIn(h host.Host, folder string, refused *gap) ([]string, error) {
	entries, err := fs.ReadDir(h.FS(), folder)
	if err := refused.allow(folder, err); err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".plist") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, path.Join(folder, e.Name()))
		}
	}
	return names, nil
}

// eachDict makes something of each property list that is named, sparing those that did not change. One that cannot be read
// costs itself: the others' facts come back with a partial error.
func eachDict[T any](h host.Host, files *memo, names []string, refused *gap, parse func(name string, d plist.Dict) T) ([]T, []error) {
	var found []T
	var broken []error
	for _, name := range names {
		value, err := remember(files, h, name, func() (T, error) {
			var none T
			dict, err := readDict(h, name)
			if err != nil {
				return none, err
			}
			return parse(name, dict), nil
		})
		switch {
		case err == nil:
			found = append(found, value)
		case refused.allow(name, err) != nil:
			broken = append(broken, err)
		}
	}
	return found, broken
}

// macHomes returns the folders of the people who use the machine.
func macHomes(h host.Host) ([]string, error) {
	entries, err := fs.ReadDir(h.FS(), "Users")
	if err != nil {
		return nil, absent(err)
	}
	var homes []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "Shared" && !strings.HasPrefix(e.Name(), ".") {
			homes = append(homes, "Users/"+e.Name())
		}
	}
	return homes, nil
}
