// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// hypervisor says what the machine runs under; "" on bare metal. A container is another matter: see container.
//
// The processor's own leaf decides, except where the firmware names a product that hides behind another's leaf. A
// machine whose processor says that there is a hypervisor, but not which, runs under "unknown".
func hypervisor(h host.Host) string {
	firmware := firmwareHypervisor(h)
	if firmware == "virtualbox" || firmware == "parallels" {
		return firmware
	}
	if strings.Contains(peek(h, "proc/xen/capabilities"), "control_d") {
		return "" // Xen's own control domain, on the metal
	}
	if name := hypervisorSignatures[strings.TrimSpace(h.HypervisorSignature())]; name != "" {
		return name
	}
	if kind := peek(h, "sys/hypervisor/type"); kind != "" {
		return kind
	}
	if firmware != "" {
		return firmware
	}
	switch tree := peek(h, "proc/device-tree/hypervisor/compatible"); {
	case strings.Contains(tree, "kvm"):
		return "kvm"
	case strings.Contains(tree, "xen"):
		return "xen"
	}
	c, err := readCPUs(h)
	if err == nil && hasWord(c.first("flags"), "hypervisor") {
		return "unknown"
	}
	return ""
}

// firmwareHypervisor looks for a hypervisor's name in the firmware table.
func firmwareHypervisor(h host.Host) string {
	d := &dmi{h: h}
	text := strings.ToLower(d.raw("sys_vendor") + " " + d.raw("product_name") + " " + d.raw("bios_vendor"))
	if strings.Contains(text, "microsoft corporation virtual machine") {
		return "hyper-v"
	}
	if d.raw("sys_vendor") == "Amazon EC2" && !strings.Contains(d.raw("product_name"), ".metal") {
		return "kvm" // Nitro; older instances are Xen and say so
	}
	for _, f := range firmwareHypervisors {
		if strings.Contains(text, f.word) {
			return f.name
		}
	}
	return ""
}

// hasWord tells whether a blank-separated list has a word.
func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

// containerMarkers are files that container managers leave inside.
var containerMarkers = []struct{ path, name string }{
	{"run/.containerenv", "podman"},
	{".dockerenv", "docker"},
	{"var/run/secrets/kubernetes.io", "kubernetes"},
	{"run/secrets/kubernetes.io", "kubernetes"},
	{"dev/lxd/sock", "lxc"},
	{"dev/incus/sock", "lxc"},
}

// container says what contains the agent's process; "" outside. It says nothing about a hypervisor: an image with a
// marker in it may well be started as a virtual machine, and then both are facts.
func container(h host.Host) string {
	for _, file := range []string{"run/systemd/container", "run/host/container-manager"} { // systemd's own note, and its container interface
		if name := peek(h, file); name != "" {
			return name
		}
	}
	for entry := range strings.SplitSeq(peek(h, "proc/1/environ"), "\x00") { // only root may read it
		if name, ok := strings.CutPrefix(entry, "container="); ok && name != "" {
			return name
		}
	}
	for _, m := range containerMarkers {
		if exists(h, m.path) {
			return m.name
		}
	}
	if exists(h, "proc/vz") && !exists(h, "proc/bc") { // its machine has both
		return "openvz"
	}
	if strings.Contains(strings.ToLower(peek(h, "proc/sys/kernel/osrelease")), "microsoft") {
		return "wsl"
	}
	return ""
}

// clouds are what providers write into the firmware table: sys_vendor, bios_vendor or chassis_asset_tag in lower case.
var clouds = []struct{ word, name string }{
	{"amazon", "aws"},
	{"google", "gcp"},
	{azureChassis, "azure"},
	{"digitalocean", "digitalocean"},
	{"hetzner", "hetzner"},
	{"oraclecloud", "oracle"},
	{"alibaba cloud", "alibaba"},
	{"scaleway", "scaleway"},
	{"vultr", "vultr"},
	{"linode", "linode"},
	{"akamai connected cloud", "linode"},
	{"openstack", "openstack"},
	{"exoscale", "exoscale"},
	{"upcloud", "upcloud"},
	{"tencent cloud", "tencent"},
	{"huawei cloud", "huawei"},
}

// cloudProvider names the cloud that firmware or hypervisor claim to be; "" elsewhere.
func cloudProvider(h host.Host) string {
	d := &dmi{h: h}
	vendor := d.raw("sys_vendor")
	text := strings.ToLower(vendor + "\n" + d.raw("bios_vendor") + "\n" + d.raw("bios_version") + "\n" + d.raw("chassis_asset_tag"))
	if strings.HasPrefix(vendor, "Google") && !strings.Contains(d.raw("product_name"), "Compute Engine") {
		return "" // a laptop of theirs
	}
	for _, c := range clouds {
		if strings.Contains(text, c.word) {
			return c.name
		}
	}
	if strings.HasPrefix(peek(h, "sys/hypervisor/uuid"), "ec2") {
		return "aws"
	}
	return ""
}
