// SPDX-License-Identifier: Apache-2.0

// Package hosttest builds machines for tests out of captured files and tables. No program imports it.
package hosttest

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// Machine is a machine made of its fields; the zero Machine is an empty one.
type Machine struct {
	// Files is the tree from the root: a fstest.MapFS, os.DirFS or any other file system.
	Files      fs.FS
	Kernel     host.Uname
	Hypervisor string
	NICs       []host.Interface
	Table      []host.Route
	Mounted    []host.Mount
	// Sizes is by mount point; one that is missing fails.
	Sizes map[string]host.Usage
	// Hang lists mount points whose Usage never answers before the context ends.
	Hang   map[string]bool
	Moving host.Vitals
	// Firmware is the SMBIOS table; nil for a machine without one.
	Firmware []byte
	// Cloud answers for the metadata service; nil refuses every request.
	Cloud http.RoundTripper
	// Sysctls and Programs answer for macOS; what is missing does not exist.
	Sysctls  map[string]string
	Programs map[host.Program][]byte
	// Reg, Disks, Letters, Running, People, Teams and Plugged answer for Windows.
	Reg     host.Registry
	Disks   []host.Drive
	Letters []host.Volume
	Running map[string]bool
	People  []host.Account
	Teams   []host.AccountGroup
	Plugged []string
	// Err is what every table answers with, if set.
	Err error
}

var _ host.Host = (*Machine)(nil)

// FS implements host.Host.
func (m *Machine) FS() fs.FS {
	if m.Files == nil {
		return fstest.MapFS{}
	}
	return m.Files
}

// Uname implements host.Host.
func (m *Machine) Uname() (host.Uname, error) { return m.Kernel, m.Err }

// HypervisorSignature implements host.Host.
func (m *Machine) HypervisorSignature() string { return m.Hypervisor }

// Interfaces implements host.Host.
func (m *Machine) Interfaces() ([]host.Interface, error) { return m.NICs, m.Err }

// Routes implements host.Host.
func (m *Machine) Routes() ([]host.Route, error) { return m.Table, m.Err }

// Mounts implements host.Host.
func (m *Machine) Mounts(context.Context) ([]host.Mount, error) { return m.Mounted, m.Err }

// Vitals implements host.Host.
func (m *Machine) Vitals(context.Context) (host.Vitals, error) { return m.Moving, m.Err }

// Usage implements host.Host.
func (m *Machine) Usage(ctx context.Context, path string) (host.Usage, error) {
	if m.Hang[path] {
		<-ctx.Done()
		return host.Usage{}, ctx.Err()
	}
	u, ok := m.Sizes[path]
	if !ok {
		return host.Usage{}, fmt.Errorf("usage of %s: %w", path, fs.ErrNotExist)
	}
	return u, nil
}

// SMBIOS implements host.Host.
func (m *Machine) SMBIOS() ([]byte, error) {
	if m.Firmware == nil {
		return nil, fs.ErrNotExist
	}
	return m.Firmware, nil
}

// Metadata implements host.Host.
func (m *Machine) Metadata() http.RoundTripper {
	if m.Cloud == nil {
		return refusal{}
	}
	return m.Cloud
}

// refusal answers no request.
type refusal struct{}

func (refusal) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("request to %s of a machine without a metadata service", r.URL)
}

// Sysctl implements host.Host.
func (m *Machine) Sysctl(name string) (string, error) {
	s, ok := m.Sysctls[name]
	if !ok {
		return "", fs.ErrNotExist
	}
	return s, nil
}

// Output implements host.Host.
func (m *Machine) Output(_ context.Context, p host.Program) ([]byte, error) {
	raw, ok := m.Programs[p]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return raw, nil
}

// Registry implements host.Host.
func (m *Machine) Registry() host.Registry { return m.Reg }

// Drives implements host.Host.
func (m *Machine) Drives(context.Context) ([]host.Drive, error) { return m.Disks, m.Err }

// Volumes implements host.Host.
func (m *Machine) Volumes(context.Context) ([]host.Volume, error) { return m.Letters, m.Err }

// ServiceStates implements host.Host.
func (m *Machine) ServiceStates(context.Context) (map[string]bool, error) { return m.Running, m.Err }

// Accounts implements host.Host.
func (m *Machine) Accounts(context.Context) ([]host.Account, []host.AccountGroup, error) {
	return m.People, m.Teams, m.Err
}

// Devices implements host.Host.
func (m *Machine) Devices() ([]string, error) { return m.Plugged, m.Err }

// Text returns a file of a fstest.MapFS.
func Text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), Mode: 0o644} }

// Link returns a symbolic link of a fstest.MapFS.
func Link(target string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
}
