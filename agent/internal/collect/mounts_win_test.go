// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestDrivesOfWindowsAreMeasured(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{
		Mounted: []host.Mount{{Device: "C:", Path: "C:", Type: "NTFS"}},
		Sizes:   map[string]host.Usage{`C:\`: {SizeBytes: 2, FreeBytes: 1}},
	}
	v, err := Vitals(context.Background(), m)
	if err != nil || len(v.GetFilesystems()) != 1 || v.GetFilesystems()[0].GetMountPoint() != `C:\` {
		t.Errorf("got %v, %v", v, err)
	}
}
