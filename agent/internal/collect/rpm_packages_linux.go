// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/package-url/packageurl-go"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/rpmdb"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// rpmFolders are the places of the database, the newest first; distributions that moved it leave a link behind.
var rpmFolders = []string{"usr/lib/sysimage/rpm", "var/lib/rpm", "usr/share/rpm"}

func init() {
	register(Collector{
		Name: "rpm_packages", Collect: collectRpmPackages, Sources: append(slices.Clone(osReleaseFiles), rpmFiles()...),
	})
}

// rpmFiles are all files that a database may consist of.
func rpmFiles() []string {
	var files []string
	for _, folder := range rpmFolders {
		for _, name := range rpmdb.Files {
			files = append(files, folder+"/"+name)
		}
		files = append(files, folder+"/rpmdb.sqlite-wal")
	}
	return files
}

// errMoved is returned when somebody installs packages faster than the database can be read.
var errMoved = errors.New("the rpm database changed while it was read")

// collectRpmPackages lists the packages of rpm. The public keys that rpm keeps as packages are none.
//
// The database is read without its locks, which only its owner may take; so it is read again if it changed meanwhile.
//
// Source: the headers in the rpm database; rpmtag.h for their tags.
func collectRpmPackages(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	for range 3 {
		before := stamps(h, rpmFiles())
		packages, err := readRpmPackages(ctx, h)
		if errors.Is(err, ErrAbsent) || ctx.Err() != nil {
			return err
		}
		if before == nil || maps.Equal(before, stamps(h, rpmFiles())) {
			snap.RpmPackages = packages
			return err
		}
	}
	return errMoved
}

// readRpmPackages reads the first database that is there.
func readRpmPackages(ctx context.Context, h host.Host) ([]*inventoryv1.RpmPackage, error) {
	d := distroOf(h)
	for _, folder := range rpmFolders {
		var found []*inventoryv1.RpmPackage
		err := rpmdb.Read(h.FS(), folder, func(header []byte) error {
			p, err := rpmdb.Parse(header)
			if err == nil && p.Name != "gpg-pubkey" {
				found = append(found, rpmRow(p, d))
			}
			return errors.Join(err, ctx.Err())
		})
		if !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
	}
	return nil, ErrAbsent
}

// rpmRow makes a row of a header.
func rpmRow(p rpmdb.Package, d distro) *inventoryv1.RpmPackage {
	row := &inventoryv1.RpmPackage{
		Name: fact(p.Name), Version: fact(p.Version), Release: fact(p.Release), Arch: fact(p.Arch),
		Source: fact(p.SourceRPM), Vendor: fact(p.Vendor), Packager: fact(p.Packager), License: fact(p.License),
		Group: fact(p.Group), Size: integer(p.SizeBytes), Homepage: fact(p.URL), Summary: fact(p.Summary),
		ModuleLabel: fact(p.ModularityLabel), Signature: fact(p.KeyID),
	}
	var epoch string
	if p.HasEpoch {
		row.Epoch, epoch = integer(p.Epoch), strconv.FormatInt(p.Epoch, 10)
	}
	if p.BuildUnix > 0 {
		row.BuildTimeUnix = integer(p.BuildUnix)
	}
	if p.InstalledUnix > 0 {
		row.InstallTime = installTime(time.Unix(p.InstalledUnix, 0))
	}
	version := row.GetVersion()
	if p.Release != "" {
		version += "-" + row.GetRelease()
	}
	row.Purl = fact(d.purl(packageurl.TypeRPM, row.GetName(), version, row.GetArch(), "epoch", epoch))
	return row
}
