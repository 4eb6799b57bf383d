// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/macho"
	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "osx_app_instances", On: []string{"darwin"}, Essential: true, CollectFiles: collectOSXApps})
}

// collectOSXApps lists the applications in the folders where they are installed, and in those where people leave what
// they download. What the system knows by its Launch Services or Spotlight from elsewhere is not found.
//
// Two files are read of each, and only when they changed: the property list, and the signature in the program. Hashes of
// the whole program would mean to read gigabytes and are left out; the system's own cd_hash stands for the program.
//
// Source: Apple's Bundle Programming Guide, "Information Property List Key Reference".
func collectOSXApps(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	var refused gap
	bundles, err := appBundles(h, &refused)
	if err != nil {
		return err
	}
	var broken []error
	for _, bundle := range bundles {
		if err := ctx.Err(); err != nil {
			return err
		}
		app, err := appOf(h, files, bundle)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a folder that is called like an application
		}
		if app != nil {
			snap.OsxAppInstances = append(snap.OsxAppInstances, app)
		}
		if refused.allow(bundle, err) != nil {
			broken = append(broken, fmt.Errorf("%s: %w", bundle, err))
		}
	}
	return partly(append(broken, refused.err())...)
}

// appOf describes one bundle. An application whose signature cannot be read comes back with the error.
func appOf(h host.Host, files *memo, bundle string) (*inventoryv1.OSXAppInstance, error) {
	list := infoList(h, bundle)
	row, err := remember(files, h, list, func() (*inventoryv1.OSXAppInstance, error) {
		info, err := readDict(h, list)
		if err != nil {
			return nil, err
		}
		return infoRow(info, bundle, list), nil
	})
	if err != nil {
		return nil, err
	}
	if row.ExecutablePath == nil {
		return row, nil
	}
	program := strings.TrimPrefix(row.GetExecutablePath(), "/")
	sig, err := remember(files, h, program, func() (*inventoryv1.OSXAppInstance, error) { return signatureRow(h, program) })
	whole := proto.CloneOf(row)
	if err != nil {
		return whole, err
	}
	if sig != nil {
		proto.Merge(whole, sig)
	}
	return whole, nil
}

// infoList is where the property list of a bundle is. Applications of iOS keep it flat, inside a wrapper.
func infoList(h host.Host, bundle string) string {
	list := path.Join(bundle, "Contents/Info.plist")
	if exists(h, list) {
		return list
	}
	if target, err := fs.ReadLink(h.FS(), path.Join(bundle, "WrappedBundle")); err == nil {
		if inner := path.Join(bundle, target); strings.HasPrefix(inner, bundle+"/") {
			return path.Join(inner, "Info.plist")
		}
	}
	entries, err := fs.ReadDir(h.FS(), path.Join(bundle, "Wrapper"))
	if err != nil {
		return list
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".app") {
			return path.Join(bundle, "Wrapper", e.Name(), "Info.plist")
		}
	}
	return list
}

// infoRow makes a row of a bundle's property list.
func infoRow(info plist.Dict, bundle, list string) *inventoryv1.OSXAppInstance {
	app := &inventoryv1.OSXApp{
		BundleId: fact(info.Text("CFBundleIdentifier")), BundleName: fact(info.Text("CFBundleName")),
		BundleDisplayName: fact(info.Text("CFBundleDisplayName")), BundleVersion: fact(info.Text("CFBundleVersion")),
		BundleVersionStr: fact(info.Text("CFBundleShortVersionString")),
	}
	row := &inventoryv1.OSXAppInstance{App: app, BundlePath: fact("/" + bundle)}
	if id := app.GetBundleId(); id != "" {
		row.Purl = purlOf(packageurl.TypeGeneric, "", id, cmp.Or(app.GetBundleVersionStr(), app.GetBundleVersion()))
	}
	if program := info.Text("CFBundleExecutable"); program != "" && path.Base(program) == program && program != ".." {
		folder := path.Dir(list)
		if path.Base(folder) == "Contents" {
			folder += "/MacOS"
		}
		row.ExecutablePath = fact("/" + path.Join(folder, program))
	}
	return row
}

// signatureRow reads what a program says about its signer; nil for one without signature, and for one that is missing or
// no program, such as a script.
func signatureRow(h host.Host, program string) (*inventoryv1.OSXAppInstance, error) {
	info, err := fs.Stat(h.FS(), program)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := h.FS().Open(program)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, ok := file.(io.ReaderAt)
	if !ok {
		return nil, errors.New("file system without access at an offset")
	}
	sig, err := macho.Read(reader, info.Size())
	if errors.Is(err, macho.ErrFormat) || errors.Is(err, macho.ErrUnsigned) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &inventoryv1.OSXAppInstance{
		TeamId: fact(sig.TeamID), CdHash: fact(sig.CDHash), SignedBy: signerOf(sig.Certificates),
		Entitlements: entitlementsOf(sig.Entitlements),
		SigningTime:  datetime(sig.SigningTime), SecureSigningTime: datetime(sig.SecureSigningTime),
	}, nil
}
