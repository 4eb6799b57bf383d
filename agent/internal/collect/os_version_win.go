// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"strconv"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "os_version", On: []string{"windows"}, Essential: true, Collect: collectWindowsVersion})
}

// collectWindowsVersion names the system. Builds before 10000 have their numbers in CurrentVersion.
//
// Source: HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion.
func collectWindowsVersion(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	v, err := r.values(keyCurrentVersion)
	if err != nil {
		return err
	}
	build := v.text("CurrentBuildNumber")
	if build == "" {
		build = v.text("CurrentBuild")
	}
	if build == "" {
		return errors.New("CurrentVersion in the registry has no build")
	}
	if ubr, ok := v.number("UBR"); ok {
		build += "." + strconv.FormatUint(ubr, 10)
	}
	major, minor, _ := strings.Cut(v.text("CurrentVersion"), ".")
	raw := &inventoryv1.OSVersion{Major: number(major), Minor: number(minor), Build: fact(build)}
	named := normal.WindowsVersion(raw)
	if named.Major == nil {
		return errors.New("CurrentVersion in the registry has no version")
	}
	named.Edition = fact(v.text("EditionID"))
	nameServer(named, v)
	if named.Version == nil && named.GetMajor() >= 10 { // a build that is newer than the list of releases
		if release := v.text("DisplayVersion"); release != "" {
			named.Version = fact(release)
		}
	}
	snap.OsVersion = named
	return nil
}

// nameServer names editions for servers as they are sold: Windows Server 2022, without the edition. Their builds are
// those of Windows 10 and 11, so that the build alone names them wrong.
//
// Source: InstallationType is Client, Server, Server Core or Nano Server.
func nameServer(named *inventoryv1.OSVersion, v regValues) {
	product := v.text("ProductName")
	if !strings.Contains(v.text("InstallationType"), "Server") || !strings.HasPrefix(product, "Windows Server") {
		return
	}
	words := strings.Fields(product)
	name := words[:2]
	for _, word := range words[2:] {
		if _, err := strconv.Atoi(word); err != nil && word != "R2" {
			break
		}
		name = append(name, word)
	}
	named.Name = fact(strings.Join(name, " "))
}
