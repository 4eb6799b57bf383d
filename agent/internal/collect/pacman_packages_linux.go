// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// pacmanLocal has one folder per installed package.
const pacmanLocal = "var/lib/pacman/local"

func init() { register(Collector{Name: "pacman_packages", CollectFiles: collectPacman}) }

// collectPacman lists the packages of pacman.
//
// Source: the local database of libalpm, lib/libalpm/be_local.c.
func collectPacman(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	f := newFinder(h)
	d := distroOf(h)
	for _, e := range f.list(pacmanLocal) {
		if !e.IsDir() {
			continue
		}
		name := pacmanLocal + "/" + e.Name() + "/desc"
		row := rememberFile(f, files, name, func() *inventoryv1.PacmanPackage {
			return parsePacmanDesc(string(f.read(name, smallFile)), d)
		})
		if row != nil {
			snap.PacmanPackages = append(snap.PacmanPackages, row)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return f.result(len(snap.PacmanPackages))
}

// parsePacmanDesc reads fields like "%NAME%" with their values in the lines below, up to an empty one. It returns nil for
// what has no name or version.
func parsePacmanDesc(text string, d distro) *inventoryv1.PacmanPackage {
	fields := map[string][]string{}
	var field string
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		switch line = strings.TrimSpace(line); {
		case line == "":
			field = ""
		case field == "" && len(line) > 2 && line[0] == '%' && line[len(line)-1] == '%':
			field = line[1 : len(line)-1]
		case field != "":
			fields[field] = append(fields[field], line)
		}
	}
	first := func(name string) string {
		if len(fields[name]) == 0 {
			return ""
		}
		return fields[name][0]
	}
	if first("NAME") == "" || first("VERSION") == "" {
		return nil
	}
	row := &inventoryv1.PacmanPackage{
		Name: fact(first("NAME")), Version: fact(first("VERSION")), Arch: fact(first("ARCH")),
		Source: fact(firstOf(first("BASE"), first("NAME"))), Packager: fact(first("PACKAGER")),
		License: fact(strings.Join(fields["LICENSE"], ", ")), Size: number(first("SIZE")),
		Homepage: fact(first("URL")), Summary: fact(first("DESC")), BuildTimeUnix: number(first("BUILDDATE")),
	}
	switch first("REASON") {
	case "", "0": // written only where it is another
		row.InstallReason = proto.String("explicit")
	case "1":
		row.InstallReason = proto.String("dependency")
	}
	if at, err := strconv.ParseInt(first("INSTALLDATE"), 10, 64); err == nil && at > 0 && at < maxInteger {
		row.InstallTime = installTime(time.Unix(at, 0))
	}
	row.Purl = fact(d.purl(packageurl.TypeAlpm, row.GetName(), row.GetVersion(), row.GetArch()))
	return row
}
