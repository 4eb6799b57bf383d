// SPDX-License-Identifier: Apache-2.0

package fleet

// model is what a machine was bought as.
type model struct {
	vendor, name, chassis, hypervisor, processor string
	macs                                         string // first three octets of its link addresses
	cores, memory, modules                       int64  // memory in GiB
	disks                                        int
}

var (
	servers = []model{
		{
			vendor: "Dell Inc.", name: "PowerEdge R650", chassis: "rack mount chassis",
			processor: "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", macs: "b0:7b:25", cores: 32, memory: 256, modules: 8, disks: 4,
		},
		{
			vendor: "HPE", name: "ProLiant DL360 Gen10", chassis: "rack mount chassis",
			processor: "Intel(R) Xeon(R) Silver 4210R CPU @ 2.40GHz", macs: "94:40:c9", cores: 10, memory: 128, modules: 8, disks: 2,
		},
		{
			vendor: "VMware, Inc.", name: "VMware7,1", chassis: "other", hypervisor: "vmware",
			processor: "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", macs: "00:50:56", cores: 4, memory: 16, disks: 2,
		},
		{
			vendor: "QEMU", name: "Standard PC (Q35 + ICH9, 2009)", chassis: "other", hypervisor: "kvm",
			processor: "Intel(R) Xeon(R) Processor", macs: "52:54:00", cores: 8, memory: 32, disks: 1,
		},
	}
	desktops = []model{
		{
			vendor: "Dell Inc.", name: "OptiPlex 7010", chassis: "desktop",
			processor: "13th Gen Intel(R) Core(TM) i7-13700", macs: "d8:bb:c1", cores: 16, memory: 32, modules: 2, disks: 1,
		},
		{
			vendor: "LENOVO", name: "ThinkCentre M70q", chassis: "mini pc",
			processor: "12th Gen Intel(R) Core(TM) i5-12400T", macs: "88:ae:dd", cores: 6, memory: 16, modules: 2, disks: 1,
		},
	}
	laptops = []model{
		{
			vendor: "LENOVO", name: "ThinkPad X1 Carbon Gen 11", chassis: "notebook",
			processor: "13th Gen Intel(R) Core(TM) i7-1365U", macs: "f4:26:79", cores: 10, memory: 32, modules: 2, disks: 1,
		},
		{
			vendor: "Dell Inc.", name: "Latitude 7440", chassis: "notebook",
			processor: "13th Gen Intel(R) Core(TM) i5-1345U", macs: "a0:29:42", cores: 10, memory: 16, modules: 2, disks: 1,
		},
	}
	macBooks = []model{
		{
			vendor: "Apple Inc.", name: "MacBookPro18,3",
			processor: "Apple M1 Pro", macs: "bc:d0:74", cores: 8, memory: 16, modules: 1, disks: 1,
		},
		{
			vendor: "Apple Inc.", name: "Mac14,2",
			processor: "Apple M2", macs: "f0:2f:4b", cores: 8, memory: 16, modules: 1, disks: 1,
		},
	}
	instances = []model{
		{
			vendor: "Amazon EC2", name: "m6i.xlarge", chassis: "other", hypervisor: "kvm",
			processor: "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", macs: "06:8c:3e", cores: 2, memory: 16, disks: 1,
		},
		{
			vendor: "Amazon EC2", name: "c6i.4xlarge", chassis: "other", hypervisor: "kvm",
			processor: "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", macs: "06:1f:b2", cores: 8, memory: 32, disks: 2,
		},
	}
)

// model returns what the machine was bought as.
func (m Machine) model() *model {
	from := servers
	switch {
	case m.EC2:
		from = instances
	case m.Platform == "MACOS":
		from = macBooks
	case m.Laptop:
		from = laptops
	case m.Role == "desktop", m.Role == "office":
		from = desktops
	}
	return &from[m.die.of(saltModel).n(len(from))]
}
