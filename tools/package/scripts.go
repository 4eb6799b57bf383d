// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
)

// scripts gives a package what it runs. Each is put together from packaging/agent/scripts: functions that several
// packages need, and what is the format's own.
func (r release) scripts(format string, info *nfpm.Info) error {
	var err error
	script := func(parts ...string) string {
		path, e := r.script(parts)
		if err == nil {
			err = e
		}
		return path
	}
	switch format {
	case "deb":
		info.Depends = []string{"passwd"}
		info.Recommends = []string{"ca-certificates"}
		info.Scripts.PostInstall = script("account", "deb-postinst")
		info.Scripts.PreRemove = script("goodbye", "deb-prerm")
		info.Scripts.PostRemove = script("deb-postrm")
	case "rpm":
		info.Depends = []string{"/usr/sbin/useradd", "/usr/sbin/groupadd"}
		info.Recommends = []string{"ca-certificates"}
		info.Scripts.PostInstall = script("account", "rpm-postinstall")
		info.Scripts.PreRemove = script("goodbye", "rpm-preremove")
		info.Scripts.PostRemove = script("rpm-postremove")
	case "apk":
		info.Scripts.PostInstall = script("apk-account", "apk-postinstall")
		info.APK.Scripts.PostUpgrade = script("apk-account", "apk-postupgrade")
		info.Scripts.PreRemove = script("goodbye", "apk-preremove")
		info.Scripts.PostRemove = script("apk-postremove")
	case "archlinux":
		info.Depends = []string{"shadow"}
		info.Scripts.PostInstall = script("account", "arch-postinstall")
		info.ArchLinux.Scripts.PostUpgrade = script("account", "arch-postupgrade")
		info.Scripts.PreRemove = script("goodbye", "arch-preremove")
		info.Scripts.PostRemove = script("arch-postremove")
		info.ArchLinux.Packager = maintainer
	}
	return err
}

// script joins parts to a script and returns where it is.
func (r release) script(parts []string) (string, error) {
	text := "#!/bin/sh\nset -e\n\n"
	if strings.HasPrefix(parts[len(parts)-1], "arch-") {
		text = "" // pacman sources functions, which nfpm makes of the scripts
	}
	for _, part := range parts {
		raw, err := os.ReadFile(r.file("packaging/agent/scripts/" + part + ".sh"))
		if err != nil {
			return "", err
		}
		text += string(raw)
	}
	path := filepath.Join(r.stage, strings.Join(parts, "+"))
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		return "", err
	}
	return path, os.Chtimes(path, r.at, r.at) // apk keeps the date
}
