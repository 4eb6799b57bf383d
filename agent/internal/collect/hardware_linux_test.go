// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// sata, nvme … are links of /sys/block with what they point at, as a MapFS has no other way to follow them.
func block(name, path string, files map[string]string) fstest.MapFS {
	m := fstest.MapFS{"sys/block/" + name: link("../devices/" + path + "/block/" + name)}
	for file, content := range files {
		m["sys/devices/"+path+"/block/"+name+"/"+file] = text(content)
	}
	return m
}

func TestDisks(t *testing.T) {
	t.Parallel()
	const ata = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0"
	tests := []struct {
		name  string
		files fstest.MapFS
		hv    string
		want  string
		err   error
	}{
		{name: "SATA disk", files: block("sda", ata, map[string]string{
			"size": "2048\n", "device/model": "SuperDisk 1000  \n", "device/vendor": "ATA     ", "device/rev": "FW12\n",
			"device/vpd_pg80": "\x00\x80\x00\x04 S3RI", "queue/rotational": "1\n", "device/wwid": "naa.5000c500a1b2c3d4\n",
		}), want: "{bus:sata,firmware:FW12,model:SuperDisk 1000,name:/dev/sda,rotational:true,serial:S3RI,size:1048576,type:hdd,vendor:ATA,wwn:naa.5000c500a1b2c3d4}"},
		{name: "NVMe disk", files: block("nvme0n1", "pci0000:00/0000:01:00.0/nvme/nvme0", map[string]string{
			"size": "976773168\n", "device/serial": "S4X1\n", "device/firmware_rev": "2B2Q\n", "queue/rotational": "0\n", "wwid": "eui.00\n",
		}), want: "{bus:nvme,firmware:2B2Q,name:/dev/nvme0n1,rotational:false,serial:S4X1,size:500107862016,type:ssd,wwn:eui.00}"},
		{name: "virtio disk has a size and is no hdd, whatever it says", files: block("vda", "pci0000:00/0000:00:03.0/virtio2", map[string]string{
			"size": "536870912\n", "device/vendor": "0x1af4\n", "queue/rotational": "1\n", "serial": "vol-1\n",
		}), want: "{bus:virtio,name:/dev/vda,serial:vol-1,size:274877906944}"},
		{name: "disk emulated by a hypervisor has no rotation either", hv: "VMwareVMware", files: block("sda", ata, map[string]string{
			"size": "8\n", "device/x": "", "queue/rotational": "1\n",
		}), want: "{bus:sata,name:/dev/sda,size:4096}"},
		{name: "loop, RAM, device mapper, md and zram are no disks", files: with(
			block("loop0", "virtual", map[string]string{"size": "8\n"}), block("ram0", "virtual", map[string]string{"size": "8\n"}),
			block("dm-0", "virtual", map[string]string{"size": "8\n"}), block("md0", "virtual", map[string]string{"size": "8\n"}),
			block("zram0", "virtual", map[string]string{"size": "8\n"}))},
		{name: "USB, optical drives and boot areas are no disks", files: with(
			block("sdb", "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6", map[string]string{"size": "8\n", "device/x": ""}),
			block("sr0", ata, map[string]string{"size": "8\n", "device/x": ""}),
			block("mmcblk0boot0", "platform/mmc_host/mmc0", map[string]string{"size": "8\n", "device/x": ""}))},
		{name: "no sysfs", files: fstest.MapFS{}, err: ErrAbsent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gather(t, "disks", &hosttest.Machine{Files: tt.files, Hypervisor: tt.hv})
			if !errors.Is(err, tt.err) || show(snap.Disks...) != tt.want {
				t.Errorf("got  %s, %v\nwant %s, %v", show(snap.Disks...), err, tt.want, tt.err)
			}
		})
	}
	_, err := gather(t, "disks", &hosttest.Machine{Files: block("sda", ata, map[string]string{"size": "\n", "device/x": ""})})
	if err == nil || err.Error() != `size of sda: strconv.ParseUint: parsing "": invalid syntax` {
		t.Errorf("no number: got %v", err)
	}
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	files := with(block("sda", "pci/ata1", map[string]string{
		"size": "4096", "device/x": "", "sda1/partition": "1\n", "sda1/size": "2048\n", "sda1/start": "34\n",
		"sda1/dev": "8:1\n", "sda1/uevent": "PARTN=1\nPARTNAME=EFI System\n", "queue/partition": "1",
	}), fstest.MapFS{"run/udev/data/b8:1": text("S:disk/by-x\nE:ID_FS_TYPE=vfat\nE:ID_PART_ENTRY_UUID=0A1B-2C\nE:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n")})
	snap, err := gather(t, "partitions", &hosttest.Machine{Files: files})
	want := "{disk:/dev/sda,filesystem:vfat,label:EFI System,name:/dev/sda1,number:1,size:1048576,start:17408," +
		"type:c12a7328-f81f-11d2-ba4b-00a0c93ec93b,uuid:0a1b-2c}"
	if err != nil || show(snap.Partitions...) != want {
		t.Errorf("got  %s, %v\nwant %s", show(snap.Partitions...), err, want)
	}
}

