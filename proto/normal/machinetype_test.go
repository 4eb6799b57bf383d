// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

func TestModelTellsTheType(t *testing.T) {
	t.Parallel()
	tests := []struct{ model, want string }{
		{"Mac13,1", "DESKTOP"},
		{"Mac13,2", "DESKTOP"},
		{"Mac14,2", "LAPTOP"},
		{"Mac14,10", "LAPTOP"},
		{"Mac14,12", "DESKTOP"},
		{"Mac15,3", "LAPTOP"},
		{"Mac15,4", "DESKTOP"},
		{"Mac15,13", "LAPTOP"},
		{"Mac15,14", "DESKTOP"},
		{"Mac16,1", "LAPTOP"},
		{"Mac16,10", "DESKTOP"},
		{"Mac16,12", "LAPTOP"},
		{"Mac17,9", "LAPTOP"},
		{"iMac14,2", "DESKTOP"},
		{"iMac21,1", "DESKTOP"},
		{"AppleTV14,1", "TV"},
		{"iPad13,4", "TABLET"},
		{"iPhone15,2", "MOBILE"},
		{"MacBookPro18,3", "LAPTOP"},
		{"Macmini9,1", "DESKTOP"},
		{"MacPro7,1", "DESKTOP"},
		{"PowerMac3,6", "DESKTOP"},
		{"VirtualMac2,1", "VM"},
		{"VMware7,1", "VM"},
		{"Xserve3,1", "SERVER"},
		{"Dell Pro Micro QCM1250", "DESKTOP"},
		{"Inspiron 3670", "DESKTOP"},
		{"Inspiron 3880", "DESKTOP"},
		{"Inspiron 5680", "DESKTOP"},
		{"Inspiron 660", "DESKTOP"},
		{"Latitude 7420", "LAPTOP"},
		{"OptiPlex 7090", "DESKTOP"},
		{"XPS 13 9310", "LAPTOP"},
		{"Precision 5820 Tower", "DESKTOP"},
		{"Precision 5560", "LAPTOP"},
		{"Google Pixel Slate", "TABLET"},
		{"Google Pixel 7", "MOBILE"},
		{"HP EliteBook 840 G8", "LAPTOP"},
		{"HP ZBook Fury", "LAPTOP"},
		{"HUAWEI ANE-LX1", "MOBILE"},
		{"HUAWEI WGR-W09", "TABLET"},
		{"ThinkCentre M75q", "DESKTOP"},
		{"ThinkPad X1 Carbon", "LAPTOP"},
		{"samsung GT-P5110", "TABLET"},
		{"SM-A525F", "MOBILE"},
		{"SM-G991B", "MOBILE"},
		{"SM-P610", "TABLET"},
		{"SM-T870", "TABLET"},
		{"Virtual Machine", "VM"},
		{"ProLiant DL380", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.model, func(t *testing.T) {
			t.Parallel()
			got, ok := MachineType(Hardware{HardwareModel: tt.model})
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("MachineType(model %q) = %q, %v; want %q", tt.model, got, ok, tt.want)
			}
		})
	}
}

func TestEvidenceIsWeighedInOrder(t *testing.T) {
	t.Parallel()
	virtual := []string{"00:50:56:01:02:03", "00:0c:29:01:02:03"}
	tests := []struct {
		name string
		e    Hardware
		want string
	}{
		{"cloud before model", Hardware{EC2: true, HardwareModel: "VMware7,1"}, "EC2"},
		{"model before serial", Hardware{HardwareModel: "iPad13,4", HardwareSerial: "VMware-56 4d"}, "TABLET"},
		{"serial when the model is silent", Hardware{HardwareModel: "x", HardwareSerial: "VMware-56 4d"}, "VM"},
		{"model before addresses", Hardware{HardwareModel: "ThinkPad", MACs: virtual}, "LAPTOP"},
		{"all addresses virtual", Hardware{MACs: virtual}, "VM"},
		{"one address is not virtual", Hardware{MACs: append([]string{"3c:22:fb:01:02:03"}, virtual...)}, ""},
		{"a missing address is not virtual", Hardware{MACs: append([]string{""}, virtual...)}, ""},
		{"no address proves nothing", Hardware{MACs: []string{}}, ""},
		{"addresses before processor", Hardware{MACs: virtual, CPUBrand: "Intel(R) Xeon(R)"}, "VM"},
		{"Xeon", Hardware{CPUBrand: "Intel(R) Xeon(R) Gold 6338"}, "SERVER"},
		{"processor before hypervisor", Hardware{CPUBrand: "Intel Xeon Processor (Skylake)", Hypervisor: "kvm"}, "SERVER"},
		{"EPYC alone", Hardware{CPUBrand: "AMD EPYC 7763"}, ""},
		{"KVM guest", Hardware{HardwareModel: "Standard PC (Q35 + ICH9, 2009)", CPUBrand: "AMD EPYC 7763", Hypervisor: "kvm"}, "VM"},
		{"hypervisor before chassis", Hardware{Hypervisor: "QEMU", ChassisType: "desktop"}, "VM"},
		{"Hyper-V below a laptop", Hardware{Hypervisor: "hyper-v", ChassisType: "Notebook"}, "LAPTOP"},
		{"rack", Hardware{ChassisType: "rack mount chassis"}, "SERVER"},
		{"unknown chassis", Hardware{ChassisType: "other"}, ""},
		{"nothing", Hardware{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := MachineType(tt.e)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("MachineType = %q, %v; want %q", got, ok, tt.want)
			}
		})
	}
}

func TestEveryMakerOfVirtualMachinesIsKnown(t *testing.T) {
	t.Parallel()
	for _, oui := range []string{"00:03:ff", "00:50:56", "00:0C:29", "00:05:69", "00:16:3e", "00:1c:42", "08:00:27"} {
		if got, _ := MachineType(Hardware{MACs: []string{oui + ":aa:bb:cc"}}); got != "VM" {
			t.Errorf("MachineType(%s) = %q, want VM", oui, got)
		}
	}
}

func TestEvidenceComesFromTheSnapshot(t *testing.T) {
	t.Parallel()
	snap := &inventoryv1.Snapshot{
		SystemInfo: &inventoryv1.SystemInfo{
			HardwareModel:  proto.String("model"),
			HardwareSerial: proto.String("serial"),
			CpuBrand:       proto.String("brand"),
			Hypervisor:     proto.String("kvm"),
			ChassisType:    proto.String("other"),
		},
		Ec2InstanceMetadata: &inventoryv1.EC2InstanceMetadata{InstanceId: proto.String("i-0abc")},
		NetworkInterfaces:   []*inventoryv1.NetworkInterface{{Mac: proto.String("00:50:56:00:00:01")}, {}},
	}
	want := fmt.Sprintf("%+v", Hardware{
		EC2: true, HardwareModel: "model", HardwareSerial: "serial", CPUBrand: "brand", Hypervisor: "kvm",
		ChassisType: "other", MACs: []string{"00:50:56:00:00:01", ""},
	})
	if got := fmt.Sprintf("%+v", HardwareOf(snap)); got != want {
		t.Errorf("HardwareOf = %s, want %s", got, want)
	}
	if HardwareOf(&inventoryv1.Snapshot{Ec2InstanceMetadata: &inventoryv1.EC2InstanceMetadata{}}).EC2 {
		t.Error("empty metadata makes no instance")
	}
	if got := fmt.Sprintf("%+v", HardwareOf(nil)); got != fmt.Sprintf("%+v", Hardware{}) {
		t.Errorf("HardwareOf(nil) = %s, want nothing", got)
	}
}
