// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// installTraces are what an installation leaves behind and nothing touches later, the most telling first. The machine's
// id is written by the installer, or when an image starts for the first time on what is a new machine then; installers
// keep their logs; lost+found is as old as the root file system, which may have come with an image.
//
// Source: machine-id(5), the installation guides of Debian (/var/log/installer) and Red Hat (/var/log/anaconda), mke2fs(8).
var installTraces = []string{machineIDFile, "var/log/installer", "var/log/anaconda", "root/anaconda-ks.cfg", "lost+found"}

const machineIDFile = "etc/machine-id"

// firstTrace is the earliest time that a trace is believed: images that are built reproducibly have times of the epoch.
var firstTrace = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// installed returns when the system was installed on this machine; the zero time when there is no trace of it. A machine
// that starts without an id of its own, from a read-only image, gets another one at each start: its time says nothing.
func installed(ctx context.Context, h host.Host) time.Time {
	for _, name := range installTraces {
		if name == machineIDFile && passingID(ctx, h) {
			continue
		}
		info, err := fs.Stat(h.FS(), name)
		if err == nil && info.ModTime().After(firstTrace) && info.ModTime().Before(time.Now()) {
			return info.ModTime().UTC()
		}
	}
	return time.Time{}
}

// lastingID is the form of a machine's id that is written down.
var lastingID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// passingID tells that the machine's id is not on a disk: there is none yet, or it is in memory, as on live systems and
// in the layers of containers.
func passingID(ctx context.Context, h host.Host) bool {
	if !lastingID.MatchString(peek(h, machineIDFile)) {
		return true
	}
	mounts, err := h.Mounts(ctx)
	if err != nil {
		return true
	}
	var at host.Mount
	for _, m := range mounts {
		if below("/"+machineIDFile, []string{m.Path}) && len(m.Path) >= len(at.Path) {
			at = m
		}
	}
	return slices.Contains([]string{"tmpfs", "ramfs", "overlay"}, at.Type)
}

// initSystem names what starts everything else; "" when there is no telling.
func initSystem(h host.Host) string {
	switch {
	case exists(h, "run/systemd/system"):
		return "systemd"
	case exists(h, "run/openrc"):
		return "openrc"
	}
	switch first := peek(h, "proc/1/comm"); first {
	case "runit", "dinit":
		return first
	case "s6-svscan":
		return "s6"
	case "init":
		if target, err := fs.ReadLink(h.FS(), "sbin/init"); err == nil && path.Base(target) == "busybox" {
			return "busybox"
		}
		if exists(h, "etc/inittab") {
			return "sysvinit"
		}
	}
	return ""
}

// tpmVersion asks the kernel, whose older releases tell it in other files only.
//
// Source: Documentation/ABI/stable/sysfs-class-tpm in the Linux kernel.
func tpmVersion(h host.Host) string {
	const tpm = "sys/class/tpm/tpm0/"
	switch peek(h, tpm+"tpm_version_major") {
	case "2":
		return "2.0"
	case "1":
		return "1.2"
	}
	switch {
	case strings.HasPrefix(peek(h, tpm+"device/description"), "TPM 2.0"):
		return "2.0"
	case exists(h, tpm+"device/caps"), exists(h, tpm+"caps"): // of TPM 1.2 only
		return "1.2"
	}
	return ""
}
