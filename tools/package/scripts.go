// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
)

// scripts gives a package what it runs, and what it wants installed.
func (r release) scripts(p product, format string, info *nfpm.Info) error {
	var err error
	script := func(parts []string) string {
		if len(parts) == 0 {
			return ""
		}
		path, e := r.script(p, parts)
		if err == nil {
			err = e
		}
		return path
	}
	s := p.scripts[format]
	info.Depends, info.Recommends = s.depends, s.recommends
	info.Scripts.PostInstall = script(s.install)
	info.Scripts.PreRemove = script(s.preremove)
	info.Scripts.PostRemove = script(s.remove)
	info.APK.Scripts.PostUpgrade = script(s.upgrade)
	info.ArchLinux.Scripts.PostUpgrade = script(s.upgrade)
	return err
}

// script joins parts to a script and returns where it is. A part is the product's own, or one that products share.
func (r release) script(p product, parts []string) (string, error) {
	text := "#!/bin/sh\nset -e\n\n"
	if strings.HasPrefix(parts[len(parts)-1], "arch-") {
		text = "" // pacman sources functions, which nfpm makes of the scripts
	}
	for _, part := range parts {
		raw, err := os.ReadFile(r.file("packaging/" + p.folder + "/scripts/" + part + ".sh"))
		if errors.Is(err, fs.ErrNotExist) {
			raw, err = os.ReadFile(r.file("packaging/scripts/" + part + ".sh"))
		}
		if err != nil {
			return "", err
		}
		text += string(raw)
	}
	text = strings.NewReplacer("@NAME@", p.name, "@ACCOUNT@", p.account, "@STATE@", p.state, "@ETC@", p.etc, "@TITLE@", p.title).Replace(text)
	path := filepath.Join(r.stage, p.name+"-"+strings.Join(parts, "+"))
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		return "", err
	}
	return path, os.Chtimes(path, r.at, r.at) // apk keeps the date
}
