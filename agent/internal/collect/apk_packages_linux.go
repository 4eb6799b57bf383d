// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// apkDatabases are the places of the database of installed packages; the second is that of systems with a merged /usr.
var apkDatabases = []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}

func init() {
	register(Collector{
		Name: "apk_packages", Collect: collectApkPackages,
		Sources: slices.Concat(osReleaseFiles, apkDatabases),
	})
}

// collectApkPackages lists the packages of apk-tools. The database keeps no time of installation.
//
// Source: the Alpine wiki's description of the installed database, one letter per field.
func collectApkPackages(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	for _, name := range apkDatabases {
		raw, err := host.ReadFile(h.FS(), name, largeFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		rows, err := parseApkInstalled(string(raw), distroOf(h))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		snap.ApkPackages = rows
		return nil
	}
	return ErrAbsent
}

// parseApkInstalled reads paragraphs of lines like "P:musl". A paragraph without a name is skipped, a line of any other
// form is an error: a database that cannot be read must not look like a machine without packages.
func parseApkInstalled(text string, d distro) ([]*inventoryv1.ApkPackage, error) {
	var found []*inventoryv1.ApkPackage
	row := &inventoryv1.ApkPackage{}
	flush := func() {
		if row.Name != nil {
			row.Purl = fact(d.purl(packageurl.TypeApk, row.GetName(), row.GetVersion(), row.GetArch()))
			found = append(found, row)
		}
		row = &inventoryv1.ApkPackage{}
	}
	for n := 1; len(text) > 0; n++ {
		var line string
		line, text = cutLine(text)
		if line == "" {
			flush()
			continue
		}
		if len(line) < 2 || line[1] != ':' {
			return nil, fmt.Errorf("line %d is not a field of a package", n)
		}
		setApkField(row, line[0], strings.TrimSpace(line[2:]))
	}
	flush()
	return found, nil
}

// setApkField writes one field. Letters of files and folders (F, R, a, Z, M) and of dependencies do not matter.
func setApkField(row *inventoryv1.ApkPackage, letter byte, value string) {
	switch letter {
	case 'P':
		row.Name = fact(value)
	case 'V':
		row.Version = fact(value)
	case 'A':
		row.Arch = fact(value)
	case 'o':
		row.Source = fact(value)
	case 'm':
		row.Maintainer = fact(value)
	case 'L':
		row.License = fact(value)
	case 'I':
		row.Size = number(value)
	case 'U':
		row.Homepage = fact(value)
	case 'T':
		row.Summary = fact(value)
	case 'c':
		row.Commit = fact(value)
	case 't':
		row.BuildTimeUnix = number(value)
	}
}
