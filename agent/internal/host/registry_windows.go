// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Registry implements Host.
func (m *Machine) Registry() Registry { return localRegistry{} }

// localRegistry is the registry of the running system.
type localRegistry struct{}

// Keys implements Registry.
func (localRegistry) Keys(path string) ([]string, error) {
	k, err := openKey(path, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	names, err := k.ReadSubKeyNames(MaxRegistryKeys)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("keys of %s: %w", path, deleted(err))
	}
	slices.Sort(names)
	return names, nil
}

// Values implements Registry.
func (localRegistry) Values(path string) (map[string]RegistryValue, error) {
	k, err := openKey(path, registry.QUERY_VALUE)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	names, err := k.ReadValueNames(MaxRegistryKeys)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("values of %s: %w", path, deleted(err))
	}
	values := make(map[string]RegistryValue, len(names))
	buf := make([]byte, 1024)
	for _, name := range names {
		n, kind, err := k.GetValue(name, buf)
		if errors.Is(err, registry.ErrShortBuffer) && n <= MaxRegistryValue {
			buf = make([]byte, n)
			n, kind, err = k.GetValue(name, buf)
		}
		if err != nil {
			continue // too large, or gone since its name was read
		}
		values[name] = RegistryValue{Type: kind, Data: slices.Clone(buf[:n])}
	}
	return values, nil
}

// openKey opens a key of the 64-bit view.
func openKey(path string, access uint32) (registry.Key, error) {
	root, rest, _ := strings.Cut(path, `\`)
	roots := map[string]registry.Key{"HKLM": registry.LOCAL_MACHINE, "HKU": registry.USERS}
	hive, known := roots[root]
	if !known {
		return 0, fmt.Errorf("registry key %s: %w", path, fs.ErrNotExist)
	}
	k, err := registry.OpenKey(hive, rest, access|registry.WOW64_64KEY)
	if err != nil {
		return 0, fmt.Errorf("registry key %s: %w", path, deleted(err))
	}
	return k, nil
}

// deleted makes fs.ErrNotExist of a key that went while it was open, as all of a person's go when that person logs out.
func deleted(err error) error {
	if errors.Is(err, windows.ERROR_KEY_DELETED) {
		return fs.ErrNotExist
	}
	return err
}
