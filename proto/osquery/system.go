// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"cmp"
	"net/netip"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// systemInfo reads what the machine is.
func (b *builder) systemInfo(r row) {
	s := &inventoryv1.SystemInfo{
		ComputerName: r.text("computer_name"), Hostname: r.text("hostname"),
		HardwareModel: r.hardware("hardware_model"), HardwareSerial: r.hardware("hardware_serial"),
		HardwareVendor: r.hardware("hardware_vendor"), HardwareVersion: r.hardware("hardware_version"),
		CpuType: r.text("cpu_type"), CpuSubtype: r.text("cpu_subtype"), CpuBrand: r.text("cpu_brand"),
		CpuPhysicalCores: r.atLeast("cpu_physical_cores", 1), CpuLogicalCores: r.atLeast("cpu_logical_cores", 1),
		CpuSockets: r.atLeast("cpu_sockets", 1), PhysicalMemory: r.atLeast("physical_memory", 1),
	}
	if uuid, ok := normal.CleanUUID(r.plain("uuid")); ok {
		s.Uuid = &uuid
	}
	b.snap.SystemInfo = s
}

// hardware is text without the word that osquery has for what the firmware does not tell.
func (r row) hardware(column string) *string {
	s := r.text(column)
	if s != nil && *s == "-1" {
		return nil
	}
	return s
}

// osVersion reads the version as osquery tells it; finishOS makes it one.
func (b *builder) osVersion(r row) {
	b.os = &inventoryv1.OSVersion{
		Name: r.text("name"), Major: r.atLeast("major", 0), Minor: r.atLeast("minor", 0), Patch: r.atLeast("patch", 0),
		Build: r.text("build"),
	}
	switch r.plain("platform") {
	case "darwin":
		b.os.Version = r.text("extra")
	case "windows":
	default:
		b.os.Id, b.os.Codename = r.text("platform"), r.text("codename")
	}
}

// windowsBuild reads build and revision from the registry's values, which os_version lacks.
func (b *builder) windowsBuild(r row) {
	build := r.atLeast("build", 1)
	if build == nil {
		return
	}
	text := r.plain("build")
	if revision := r.atLeast("revision", 0); revision != nil {
		text += "." + r.plain("revision")
	}
	b.build = &inventoryv1.OSVersion{Build: &text, Edition: r.text("edition")}
}

// finishOS brings the version into the form that all sources share. A version without a major number is none.
func (b *builder) finishOS() {
	v := b.os
	name := strings.ToLower(v.GetName())
	switch {
	case strings.Contains(name, "windows"), v == nil && b.build != nil:
		v = windowsVersion(v, b.build)
	case strings.Contains(name, "os x") || strings.Contains(name, "macos"):
		v = macVersion(v)
	}
	if v != nil && v.Major != nil {
		b.snap.OsVersion = v
	}
}

// windowsVersion names Windows by its build. What the registry's values name no release stays as os_version has it.
func windowsVersion(told, build *inventoryv1.OSVersion) *inventoryv1.OSVersion {
	if build != nil {
		if v := normal.WindowsVersion(build); v.Major != nil {
			return v
		}
	}
	if v := normal.WindowsVersion(told); v.Major != nil {
		return v
	}
	return told
}

// macVersion numbers what calls itself OS X, or gives no numbers, by its build: osquery of those days had them wrong.
func macVersion(v *inventoryv1.OSVersion) *inventoryv1.OSVersion {
	if v.Major == nil || strings.Contains(v.GetName(), "OS X") {
		if known, err := normal.MacOSFromBuild(v.GetBuild()); err == nil {
			known.Version = cmp.Or(known.Version, v.Version)
			return known
		}
	}
	if v.Patch == nil {
		v.Patch = new(int64)
	}
	return v
}

// networkInterface reads one address of an interface.
func (b *builder) networkInterface(r row) {
	n := &inventoryv1.NetworkInterface{
		Interface: r.text("interface"), Address: r.address("address"), Mask: r.address("mask"), Broadcast: r.address("broadcast"),
		Mtu: r.atLeast("mtu", 1),
	}
	mac := strings.ToLower(r.plain("mac"))
	if n.Interface == nil || mac == "" || len(mac) > 23 {
		return
	}
	n.Mac = &mac
	b.snap.NetworkInterfaces = append(b.snap.NetworkInterfaces, n)
}

// address returns an address without its zone.
func (r row) address(column string) *string {
	address, err := netip.ParseAddr(r.plain(column))
	if err != nil {
		return nil
	}
	s := address.WithZone("").Unmap().String()
	return &s
}

// disk reads a disk, or a volume of a Mac.
func (b *builder) disk(r row) {
	d := &inventoryv1.Disk{
		Name: r.text("name"), Size: r.atLeast("size", 0), Path: r.text("path"), Label: r.text("label"),
		EncryptionStatus: r.text("encryption_status"), FilevaultStatus: r.text("filevault_status"),
		Vendor: r.text("vendor"), Model: r.text("model"), Serial: r.text("serial"),
	}
	if d.Name != nil && d.Size != nil {
		b.snap.Disks = append(b.snap.Disks, d)
	}
}

// ec2Metadata reads what the metadata service says; a row that lacks what every instance has is none.
func (b *builder) ec2Metadata(r row) {
	m := &inventoryv1.EC2InstanceMetadata{
		InstanceId: r.text("instance_id"), InstanceType: r.text("instance_type"), Architecture: r.text("architecture"),
		Region: r.text("region"), AvailabilityZone: r.text("availability_zone"), LocalHostname: r.text("local_hostname"),
		Mac: r.text("mac"), AmiId: r.text("ami_id"), ReservationId: r.text("reservation_id"), AccountId: r.text("account_id"),
		LocalIpv4: r.text("local_ipv4"), SecurityGroups: r.text("security_groups"), IamArn: r.text("iam_arn"),
		SshPublicKey: r.text("ssh_public_key"),
	}
	for _, required := range []*string{
		m.InstanceId, m.InstanceType, m.Architecture, m.Region, m.AvailabilityZone, m.LocalHostname, m.Mac, m.AmiId,
		m.ReservationId, m.AccountId,
	} {
		if required == nil {
			return
		}
	}
	b.snap.Ec2InstanceMetadata = m
}

// ec2Tag reads one tag of an instance; both halves are wanted.
func (b *builder) ec2Tag(r row) {
	if t := (&inventoryv1.EC2InstanceTag{Key: r.text("key"), Value: r.text("value")}); t.Key != nil && t.Value != nil {
		b.snap.Ec2InstanceTags = append(b.snap.Ec2InstanceTags, t)
	}
}