// laptop is a machine with a full firmware table.
var laptop = fstest.MapFS{
	"sys/class/dmi/id/sys_vendor":                                              text("LENOVO\n"),
	"sys/class/dmi/id/product_name":                                            text("20XW004AGE\n"),
	"sys/class/dmi/id/product_version":                                         text("ThinkPad X1 Carbon Gen 9\n"),
	"sys/class/dmi/id/product_sku":                                             text("LENOVO_MT_20XW\n"),
	"sys/class/dmi/id/product_serial":                                          text("PF2ABCDE\n"),
	"sys/class/dmi/id/product_uuid":                                            text("4C4C4544-0051-3510-8052-B4C04F4A3132\n"),
	"sys/class/dmi/id/chassis_type":                                            text("138\n"), // 10 and the bit of the lock
	"sys/class/dmi/id/chassis_asset_tag":                                       text("No Asset Information\n"),
	"sys/class/dmi/id/bios_vendor":                                             text("LENOVO\n"),
	"sys/class/dmi/id/bios_version":                                            text("N32ET75W (1.51 )\n"),
	"sys/class/dmi/id/bios_release":                                            text("1.51\n"),
	"sys/class/dmi/id/bios_date":                                               text("12/02/2021\n"),
	"sys/class/dmi/id/board_vendor":                                            text("LENOVO\n"),
	"sys/class/dmi/id/board_name":                                              text("20XW004AGE\n"),
	"sys/class/dmi/id/board_version":                                           text("Not Defined\n"),
	"sys/class/dmi/id/board_serial":                                            text("L1HF12345\n"),
	"sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": text("\x06\x00\x00\x00\x01"),
	"sys/class/tpm/tpm0/tpm_version_major":                                     text("2\n"),
}

// whiteBox is a machine whose maker left the table as it came.
var whiteBox = fstest.MapFS{
	"sys/class/dmi/id/sys_vendor":     text("To Be Filled By O.E.M.\n"),
	"sys/class/dmi/id/product_name":   text("System Product Name\n"),
	"sys/class/dmi/id/product_serial": text("To be filled by O.E.M.\n"),
	"sys/class/dmi/id/product_uuid":   text("03000200-0400-0500-0006-000700080009\n"),
	"sys/class/dmi/id/board_vendor":   text("Default string\n"),
	"sys/class/dmi/id/board_name":     text("xxxx\n"),
	"sys/class/dmi/id/board_serial":   text("00000000\n"),
	"sys/class/dmi/id/bios_date":      text("not a date\n"),
}

