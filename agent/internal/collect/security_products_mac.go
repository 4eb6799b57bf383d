// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// appleProtection are the parts of macOS that protect it, by the bundle that tells their version.
var appleProtection = []struct{ name, bundle string }{
	{"XProtect", "Library/Apple/System/Library/CoreServices/XProtect.bundle"},
	{"XProtect Remediator", "Library/Apple/System/Library/CoreServices/XProtect.app"},
	{"Malware Removal Tool", "Library/Apple/System/Library/CoreServices/MRT.app"},
}

// The files that say what is switched on.
const (
	gatekeeperData     = "var/db/gkopaque.bundle/Contents/Info.plist"
	gatekeeperSettings = "var/db/SystemPolicy-prefs.plist"
	firewallSettings   = "Library/Preferences/com.apple.alf.plist"
	extensionList      = "Library/SystemExtensions/db.plist"
)

func init() {
	if !onMac {
		return
	}
	register(Collector{
		Name: "security_products", On: []string{"darwin"}, Essential: true, Collect: collectMacSecurity,
		Sources: append(protectionLists(), gatekeeperData, gatekeeperSettings, firewallSettings, extensionList),
	})
}

// protectionLists returns the property lists of Apple's own protection.
func protectionLists() []string {
	var lists []string
	for _, p := range appleProtection {
		lists = append(lists, p.bundle+"/Contents/Info.plist")
	}
	return lists
}

// endpointSecurity is the category of the extensions that the system tells what programs do. Those that handle the network
// may be a firewall or a tunnel, and are left out.
const endpointSecurity = "com.apple.system_extension.endpoint_security"

// collectMacSecurity lists what macOS brings itself, and the system extensions of others that watch programs. The vendor
// of an extension is its team at Apple.
//
// Source: spctl(8), socketfilterfw, systemextensionsctl(8).
func collectMacSecurity(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	for _, p := range appleProtection {
		info := peekDict(h, p.bundle+"/Contents/Info.plist")
		if version := info.Text("CFBundleShortVersionString"); version != "" {
			snap.SecurityProducts = append(snap.SecurityProducts, appleProduct(p.name, "antivirus", version))
		}
	}
	policy, data := peekDict(h, gatekeeperSettings), peekDict(h, gatekeeperData)
	if policy != nil || data != nil {
		g := appleProduct("Gatekeeper", "mandatory_access_control", data.Text("CFBundleShortVersionString"))
		if on := policy.Bool("enabled"); on != nil {
			g.State = onOff(*on)
		}
		snap.SecurityProducts = append(snap.SecurityProducts, g)
	}
	if state := peekDict(h, firewallSettings).Int("globalstate"); state != nil {
		f := appleProduct("Application Firewall", "firewall", "")
		f.State = onOff(*state > 0)
		if *state == 2 {
			f.Mode = proto.String("block all")
		}
		snap.SecurityProducts = append(snap.SecurityProducts, f)
	}
	return addExtensions(h, snap)
}

// appleProduct is a part of macOS.
func appleProduct(name, kind, version string) *inventoryv1.SecurityProduct {
	return &inventoryv1.SecurityProduct{Name: fact(name), Type: fact(kind), Vendor: proto.String("Apple"), Version: fact(version)}
}

// addExtensions lists the system extensions. Those that wait to be removed with the next start are left out.
func addExtensions(h host.Host, snap *inventoryv1.Snapshot) error {
	list, err := readDict(h, extensionList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var refused gap
	if err := refused.allow(extensionList, err); err != nil {
		return partly(err)
	}
	for _, e := range list.Dicts("extensions") {
		state := e.Text("state")
		if !slices.Contains(e.Strings("categories"), endpointSecurity) || strings.HasPrefix(state, "terminated") {
			continue
		}
		version := e.Dict("bundleVersion")
		snap.SecurityProducts = append(snap.SecurityProducts, &inventoryv1.SecurityProduct{
			Name: fact(e.Text("identifier")), Type: proto.String("edr"), Vendor: fact(e.Text("teamID")),
			Version: fact(cmp.Or(version.Text("CFBundleShortVersionString"), version.Text("CFBundleVersion"))),
			State:   onOff(state == "activated_enabled"),
		})
	}
	return refused.err()
}
