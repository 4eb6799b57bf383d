// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// TestWindowsAnswers asks the system that runs it; TestE2EWindowsDoors runs it where there is no Windows.
func TestWindowsAnswers(t *testing.T) {
	t.Parallel()
	m, ctx := Local(), context.Background()

	reg := m.Registry()
	const current = `HKLM\software\MICROSOFT\Windows NT\CurrentVersion`
	values, err := reg.Values(current)
	if root := values["SystemRoot"].Text(); err != nil || !strings.HasSuffix(strings.ToLower(root), `:\windows`) {
		t.Errorf("registry: SystemRoot is %q, %v", root, err)
	}
	keys, err := reg.Keys(`HKLM\SOFTWARE\Microsoft`)
	if err != nil || !slices.IsSorted(keys) || !slices.Contains(keys, "Windows NT") {
		t.Errorf("registry: keys %q, %v", keys, err)
	}
	for _, path := range []string{current + `\Nothing of this name`, "HKXX", ""} {
		if _, err := reg.Values(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("registry: %q gives %v, want %v", path, err, fs.ErrNotExist)
		}
	}

	if u, err := m.Uname(); err != nil || u.KernelName != "Windows NT" || strings.Count(u.Release, ".") != 2 {
		t.Errorf("uname: %+v, %v", u, err)
	}
	volumes, err := m.Volumes(ctx)
	if err != nil || !slices.ContainsFunc(volumes, func(v Volume) bool { return v.Path == `C:\` && v.SizeBytes > 0 && v.Type != "" }) {
		t.Errorf("volumes: %+v, %v", volumes, err)
	}
	services, err := m.ServiceStates(ctx)
	if err != nil || len(services) == 0 {
		t.Errorf("services: %v, %v", services, err)
	}
	interfaces, err := m.Interfaces()
	if err != nil || !slices.ContainsFunc(interfaces, func(i Interface) bool { return i.ID != "" && i.Name != "" && len(i.Addresses) > 0 }) {
		t.Errorf("interfaces: %+v, %v", interfaces, err)
	}
	if _, err := m.Drives(ctx); err != nil {
		t.Errorf("drives: %v", err)
	}
	if _, _, err := m.Accounts(ctx); err != nil {
		t.Errorf("accounts: %v", err)
	}
	if _, err := m.Devices(); err != nil {
		t.Errorf("devices: %v", err)
	}
	if table, err := m.SMBIOS(); err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && len(table) < 4 {
		t.Errorf("firmware table: %d bytes, %v", len(table), err)
	}
}

func TestHeaderOfTheFirmwareTable(t *testing.T) {
	t.Parallel()
	raw := append([]byte{0, 3, 2, 0, 4, 0, 0, 0}, "tableand more"...)
	if got, err := tableOf(raw); err != nil || string(got) != "tabl" {
		t.Errorf("got %q, %v", got, err)
	}
	raw[4] = 200
	if got, err := tableOf(raw); err != nil || string(got) != "tableand more" {
		t.Errorf("a length beyond the end: got %q, %v", got, err)
	}
	if _, err := tableOf(raw[:8]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no table: %v, want %v", err, fs.ErrNotExist)
	}
}
