// SPDX-License-Identifier: Apache-2.0

package collect

// hypervisorSignatures are the texts of CPUID leaf 0x40000000.
//
// Source: the hypervisors' own documentation of their leaves, as the Linux kernel's arch/x86 detects them.
var hypervisorSignatures = map[string]string{
	"KVMKVMKVM": "kvm", "Linux KVM Hv": "kvm", "Microsoft Hv": "hyper-v", "VMwareVMware": "vmware",
	"XenVMMXenVMM": "xen", "TCGTCGTCGTCG": "qemu", "bhyve bhyve": "bhyve", "BHyVE BHyVE": "bhyve",
	"prl hyperv": "parallels", "lrpepyh vr": "parallels", "VBoxVBoxVBox": "virtualbox", "ACRNACRNACRN": "acrn",
	"QNXQVMBSQG": "qnx", "OpenBSDVMM58": "vmm", "Jailhouse": "jailhouse", "SRESRESRESRE": "lockheed",
	"EVMMEVMMEVMM": "intel", "HAXMHAXMHAXM": "haxm", "VirtualApple": "apple",
}

// firmwareHypervisors are words in vendor and product of the firmware table, the most telling first: VirtualBox and
// Parallels may show a KVM or Hyper-V leaf for their guests' comfort.
var firmwareHypervisors = []struct{ word, name string }{
	{"innotek gmbh", "virtualbox"},
	{"virtualbox", "virtualbox"},
	{"parallels", "parallels"},
	{"vmware", "vmware"},
	{"bhyve", "bhyve"},
	{"apple virtualization", "apple"},
	{"hvm domu", "xen"},
	{"xen", "xen"},
	{"kvm", "kvm"},
	{"google compute engine", "kvm"},
	{"openstack", "kvm"},
	{"digitalocean", "kvm"},
	{"rhev hypervisor", "kvm"},
	{"ovirt node", "kvm"},
	{"nutanix", "kvm"},
	{"qemu", "qemu"},
}
