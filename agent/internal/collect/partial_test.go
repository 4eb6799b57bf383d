// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestFactsBesideATroubleCount(t *testing.T) {
	t.Parallel()
	if partly() != nil || partly(nil, nil) != nil {
		t.Error("no trouble is an error")
	}
	torn := errors.New("a.json: torn")
	denied := gap{unreadable{paths: []string{"/b"}}}
	tests := []struct {
		name   string
		err    error
		denied bool
		text   string
	}{
		{"broken", partly(nil, torn), false, "a.json: torn"},
		{"refused", denied.with(nil), true, "permission denied: /b"},
		{"both: something is broken", denied.with([]error{torn}), false, "a.json: torn; permission denied: /b"},
	}
	for _, tt := range tests {
		facts := func(s *inventoryv1.Snapshot) { s.Disks = []*inventoryv1.Disk{{}} }
		r := runAll(context.Background(), &hosttest.Machine{}, of(Collector{Name: "disks", Collect: does(tt.err, facts)}), Options{})
		if len(r.Snapshot.Disks) != 1 || r.Sections["disks"] != Set || len(r.Troubles) != 1 || r.Troubles[0].Denied != tt.denied || r.Troubles[0].Err.Error() != tt.text {
			t.Errorf("%s: got %v, %v", tt.name, r.Sections, r.Troubles)
		}
	}
	if !errors.Is(denied.with([]error{torn}), fs.ErrPermission) || !errors.Is(partly(torn), torn) {
		t.Error("a cause is lost")
	}
}
