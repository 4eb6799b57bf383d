// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"path"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// receiptFolders are where the installer leaves one property list per package.
var receiptFolders = []string{"var/db/receipts", "Library/Apple/System/Library/Receipts"}

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "receipts", On: []string{"darwin"}, Essential: true, CollectFiles: collectReceipts})
}

// collectReceipts lists the packages that were installed, as pkgutil(1) does.
//
// Source: pkgutil(1).
func collectReceipts(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	var refused gap
	var names []string
	for _, folder := range receiptFolders {
		found, err := plistsIn(h, folder, &refused)
		if err != nil {
			return err
		}
		names = append(names, found...)
	}
	rows, broken := eachDict(h, files, names, &refused, receiptOf)
	for _, r := range rows {
		if r != nil {
			snap.Receipts = append(snap.Receipts, r)
		}
	}
	return partly(append(broken, refused.err())...)
}

// receiptOf makes a row of a receipt; nil for one that names no package.
func receiptOf(name string, d plist.Dict) *inventoryv1.Receipt {
	id := d.Text("PackageIdentifier")
	if id == "" {
		return nil
	}
	return &inventoryv1.Receipt{
		PackageId: fact(id), Version: fact(d.Text("PackageVersion")), PackageFilename: fact(d.Text("PackageFileName")),
		InstallerName: fact(d.Text("InstallProcessName")), Location: fact(path.Join("/", d.Text("InstallPrefixPath"))),
		Path: fact("/" + name), InstallTime: installTime(d.Time("InstallDate")),
	}
}

// historyOf returns the history of what was installed; nothing for one that cannot be read.
func historyOf(h host.Host) []plist.Dict {
	raw, err := host.ReadFile(h.FS(), macInstallHistory, plistLimit)
	if err != nil {
		return nil
	}
	value, err := plist.Decode(raw)
	if err != nil {
		return nil
	}
	return plist.Dicts(value)
}