func TestBiosAndBoard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, collector string
		files           fstest.MapFS
		want            string
		err             error
	}{
		{"firmware: the month is the first number", "bios", laptop, "{date:2021-12-02T00:00:00,release:1.51,type:uefi,vendor:LENOVO,version:N32ET75W (1.51 )}", nil},
		{"board", "board", laptop, "{name:20XW004AGE,serial:L1HF12345,vendor:LENOVO,version:Not Defined}", nil},
		{"placeholders are nothing", "bios", whiteBox, "{type:bios}", nil},
		{"a board of placeholders is none", "board", whiteBox, "", ErrAbsent},
		{"no table, no firmware", "bios", fstest.MapFS{}, "", ErrAbsent},
		{"no table, no board", "board", fstest.MapFS{}, "", ErrAbsent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gather(t, tt.collector, &hosttest.Machine{Files: tt.files})
			got := ""
			switch {
			case snap.Bios != nil:
				got = show(snap.Bios)
			case snap.Board != nil:
				got = show(snap.Board)
			}
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %s, %v, want %s, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestSystemInfo(t *testing.T) {
	t.Parallel()
	settings := fstest.MapFS{
		"proc/sys/kernel/hostname": text("web-1\n"), "etc/hosts": text("127.0.0.1 localhost\n127.0.1.1 web-1.example.org web-1 # us\n"),
		"etc/machine-id": text("0123456789abcdef0123456789abcdef\n"), "etc/localtime": link("../usr/share/zoneinfo/Europe/Berlin"),
		"etc/default/locale": text("LANG=\"de_DE.UTF-8\"\n"), "run/systemd/system/x": text(""),
		"etc/machine-info": text("PRETTY_HOSTNAME=\"Jo's web server\"\n"),
	}
	m := &hosttest.Machine{
		Files:  tree(t, "debian-12", settings, laptop),
		Kernel: host.Uname{KernelName: "Linux", Release: "6.1.0-21-amd64", Machine: "x86_64"},
	}
	snap, err := gather(t, "system_info", m)
	if err != nil {
		t.Fatal(err)
	}
	memory := snap.SystemInfo.GetPhysicalMemory()
	if memory < 1<<30 || memory%1024 != 0 {
		t.Errorf("memory is %d bytes", memory)
	}
	snap.SystemInfo.PhysicalMemory = nil
	want := "{chassis_type:notebook,computer_name:Jo's web server,cpu_brand:Intel(R) Xeon(R) Processor,cpu_logical_cores:2," +
		"cpu_physical_cores:2,cpu_sockets:1,cpu_subtype:143,cpu_type:x86_64,firmware_type:uefi,fqdn:web-1.example.org," +
		"hardware_model:20XW004AGE,hardware_serial:PF2ABCDE,hardware_sku:LENOVO_MT_20XW,hardware_vendor:LENOVO," +
		"hardware_version:ThinkPad X1 Carbon Gen 9,hostname:web-1,hypervisor:unknown,init_system:systemd,kernel_name:Linux," +
		"kernel_version:6.1.0-21-amd64,locale:de_DE.UTF-8,machine_id:3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9,secure_boot:true," +
		"timezone:Europe/Berlin,tpm_version:2.0,uuid:4c4c4544-0051-3510-8052-b4c04f4a3132}"
	if got := strings.ReplaceAll(show(snap.SystemInfo), `\u0027`, "'"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSystemInfoUnprivilegedTellsWhatItLacks(t *testing.T) {
	t.Parallel()
	secret := map[string]bool{"sys/class/dmi/id/product_serial": true, "sys/class/dmi/id/product_uuid": true}
	m := &hosttest.Machine{Files: deny{tree(t, "debian-12", laptop), secret}}
	snap, err := gather(t, "system_info", m)
	want := "permission denied: /sys/class/dmi/id/product_serial, /sys/class/dmi/id/product_uuid"
	if !errors.Is(err, fs.ErrPermission) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if s := snap.SystemInfo; s.HardwareSerial != nil || s.Uuid != nil || s.GetHardwareModel() != "20XW004AGE" {
		t.Errorf("got %s", show(s))
	}
}

func TestSystemInfoHasNoPlaceholders(t *testing.T) {
	t.Parallel()
	snap, err := gather(t, "system_info", &hosttest.Machine{Files: tree(t, "debian-12", whiteBox)})
	if err != nil {
		t.Fatal(err)
	}
	if s := snap.SystemInfo; s.HardwareVendor != nil || s.HardwareModel != nil || s.HardwareSerial != nil || s.Uuid != nil {
		t.Errorf("got %s", show(s))
	}
}

func TestHypervisorAndContainerAreTwoFacts(t *testing.T) {
	t.Parallel()
	dmi := func(vendor, product string) fstest.MapFS {
		return fstest.MapFS{"sys/class/dmi/id/sys_vendor": text(vendor), "sys/class/dmi/id/product_name": text(product)}
	}
	docker := fstest.MapFS{".dockerenv": text("")}
	tests := []struct {
		name              string
		files             fstest.MapFS
		leaf              string
		hv, inside, cloud string
	}{
		{name: "bare metal", files: laptop},
		{name: "KVM guest with an image's docker marker", files: docker, leaf: "KVMKVMKVM", hv: "kvm", inside: "docker"},
		{name: "container on the metal", files: with(laptop, docker), inside: "docker"},
		{name: "VirtualBox behind a KVM leaf", files: dmi("innotek GmbH", "VirtualBox"), leaf: "KVMKVMKVM", hv: "virtualbox"},
		{name: "EC2 Nitro", files: dmi("Amazon EC2", "t3.large"), leaf: "KVMKVMKVM", hv: "kvm", cloud: "aws"},
		{name: "EC2 metal", files: dmi("Amazon EC2", "c5.metal"), cloud: "aws"},
		{name: "EC2 on Xen", files: fstest.MapFS{"sys/hypervisor/type": text("xen"), "sys/hypervisor/uuid": text("ec2a1b2c\n")}, hv: "xen", cloud: "aws"},
		{
			name: "Azure", files: with(dmi("Microsoft Corporation", "Virtual Machine"), fstest.MapFS{"sys/class/dmi/id/chassis_asset_tag": text(azureChassis)}),
			leaf: "Microsoft Hv", hv: "hyper-v", cloud: "azure",
		},
		{name: "Google's laptop is no cloud", files: dmi("Google", "Eve")},
		{name: "Google's cloud", files: dmi("Google", "Google Compute Engine"), hv: "kvm", cloud: "gcp"},
		{name: "ARM guest has no leaf", files: dmi("QEMU", "QEMU Virtual Machine"), hv: "qemu"},
		{name: "only the processor's flag", files: fstest.MapFS{"proc/cpuinfo": text("processor : 0\nflags : fpu hypervisor\n")}, hv: "unknown"},
		{name: "control domain of Xen", files: fstest.MapFS{"proc/xen/capabilities": text("control_d\n")}, leaf: "XenVMMXenVMM"},
		{name: "podman", files: fstest.MapFS{"run/.containerenv": text("")}, inside: "podman"},
		{name: "lxc, as init knows", files: fstest.MapFS{"proc/1/environ": text("a=b\x00container=lxc\x00")}, inside: "lxc"},
		{name: "incus, by its socket", files: fstest.MapFS{"dev/incus/sock": text("")}, inside: "lxc"},
		{name: "OpenVZ", files: fstest.MapFS{"proc/vz/x": text("")}, inside: "openvz"},
		{name: "OpenVZ's own machine", files: fstest.MapFS{"proc/vz/x": text(""), "proc/bc/x": text("")}},
		{name: "ARM guest of Xen", files: fstest.MapFS{"proc/device-tree/hypervisor/compatible": text("xen,xen-4.17\x00xen,xen\x00")}, hv: "xen"},
		{name: "nspawn, as systemd notes", files: fstest.MapFS{"run/systemd/container": text("systemd-nspawn")}, inside: "systemd-nspawn"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &hosttest.Machine{Files: tt.files, Hypervisor: tt.leaf}
			if hv, inside, cloud := hypervisor(m), container(m), cloudProvider(m); hv != tt.hv || inside != tt.inside || cloud != tt.cloud {
				t.Errorf("got %q %q %q, want %q %q %q", hv, inside, cloud, tt.hv, tt.inside, tt.cloud)
			}
		})
	}
	unreadable := &hosttest.Machine{Files: deny{tree(t, "debian-12"), map[string]bool{"proc/1/environ": true}}}
	if _, err := gather(t, "system_info", unreadable); err != nil {
		t.Errorf("an unreadable environment of init fails the run: %v", err)
	}
}

func TestProcessors(t *testing.T) {
	t.Parallel()
	twoSockets := "processor: 0\nvendor_id: AuthenticAMD\nmodel name: AMD  EPYC\nphysical id: 0\ncore id: 0\ncpu family: 25\n\n" +
		"processor: 1\nmodel name: AMD  EPYC\nphysical id: 0\ncore id: 0\n\n" +
		"processor: 2\nmodel name: AMD  EPYC\nphysical id: 1\ncore id: 0\n\nprocessor: 3\nmodel name: AMD  EPYC\nphysical id: 1\ncore id: 0\n"
	arm := "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
	topology := fstest.MapFS{
		"sys/devices/system/cpu/cpu0/topology/core_id": text("0"), "sys/devices/system/cpu/cpu0/topology/physical_package_id": text("-1"),
		"sys/devices/system/cpu/cpu1/topology/core_id": text("1"), "sys/devices/system/cpu/cpu1/topology/physical_package_id": text("-1"),
	}
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"captured", tree(t, "debian-12"), "{arch:m,brand:Intel(R) Xeon(R) Processor,cores:2,family:6,microcode:0x1,model:143,sockets:1,stepping:8,threads:2,vendor:GenuineIntel}"},
		{
			"two equal sockets are one row",
			fstest.MapFS{"proc/cpuinfo": text(twoSockets), "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": text("3700000\n")},
			"{arch:m,brand:AMD EPYC,cores:1,family:25,max_mhz:3700,sockets:2,threads:2,vendor:AuthenticAMD}",
		},
		{
			"ARM names itself by numbers", with(topology, fstest.MapFS{"proc/cpuinfo": text(arm)}),
			"{arch:m,brand:ARM Neoverse-N1,cores:2,sockets:1,threads:2,vendor:ARM}",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gather(t, "processors", &hosttest.Machine{Files: tt.files, Kernel: host.Uname{Machine: "m"}})
			if got := strings.ReplaceAll(show(snap.Processors...), `"`, ""); err != nil || got != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}
