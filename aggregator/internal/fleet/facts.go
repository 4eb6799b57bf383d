// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// factsOf is what a machine's own facts are made from.
type factsOf struct {
	Machine
	generation [aspects]int
	model      *model
	spelling   spelling
	snapshot   *inventoryv1.Snapshot
}

// facts returns what a machine has for itself on a day; the standing sections and the products are not in it.
func (m Machine) facts(day int) *inventoryv1.Snapshot {
	f := factsOf{Machine: m, generation: m.generations(day), model: m.model(), spelling: spellings[m.Platform], snapshot: &inventoryv1.Snapshot{}}
	f.system()
	f.storage()
	f.network()
	f.people()
	f.listening()
	if m.EC2 {
		f.cloud()
	}
	return f.snapshot
}

// system writes what the machine is.
func (f *factsOf) system() {
	m, s := f.model, f.snapshot
	s.SystemInfo = &inventoryv1.SystemInfo{
		ComputerName: proto.String(f.Hostname()), Hostname: proto.String(f.Hostname()), Fqdn: proto.String(f.Hostname() + ".example.org"),
		HardwareVendor: &m.vendor, HardwareModel: &m.name, HardwareSerial: proto.String(f.serial()), Uuid: proto.String(f.uuid()),
		MachineId: proto.String(f.machineID()), ChassisType: present(m.chassis), Hypervisor: present(m.hypervisor),
		CpuBrand: &m.processor, CpuType: proto.String("x86_64"), CpuPhysicalCores: proto.Int64(m.cores), CpuLogicalCores: proto.Int64(2 * m.cores),
		CpuSockets: proto.Int64(1), PhysicalMemory: proto.Int64(m.memory << 30), Timezone: proto.String("Etc/UTC"), FirmwareType: proto.String("uefi"),
	}
	if f.Platform == "LINUX" {
		s.SystemInfo.KernelName, s.SystemInfo.KernelVersion = proto.String("Linux"), proto.String("6.1.0-37-amd64")
		s.SystemInfo.InitSystem, s.SystemInfo.Locale = proto.String("systemd"), proto.String("C.UTF-8")
	}
	if f.EC2 {
		s.SystemInfo.CloudProvider = proto.String("aws")
	}
	s.Bios = &inventoryv1.Bios{
		Vendor: &m.vendor, Version: proto.String("1." + strconv.Itoa(f.die.of(saltHardware).n(12))),
		Date: proto.String("2025-02-14T00:00:00"), Type: proto.String("uefi"),
	}
	s.Processors = []*inventoryv1.Processor{{
		Brand: &m.processor, Sockets: proto.Int64(1), Cores: proto.Int64(m.cores), Threads: proto.Int64(2 * m.cores), Arch: proto.String("x86_64"),
	}}
	if m.hypervisor != "" {
		return
	}
	s.Board = &inventoryv1.Board{Vendor: &m.vendor, Name: proto.String(m.name + " board"), Serial: proto.String("B" + f.serial())}
	for i := range m.modules {
		s.MemoryModules = append(s.MemoryModules, &inventoryv1.MemoryModule{
			Slot: proto.String(fmt.Sprintf("DIMM A%d", i+1)), Size: proto.Int64(m.memory << 30 / m.modules),
			Type: proto.String("DDR5"), SpeedMts: proto.Int64(4800),
			Vendor: proto.String("Greyfield"), Serial: proto.String(fmt.Sprintf("%08X", uint32(f.die.of(saltHardware).of(int(i))))),
		})
	}
}

// people writes the machine's own users, their groups and who it belongs to.
func (f *factsOf) people() {
	s, d := f.snapshot, f.die.of(saltPeople)
	first := 1 + d.n(3)
	for i := range first + f.generation[aspectUser]%5 {
		name := fmt.Sprintf("%s%04d", strings.ToLower(firstWords[d.of(i).n(len(firstWords))]), d.of(i).of(1).n(10_000))
		id := int64(1000 + i)
		s.Users = append(s.Users, &inventoryv1.User{
			Name: &name, Uid: &id, Gid: &id, Home: proto.String(f.spelling.home + name), Shell: present(f.spelling.shell), Type: proto.String("local"),
		})
		s.LocalGroups = append(s.LocalGroups, &inventoryv1.LocalGroup{Name: &name, Gid: &id})
	}
	if !f.Laptop {
		return
	}
	owner := s.Users[0].GetName()
	s.PrincipalUser = &inventoryv1.PrincipalUser{
		Source:   &inventoryv1.PrincipalUserSource{Type: proto.String("LOGGED_IN_USER")},
		UniqueId: &owner, PrincipalName: proto.String(owner + "@example.org"),
	}
}

// cloud writes what the metadata service tells.
func (f *factsOf) cloud() {
	s, id, address := f.snapshot, f.instanceID(), f.address()
	s.Ec2InstanceMetadata = &inventoryv1.EC2InstanceMetadata{
		InstanceId: &id, InstanceType: &f.model.name, Architecture: proto.String("x86_64"), Region: proto.String("eu-central-1"),
		AvailabilityZone: proto.String("eu-central-1" + string(rune('a'+f.die.n(3)))), LocalHostname: proto.String(f.Hostname()),
		Mac: proto.String(f.mac(0)), AmiId: proto.String(fmt.Sprintf("ami-%017x", dieOf(f.Role)>>4)), LocalIpv4: &address,
		ReservationId: proto.String(fmt.Sprintf("r-%017x", f.die>>4)), AccountId: proto.String("123456789012"), LifeCycle: proto.String("on-demand"),
	}
	for _, tag := range [...][2]string{{"Name", f.Hostname()}, {"role", f.Role}, {"ring", strconv.Itoa(f.Ring)}, {"owner", "platform"}} {
		s.Ec2InstanceTags = append(s.Ec2InstanceTags, &inventoryv1.EC2InstanceTag{Key: proto.String(tag[0]), Value: proto.String(tag[1])})
	}
	s.CloudInstance = &inventoryv1.CloudInstance{Provider: proto.String("aws"), InstanceId: &id, Region: proto.String("eu-central-1"), PrivateIpv4: &address}
}
