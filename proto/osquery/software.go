// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// app reads one application bundle of a Mac.
func (b *builder) app(r row) {
	app := &inventoryv1.OSXApp{
		BundleId: r.text("bundle_id"), BundleName: r.text("bundle_name"), BundleDisplayName: r.text("display_name"),
		BundleVersion: r.text("bundle_version"), BundleVersionStr: r.text("bundle_version_str"),
	}
	path := r.text("bundle_path")
	if path == nil || proto.Size(app) == 0 {
		return
	}
	b.snap.OsxAppInstances = append(b.snap.OsxAppInstances, &inventoryv1.OSXAppInstance{App: app, BundlePath: path})
}

// program reads one entry of what Windows can uninstall. One that says nothing about its installation is none.
func (b *builder) program(r row) {
	program := &inventoryv1.Program{
		Name: r.text("name"), Version: r.text("version"), Language: r.text("language"), Publisher: r.text("publisher"),
		IdentifyingNumber: r.text("identifying_number"), UpgradeCode: r.text("upgrade_code"),
	}
	p := &inventoryv1.ProgramInstance{
		InstallLocation: r.text("install_location"), InstallSource: r.text("install_source"),
		UninstallString: r.text("uninstall_string"), InstallDate: r.day("install_date"),
	}
	if proto.Size(program) == 0 || proto.Size(p) == 0 {
		return
	}
	p.Program = program
	b.snap.ProgramInstances = append(b.snap.ProgramInstances, p)
}

// day returns a date that is spelled YYYYMMDD; installers write all sorts of things there.
func (r row) day(column string) *string {
	if len(r.plain(column)) != len("20060102") {
		return nil
	}
	return r.datetime(column)
}

// debPackage reads one package of dpkg. What only left its configuration behind is not installed.
func (b *builder) debPackage(r row) {
	d := &inventoryv1.DebPackage{
		Name: r.text("name"), Version: r.text("version"), Arch: r.text("arch"), Revision: r.text("revision"),
		Status: r.text("status"), Maintainer: r.text("maintainer"), Section: r.text("section"), Priority: r.text("priority"),
		Size: r.atLeast("size", 0),
	}
	if d.Name == nil || !installed(d.GetStatus()) {
		return
	}
	d.Source, d.SourceVersion = d.Name, d.Version
	if source := r.plain("source"); source != "" { // bash, or bash (5.2-1) where the versions differ
		name, version, _ := strings.Cut(source, " ")
		d.Source = &name
		if version = strings.Trim(version, " ()"); version != "" {
			d.SourceVersion = &version
		}
	}
	b.snap.DebPackages = append(b.snap.DebPackages, d)
}

// installed reads the last word of dpkg's status.
//
// Source: dpkg-query(1).
func installed(status string) bool {
	if status == "" {
		return true // a source that tells none lists what is installed
	}
	switch status[strings.LastIndexByte(status, ' ')+1:] {
	case "installed", "triggers-awaited", "triggers-pending":
		return true
	}
	return false
}

// rpmPackage reads one package of rpm.
func (b *builder) rpmPackage(r row) {
	p := &inventoryv1.RpmPackage{
		Name: r.text("name"), Version: r.text("version"), Release: r.text("release"), Epoch: r.atLeast("epoch", 0),
		Arch: r.text("arch"), Source: r.text("source"), Vendor: r.text("vendor"), Group: r.text("package_group"),
		Size: r.atLeast("size", 0), InstallTime: r.installTime("install_time"),
	}
	if p.Name != nil && p.GetName() != "gpg-pubkey" { // keys, which rpm keeps among the packages
		b.snap.RpmPackages = append(b.snap.RpmPackages, p)
	}
}

// brewPackage reads one formula or cask of Homebrew.
func (b *builder) brewPackage(r row) {
	p := &inventoryv1.BrewPackage{
		Name: r.text("name"), Version: r.text("version"), Type: r.text("type"), Prefix: r.text("prefix"),
		AppName: r.text("app_name"), AutoUpdates: r.truth("auto_updates"),
	}
	if p.Name != nil {
		b.snap.BrewPackages = append(b.snap.BrewPackages, p)
	}
}

// pythonPackage reads one distribution of Python.
func (b *builder) pythonPackage(r row) {
	p := &inventoryv1.PythonPackage{
		Name: r.text("name"), Version: r.text("version"), Summary: r.text("summary"), Author: r.text("author"),
		License: r.text("license"), Path: r.text("path"),
	}
	if p.Name != nil {
		b.snap.PythonPackages = append(b.snap.PythonPackages, p)
	}
}

// npmPackage reads one package of Node.
func (b *builder) npmPackage(r row) {
	p := &inventoryv1.NpmPackage{
		Name: r.text("name"), Version: r.text("version"), Summary: r.text("description"), Author: r.text("author"),
		License: r.text("license"), Homepage: r.text("homepage"), Path: r.text("path"),
	}
	if p.Name != nil {
		b.snap.NpmPackages = append(b.snap.NpmPackages, p)
	}
}

// chromeExtension reads one extension of a browser of Chrome's family. Whose it is stays out.
func (b *builder) chromeExtension(r row) {
	browser := r.plain("browser_type")
	if browser == "" {
		browser = "chrome" // before osquery 4.6 the table knew no other
	}
	e := &inventoryv1.BrowserExtension{
		Browser: &browser, Identifier: r.text("identifier"), Name: r.text("name"), Version: r.text("version"),
		Description: r.text("description"), Author: r.text("author"), UpdateUrl: r.text("update_url"),
		FromStore: r.truth("from_webstore"), Enabled: r.truth("state"), InstallTime: r.installTime("install_timestamp"),
	}
	for permission := range strings.SplitSeq(r.plain("permissions"), ",") {
		if permission = strings.TrimSpace(permission); permission != "" {
			e.Permissions = append(e.Permissions, permission)
		}
	}
	slices.Sort(e.Permissions)
	e.Permissions = slices.Compact(e.Permissions)
	b.extension(e)
}

// firefoxAddon reads one extension of Firefox; themes, dictionaries and languages are none.
func (b *builder) firefoxAddon(r row) {
	if kind := r.plain("type"); kind != "" && kind != "extension" {
		return
	}
	e := &inventoryv1.BrowserExtension{
		Browser: proto.String("firefox"), Identifier: r.text("identifier"), Name: r.text("name"), Version: r.text("version"),
		Description: r.text("description"), Author: r.text("creator"), Enabled: r.truth("active"),
	}
	if disabled := r.truth("disabled"); disabled != nil && *disabled {
		e.Enabled = proto.Bool(false)
	}
	b.extension(e)
}

func (b *builder) extension(e *inventoryv1.BrowserExtension) {
	if e.Identifier != nil {
		b.snap.BrowserExtensions = append(b.snap.BrowserExtensions, e)
	}
}
