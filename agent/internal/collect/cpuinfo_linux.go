// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// cpuinfoFile is text for people, whose field names depend on the architecture.
const cpuinfoFile = "proc/cpuinfo"

// cpus is what /proc/cpuinfo and sysfs say together.
type cpus struct {
	// logical holds the fields of each logical processor, in the kernel's order.
	logical []map[string]string
	// cores counts the physical cores of each socket; empty where the kernel does not tell.
	cores map[string]int
	// threads counts the logical processors of each socket.
	threads map[string]int
}

// readCPUs reads the processors that are online.
//
// Source: /proc/cpuinfo; /sys/devices/system/cpu/cpu*/topology where that lacks the places of the cores (ARM).
func readCPUs(h host.Host) (cpus, error) {
	raw, err := host.ReadFile(h.FS(), cpuinfoFile, 16*smallFile)
	if err != nil {
		return cpus{}, absent(err)
	}
	c := cpus{logical: parseCPUInfo(string(raw)), cores: map[string]int{}, threads: map[string]int{}}
	seen := map[string]bool{}
	for _, fields := range c.logical {
		socket, core := fields["physical id"], fields["core id"]
		if core == "" {
			socket, core = sysfsPlace(h, fields["processor"])
		}
		c.threads[socket]++
		if core != "" && !seen[socket+"/"+core] {
			seen[socket+"/"+core] = true
			c.cores[socket]++
		}
	}
	return c, nil
}

// sysfsPlace returns socket and core of a logical processor. Socket -1 is how the kernel says that it does not know.
func sysfsPlace(h host.Host, processor string) (socket, core string) {
	topology := "sys/devices/system/cpu/cpu" + processor + "/topology/"
	if !fs.ValidPath(topology + "core_id") {
		return "", ""
	}
	core = peek(h, topology+"core_id")
	if socket = peek(h, topology+"physical_package_id"); strings.HasPrefix(socket, "-") {
		socket = ""
	}
	return socket, core
}

// physical is the number of physical cores, 0 when unknown.
func (c cpus) physical() int {
	total := 0
	for _, n := range c.cores {
		total += n
	}
	return total
}

// first returns a field of the first processor that has one of the names.
func (c cpus) first(names ...string) string {
	for _, fields := range c.logical {
		for _, name := range names {
			if v := fields[name]; v != "" {
				return v
			}
		}
	}
	return ""
}

// brand is the processor's own name, without the padding that some firmware puts into it. Processors that have none
// (ARM) are named by implementer and part number.
func (c cpus) brand() string {
	if name := c.first("model name", "cpu", "cpu model"); name != "" {
		return strings.Join(strings.Fields(name), " ")
	}
	return armBrand(c.first("CPU implementer"), c.first("CPU part"))
}

// parseCPUInfo reads paragraphs of "name : value". A paragraph without a processor number, as some architectures add
// at the end, is not a processor; its fields are added to the first one where that lacks them.
func parseCPUInfo(text string) []map[string]string {
	var all []map[string]string
	extra := map[string]string{}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(paragraph) {
			name, value, ok := strings.Cut(line, ":")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			if ok && wantedCPUFields[name] {
				fields[name] = value
			}
		}
		if _, err := strconv.Atoi(fields["processor"]); err == nil {
			all = append(all, fields)
			continue
		}
		for name, value := range fields {
			extra[name] = value
		}
	}
	if len(all) > 0 {
		for name, value := range extra {
			if _, has := all[0][name]; !has {
				all[0][name] = value
			}
		}
	}
	return all
}

// wantedCPUFields keeps the long lists of flags out of memory; "flags" itself is asked for one word only.
var wantedCPUFields = map[string]bool{
	"processor": true, "vendor_id": true, "cpu family": true, "model": true, "model name": true, "stepping": true,
	"microcode": true, "physical id": true, "core id": true, "cpu": true, "cpu model": true, "flags": true,
	"CPU implementer": true, "CPU part": true, "CPU variant": true, "CPU revision": true, "Hardware": true,
}

// armImplementers and armParts name the common ARM processors.
//
// Source: Documentation/arch/arm64/cpu-feature-registers and arch/arm64/include/asm/cputype.h in the Linux kernel.
var (
	armImplementers = map[string]string{
		"0x41": "ARM", "0x42": "Broadcom", "0x43": "Cavium", "0x46": "Fujitsu", "0x48": "HiSilicon", "0x4e": "NVIDIA",
		"0x50": "APM", "0x51": "Qualcomm", "0x61": "Apple", "0x6d": "Microsoft", "0xc0": "Ampere",
	}
	armParts = map[string]string{
		"0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
		"0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1", "0xd0d": "Cortex-A77",
		"0xd40": "Neoverse-V1", "0xd41": "Cortex-A78", "0xd49": "Neoverse-N2", "0xd4f": "Neoverse-V2",
	}
)

// armBrand names an ARM processor; unknown numbers are given as they are.
func armBrand(implementer, part string) string {
	if implementer == "" {
		return ""
	}
	name := armImplementers[implementer]
	if name == "" {
		name = "ARM implementer " + implementer
	}
	if known := armParts[part]; implementer == "0x41" && known != "" {
		return name + " " + known
	}
	if part == "" {
		return name
	}
	return name + " part " + part
}
