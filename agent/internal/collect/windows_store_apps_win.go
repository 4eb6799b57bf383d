// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "windows_store_apps", On: []string{"windows"}, CollectFiles: collectStoreApps})
}

// Where packages for all users and those of one person are registered.
const (
	keyAllUserStore = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore`
	keyUserPackages = `\Software\Classes\Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages`
)

// packageName is the full name of a package, taken apart.
type packageName struct{ full, name, version, arch, resource, publisherID string }

// parsePackageName takes a full name apart: name, version, architecture, resource and publisher, joined by underscores,
// which none of them holds.
//
// Source: "Package identity" in the documentation of MSIX.
func parsePackageName(full string) (packageName, bool) {
	f := strings.Split(full, "_")
	if len(f) != 5 || f[0] == "" || f[1] == "" || f[4] == "" {
		return packageName{}, false
	}
	return packageName{full: full, name: f[0], version: f[1], arch: f[2], resource: f[3], publisherID: f[4]}, true
}

// family is the package family name.
func (p packageName) family() string { return p.name + "_" + p.publisherID }

// bundle tells whether it is the bundle that packages for several architectures came in.
func (p packageName) bundle() bool { return p.resource == "~" }

// resources tells whether it holds texts or pictures of another package only.
func (p packageName) resources() bool {
	return p.resource != "" && p.resource != "~" && p.resource != "neutral"
}

// collectStoreApps lists MSIX and Appx packages of the machine and of the people who logged in since the agent
// runs, frameworks included;
// packages of resources, and bundles of which a package is listed, are left out. Without the right to see
// C:\Program Files\WindowsApps a package has what its name tells.
//
// Source: AppxAllUserStore and the AppModel repository in the registry; AppxManifest.xml.
func collectStoreApps(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	packages, closed, err := storePackages(r, files)
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		if closed {
			return fmt.Errorf("packages: %w", fs.ErrPermission)
		}
		return ErrAbsent
	}
	families := map[string]bool{}
	for _, p := range packages {
		families[p.family()] = families[p.family()] || !p.bundle()
	}
	var refused gap
	var broken []error
	for _, p := range packages {
		if p.resources() || p.bundle() && families[p.family()] {
			continue
		}
		row := &inventoryv1.WindowsStoreApp{
			Name: fact(p.name), Version: fact(p.version), Arch: fact(p.arch), PackageFullName: fact(p.full),
			PackageFamilyName: fact(p.family()), InstallLocation: fact(p.location),
			Purl: purlOf("generic", "", p.name, p.version, "arch", p.arch),
		}
		m, err := manifestOf(h, r, files, p.location)
		if err := refused.allow(p.location, err); err != nil {
			broken = append(broken, err)
		}
		m.describe(row)
		snap.WindowsStoreApps = append(snap.WindowsStoreApps, row)
	}
	return refused.with(broken)
}

// storePackage is a package and its folder.
type storePackage struct {
	packageName
	location string
}

// storePackages lists all registered packages by full name, in order, and tells whether a list of them is closed.
func storePackages(r winRegistry, files *memo) (all []storePackage, closed bool, err error) {
	found := map[string]storePackage{}
	add := func(full, location string) {
		name, ok := parsePackageName(full)
		if known := found[full]; ok && len(found) < maxPrograms && known.location == "" {
			found[full] = storePackage{name, location}
		}
	}
	var refused gap // a person's packages that are closed are that person's alone
	for _, list := range []string{`\Applications`, `\InboxApplications`} {
		err := r.each(keyAllUserStore+list, &refused, func(full string, v regValues) error {
			manifest := v.text("Path")
			at := max(strings.LastIndexByte(manifest, '\\'), 0)
			add(full, manifest[:at])
			return nil
		})
		if err != nil {
			return nil, false, err
		}
	}
	people, err := ofPeople(r, files, func(hive string) (map[string]string, error) {
		locations := map[string]string{} // by full name
		err := r.each(hive+keyUserPackages, &refused, func(full string, v regValues) error {
			locations[full] = v.text("PackageRootFolder")
			return nil
		})
		return locations, err
	})
	if err != nil {
		return nil, false, err
	}
	for _, locations := range people {
		for _, full := range slices.Sorted(maps.Keys(locations)) {
			add(full, locations[full])
		}
	}
	for _, full := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[full])
	}
	return all, len(refused.paths) > 0, nil
}

// appManifest is what is read of AppxManifest.xml.
type appManifest struct {
	Identity struct {
		Publisher string `xml:"Publisher,attr"`
	} `xml:"Identity"`
	Properties struct {
		DisplayName          string `xml:"DisplayName"`
		PublisherDisplayName string `xml:"PublisherDisplayName"`
		Framework            string `xml:"Framework"`
	} `xml:"Properties"`
}

// describe writes what the manifest tells. A text that only names one of the package's resources is left out.
func (m *appManifest) describe(row *inventoryv1.WindowsStoreApp) {
	if m == nil {
		return
	}
	plain := func(s string) *string {
		if s = strings.TrimSpace(s); strings.HasPrefix(s, "ms-resource:") {
			return nil
		}
		return fact(s)
	}
	row.Publisher = fact(m.Identity.Publisher)
	row.DisplayName, row.PublisherDisplayName = plain(m.Properties.DisplayName), plain(m.Properties.PublisherDisplayName)
	row.Framework = proto.Bool(strings.TrimSpace(m.Properties.Framework) == "true")
}

// manifestOf reads the manifest in a package's folder; nil where there is none.
func manifestOf(h host.Host, r winRegistry, files *memo, location string) (*appManifest, error) {
	folder, ok := treePath(r, location)
	if !ok {
		return nil, nil
	}
	name := path.Join(folder, "AppxManifest.xml")
	m, err := remember(files, h, name, func() (*appManifest, error) {
		raw, err := host.ReadFile(h.FS(), name, smallFile)
		if err != nil {
			return nil, err
		}
		return parseAppManifest(raw)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return m, err
}

// parseAppManifest reads a manifest. One that is not well formed tells nothing: Windows would not run the package.
//
// Source: "App package manifest schema reference" in Microsoft's documentation.
func parseAppManifest(raw []byte) (*appManifest, error) {
	m := &appManifest{}
	if err := xml.Unmarshal(bytes.TrimPrefix(raw, []byte("\ufeff")), m); err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	return m, nil
}

// treePath is a path of Windows as a name in the machine's tree; false for one on another drive than the system's.
func treePath(r winRegistry, name string) (string, bool) {
	system := r.peek(keyCurrentVersion).text("SystemRoot")
	for _, variable := range []string{"%systemroot%", "%windir%"} {
		if len(name) >= len(variable) && strings.EqualFold(name[:len(variable)], variable) {
			name = system + name[len(variable):]
		}
	}
	if len(system) < 2 || len(name) < 3 || !strings.EqualFold(name[:2], system[:2]) || name[1] != ':' || name[2] != '\\' {
		return "", false
	}
	name = strings.Trim(strings.ReplaceAll(name[3:], `\`, "/"), "/")
	return name, fs.ValidPath(name) && !slices.Contains(strings.Split(name, "/"), "..")
}
