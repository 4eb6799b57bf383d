// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestMacNamesHypervisorsAsOtherSystemsDo(t *testing.T) {
	t.Parallel()
	tests := []struct{ guest, model, leaf, want string }{
		{"0", "Mac14,2", "", ""},
		{"1", "VirtualMac2,1", "", "apple"},
		{"1", "VirtualBox", "", "virtualbox"},
		{"1", "MacPro7,1", "VMwareVMware", "vmware"},
		{"1", "MacPro7,1", "", "unknown"},
	}
	for _, tt := range tests {
		m := &hosttest.Machine{Sysctls: map[string]string{"kern.hv_vmm_present": tt.guest, "hw.model": tt.model}, Hypervisor: tt.leaf}
		if got := macHypervisor(m); got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.model, tt.leaf, got, tt.want)
		}
	}
}
