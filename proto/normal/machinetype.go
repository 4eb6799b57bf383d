// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// The types of machines, as the tree spells them.
const (
	typeDesktop = "DESKTOP"
	typeEC2     = "EC2"
	typeLaptop  = "LAPTOP"
	typeMobile  = "MOBILE"
	typeServer  = "SERVER"
	typeTablet  = "TABLET"
	typeTV      = "TV"
	typeVM      = "VM"
)

// Hardware is what the type of a machine follows from. Absent facts are empty.
type Hardware struct {
	EC2            bool // there is ec2_instance_metadata
	HardwareModel  string
	HardwareSerial string
	CPUBrand       string
	Hypervisor     string   // what a guest runs under, as in SystemInfo
	ChassisType    string   // SMBIOS name, as in SystemInfo
	MACs           []string // one for each row of network_interfaces, empty where the row has none
}

// HardwareOf collects from a snapshot what its type follows from.
func HardwareOf(snap *inventoryv1.Snapshot) Hardware {
	system := snap.GetSystemInfo()
	h := Hardware{
		EC2:            proto.Size(snap.GetEc2InstanceMetadata()) > 0, // an empty object is no section
		HardwareModel:  system.GetHardwareModel(),
		HardwareSerial: system.GetHardwareSerial(),
		CPUBrand:       system.GetCpuBrand(),
		Hypervisor:     system.GetHypervisor(),
		ChassisType:    system.GetChassisType(),
	}
	for _, row := range snap.GetNetworkInterfaces() {
		h.MACs = append(h.MACs, row.GetMac())
	}
	return h
}

// MachineType returns DESKTOP, EC2, LAPTOP, MOBILE, SERVER, TABLET, TV or VM, and false where nothing tells. The
// cloud's word comes first, then model and serial number, then the network interfaces' makers, then the processor;
// only when these say nothing, a known hypervisor makes a VM, and at last the chassis decides.
func MachineType(h Hardware) (string, bool) {
	if h.EC2 {
		return typeEC2, true
	}
	for _, text := range []string{h.HardwareModel, h.HardwareSerial} {
		if kind, ok := typeOfModel(strings.ToLower(text)); ok {
			return kind, true
		}
	}
	switch {
	case allVirtual(h.MACs):
		return typeVM, true
	case strings.Contains(strings.ToLower(h.CPUBrand), "xeon"):
		return typeServer, true
	case isGuest(h.Hypervisor):
		return typeVM, true
	}
	kind, ok := chassisTypes[strings.ToLower(h.ChassisType)]
	return kind, ok
}

// macModel finds identifiers such as Mac14,10, but not the end of iMac14,2.
var macModel = regexp.MustCompile(`(?:^|[^a-z])mac([0-9]+,[0-9]+)`)

// typeOfModel looks for a known model in lower-case text.
func typeOfModel(text string) (string, bool) {
	if id := macModel.FindStringSubmatch(text); id != nil {
		if kind, ok := macTypes[id[1]]; ok {
			return kind, true
		}
	}
	for _, rule := range modelRules {
		if strings.Contains(text, rule.part) {
			return rule.kind, true
		}
	}
	return "", false
}

// allVirtual reports whether there are addresses and all of them belong to makers of virtual machines.
func allVirtual(macs []string) bool {
	for _, mac := range macs {
		mac = strings.ToUpper(strings.ReplaceAll(mac, ":", ""))
		if len(mac) < 6 || !virtualMakers[mac[:6]] {
			return false
		}
	}
	return len(macs) > 0
}

// isGuest reports whether a hypervisor's name proves a guest. Hyper-V does not: Windows itself runs under it on
// many laptops; its guests are known by their model.
func isGuest(hypervisor string) bool {
	hypervisor = strings.ToLower(hypervisor)
	for _, name := range guestHypervisors {
		if strings.Contains(hypervisor, name) {
			return true
		}
	}
	return false
}
