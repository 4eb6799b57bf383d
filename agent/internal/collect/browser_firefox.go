// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/json"
	"net/url"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// firefox lists the add-ons of all profiles in a folder: those that somebody installed, not what is part of the browser.
//
// Source: toolkit/mozapps/extensions/internal/XPIDatabase.sys.mjs of Firefox, which writes extensions.json.
func (x *extensions) firefox(program, folder string) {
	for _, name := range x.find(folder + "/*/extensions.json") {
		rows := rememberFile(x.finder, x.files, name, func() []*inventoryv1.BrowserExtension {
			return parseFirefoxAddons(x.read(name, largeFile), program)
		})
		for _, row := range rows {
			x.merge.add(row)
		}
	}
}

// firefoxAddon are the fields of an add-on that matter.
type firefoxAddon struct {
	ID       string          `json:"id"`
	Version  string          `json:"version"`
	Type     string          `json:"type"`
	Location string          `json:"location"`
	Active   *bool           `json:"active"`
	Manifest json.RawMessage `json:"manifestVersion"`
	Update   json.RawMessage `json:"updateURL"`
	Source   json.RawMessage `json:"sourceURI"`
	Install  float64         `json:"installDate"`
	Locale   struct {
		Name        json.RawMessage `json:"name"`
		Description json.RawMessage `json:"description"`
		Creator     json.RawMessage `json:"creator"`
		Homepage    json.RawMessage `json:"homepageURL"`
	} `json:"defaultLocale"`
	Granted struct {
		Permissions []json.RawMessage `json:"permissions"`
		Origins     []json.RawMessage `json:"origins"`
	} `json:"userPermissions"`
}

// parseFirefoxAddons makes rows of an extensions.json. An add-on of another form costs itself alone.
func parseFirefoxAddons(raw []byte, program string) []*inventoryv1.BrowserExtension {
	var file struct {
		Addons []json.RawMessage `json:"addons"`
	}
	if json.Unmarshal(raw, &file) != nil {
		return nil
	}
	var rows []*inventoryv1.BrowserExtension
	for _, raw := range file.Addons {
		var a firefoxAddon
		if json.Unmarshal(raw, &a) != nil || a.ID == "" || partOfFirefox(a.Location) {
			continue
		}
		row := &inventoryv1.BrowserExtension{
			Browser: fact(program), Identifier: fact(a.ID), Version: fact(a.Version), Enabled: a.Active,
			Name: fact(jsonText(a.Locale.Name)), Description: fact(jsonText(a.Locale.Description)),
			Author: fact(jsonText(a.Locale.Creator)), Homepage: fact(jsonText(a.Locale.Homepage)),
			UpdateUrl: fact(maskAddress(jsonText(a.Update))), ManifestVersion: number(string(a.Manifest)),
			Permissions: sortedTexts(jsonTexts(a.Granted.Permissions), jsonTexts(a.Granted.Origins)),
			InstallTime: installTime(epoch(a.Install)),
		}
		if source, err := url.Parse(jsonText(a.Source)); err == nil && source.Host != "" {
			row.FromStore = proto.Bool(source.Hostname() == "addons.mozilla.org")
		}
		rows = append(rows, row)
	}
	return rows
}

// partOfFirefox tells whether add-ons in a location come with the browser.
func partOfFirefox(location string) bool {
	return strings.HasPrefix(location, "app-builtin") || strings.HasPrefix(location, "app-system")
}
