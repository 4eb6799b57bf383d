// SPDX-License-Identifier: Apache-2.0

package normal

// macTypes holds the models that are called only Mac and two numbers.
var macTypes = map[string]string{
	"13,1": typeDesktop, "13,2": typeDesktop,
	"14,2": typeLaptop, "14,3": typeDesktop, "14,5": typeLaptop, "14,6": typeLaptop, "14,7": typeLaptop,
	"14,8": typeDesktop, "14,9": typeLaptop, "14,10": typeLaptop, "14,12": typeDesktop, "14,13": typeDesktop,
	"14,14": typeDesktop, "14,15": typeLaptop,
	"15,3": typeLaptop, "15,4": typeDesktop, "15,5": typeDesktop, "15,6": typeLaptop, "15,7": typeLaptop,
	"15,8": typeLaptop, "15,9": typeLaptop, "15,10": typeLaptop, "15,11": typeLaptop, "15,12": typeLaptop,
	"15,13": typeLaptop, "15,14": typeDesktop,
	"16,1": typeLaptop, "16,2": typeDesktop, "16,3": typeDesktop, "16,5": typeLaptop, "16,6": typeLaptop,
	"16,7": typeLaptop, "16,8": typeLaptop, "16,9": typeDesktop, "16,10": typeDesktop, "16,11": typeDesktop,
	"16,12": typeLaptop, "16,13": typeLaptop,
	"17,2": typeLaptop, "17,3": typeLaptop, "17,4": typeLaptop, "17,5": typeLaptop, "17,6": typeLaptop,
	"17,7": typeLaptop, "17,8": typeLaptop, "17,9": typeLaptop,
}

// modelRules are parts of a model or serial number in lower case; the first one found decides.
var modelRules = []struct{ part, kind string }{
	{"appletv", typeTV},
	{"imac", typeDesktop},
	{"ipad", typeTablet},
	{"iphone", typeMobile},
	{"macbook", typeLaptop},
	{"macmini", typeDesktop},
	{"macpro", typeDesktop},
	{"powermac", typeDesktop},
	{"virtualmac", typeVM},
	{"vmware", typeVM},
	{"xserve", typeServer},

	{"pro micro", typeDesktop},
	{"inspiron 36", typeDesktop},
	{"inspiron 38", typeDesktop},
	{"inspiron 5", typeDesktop},
	{"inspiron 6", typeDesktop},
	{"latitude", typeLaptop},
	{"optiplex", typeDesktop},
	{"xps", typeLaptop},
	{"tower", typeDesktop},
	{"precision", typeLaptop},

	{"google pixel slate", typeTablet},
	{"google pixel", typeMobile},
	{"hp elitebook", typeLaptop},
	{"hp zbook", typeLaptop},
	{"huawei ane", typeMobile},
	{"huawei wgr", typeTablet},
	{"thinkcentre", typeDesktop},
	{"thinkpad", typeLaptop},
	{"samsung gt-p", typeTablet},
	{"sm-a", typeMobile},
	{"sm-g", typeMobile},
	{"sm-p", typeTablet},
	{"sm-t", typeTablet},
	{"virtual machine", typeVM},
}

// virtualMakers holds the first three octets of the addresses that hypervisors give to their guests.
//
// Source: the IEEE registry: Microsoft, VMware (three blocks), Xen, Parallels, VirtualBox.
var virtualMakers = map[string]bool{
	"0003FF": true,
	"005056": true,
	"000C29": true,
	"000569": true,
	"00163E": true,
	"001C42": true,
	"080027": true,
}

// guestHypervisors are parts of hypervisors' names, lower case.
var guestHypervisors = []string{
	"kvm", "qemu", "bochs", "vmware", "virtualbox", "parallels", "bhyve", "xen", "nutanix", "acrn", "z/vm", "powervm",
}

// chassisTypes holds what the chassis tells, by the SMBIOS name in lower case.
//
// Source: DSP0134, System Enclosure or Chassis Types.
var chassisTypes = map[string]string{
	"desktop": typeDesktop, "low profile desktop": typeDesktop, "pizza box": typeDesktop, "mini tower": typeDesktop,
	"tower": typeDesktop, "all in one": typeDesktop, "space-saving": typeDesktop, "mini pc": typeDesktop,
	"stick pc": typeDesktop, "portable": typeLaptop, "laptop": typeLaptop, "notebook": typeLaptop,
	"sub notebook": typeLaptop, "convertible": typeLaptop, "detachable": typeLaptop, "tablet": typeTablet,
	"hand held": typeMobile, "main server chassis": typeServer, "rack mount chassis": typeServer,
	"blade": typeServer, "blade enclosure": typeServer, "multi-system chassis": typeServer,
}
