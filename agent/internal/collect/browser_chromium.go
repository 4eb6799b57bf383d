// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// Limits of what a browser may have: profiles, and the bytes of the settings of one.
const (
	maxProfiles     = 200
	preferencesFile = 32 << 20
)

// chromium lists the extensions of all profiles in a folder of user data: each has a folder of its identifier with one
// folder for each version, of which the profile's settings name the one in use.
//
// Source: Chromium's documentation of the user data folder and of manifest.json, and its extensions/browser/extension_prefs.cc.
func (x *extensions) chromium(program, folder string) {
	profiles := x.find(folder+"/Extensions", folder+"/*/Extensions")
	for _, extensions := range profiles[:min(len(profiles), maxProfiles)] {
		settings := x.chromiumSettings(path.Dir(extensions))
		for _, e := range x.list(extensions) {
			if !e.IsDir() || !isExtensionID(e.Name()) {
				continue
			}
			manifest := x.manifestInUse(extensions+"/"+e.Name(), settings[e.Name()].Path)
			if manifest == "" {
				continue
			}
			row := rememberFile(x.finder, x.files, manifest, func() *inventoryv1.BrowserExtension {
				return x.chromiumRow(program, e.Name(), manifest)
			})
			if row != nil {
				x.merge.add(settings[e.Name()].applied(row))
			}
		}
	}
}

// isExtensionID tells whether a name is an identifier: 32 letters from a to p.
func isExtensionID(name string) bool {
	return len(name) == 32 && strings.Trim(name, "abcdefghijklmnop") == ""
}

// manifestInUse returns the manifest of the version in use, or of the last folder where the settings name none that is
// there; "" without any.
func (x *extensions) manifestInUse(folder, used string) string {
	if used = path.Base(strings.ReplaceAll(used, `\`, "/")); used != "." && exists(x.h, folder+"/"+used+"/manifest.json") {
		return folder + "/" + used + "/manifest.json"
	}
	var found string
	for _, e := range x.list(folder) {
		if name := folder + "/" + e.Name() + "/manifest.json"; e.IsDir() && exists(x.h, name) {
			if found == "" || modified(x.h, name).After(modified(x.h, found)) {
				found = name
			}
		}
	}
	return found
}

// chromiumSetting is what a profile's settings say about one extension.
type chromiumSetting struct {
	State     *int64          `json:"state"`
	Reasons   json.RawMessage `json:"disable_reasons"`
	FromStore *bool           `json:"from_webstore"`
	Path      string          `json:"path"`
}

// applied returns the row with what the settings say; the row itself is not changed. Newer browsers write reasons for
// switching off instead of a state.
func (s chromiumSetting) applied(row *inventoryv1.BrowserExtension) *inventoryv1.BrowserExtension {
	row = proto.CloneOf(row)
	switch reasons := strings.TrimSpace(string(s.Reasons)); {
	case s.State != nil:
		row.Enabled = proto.Bool(*s.State == 1)
	case s.Path != "":
		row.Enabled = proto.Bool(reasons == "" || reasons == "0" || reasons == "[]" || reasons == "null")
	}
	if s.FromStore != nil {
		row.FromStore = s.FromStore
	}
	return row
}

// chromiumSettings reads the settings of the extensions of a profile. Some systems keep them in a file that is protected
// against other programs' changes, the others with the rest.
func (x *extensions) chromiumSettings(profile string) map[string]chromiumSetting {
	for _, file := range []string{"/Secure Preferences", "/Preferences"} {
		settings := rememberFile(x.finder, x.files, profile+file, func() map[string]chromiumSetting {
			return parseChromiumSettings(x.read(profile+file, preferencesFile))
		})
		if len(settings) > 0 {
			return settings
		}
	}
	return nil
}

// Limits of the settings of one profile: how many extensions count, and the bytes of a text.
const (
	maxSettings    = 2000
	maxSettingText = 4096
)

// parseChromiumSettings reads settings by identifier. An extension whose settings have another form is left out.
func parseChromiumSettings(raw []byte) map[string]chromiumSetting {
	var preferences struct {
		Extensions struct {
			Settings map[string]json.RawMessage `json:"settings"`
		} `json:"extensions"`
	}
	if json.Unmarshal(raw, &preferences) != nil {
		return nil
	}
	settings := map[string]chromiumSetting{}
	for _, id := range slices.Sorted(maps.Keys(preferences.Extensions.Settings)) {
		var s chromiumSetting
		if !isExtensionID(id) || len(settings) == maxSettings || json.Unmarshal(preferences.Extensions.Settings[id], &s) != nil {
			continue
		}
		if len(s.Path) <= maxSettingText && len(s.Reasons) <= maxSettingText {
			settings[id] = s
		}
	}
	return settings
}

// chromiumRow describes one extension, nil for what has no manifest.
func (x *extensions) chromiumRow(program, id, manifest string) *inventoryv1.BrowserExtension {
	row, locale := parseManifest(x.read(manifest, smallFile))
	if row == nil {
		return nil
	}
	row.Browser, row.Identifier = fact(program), fact(id)
	row.InstallTime = installTime(modified(x.h, manifest))
	if strings.Contains(row.GetName()+row.GetDescription()+row.GetAuthor(), "__MSG_") {
		messages := x.messages(path.Dir(manifest)+"/_locales", locale)
		for _, field := range []**string{&row.Name, &row.Description, &row.Author} {
			if *field != nil {
				*field = fact(translated(**field, messages))
			}
		}
	}
	row.Purl = purlOf(packageurl.TypeChromeExtension, "", id, row.GetVersion())
	return row
}

// messages reads the texts of a language by lower-case name.
func (x *extensions) messages(folder, locale string) map[string]string {
	if locale == "" || strings.ContainsAny(locale, `/\`) {
		return nil
	}
	var texts map[string]struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(withoutMark(x.read(folder+"/"+locale+"/messages.json", smallFile)), &texts) != nil {
		return nil
	}
	messages := make(map[string]string, len(texts))
	for name, t := range texts {
		messages[strings.ToLower(name)] = t.Message
	}
	return messages
}

// translated replaces a text that is only the name of a message.
func translated(text string, messages map[string]string) string {
	name, ok := strings.CutPrefix(text, "__MSG_")
	if !ok {
		return text
	}
	return firstOf(messages[strings.ToLower(strings.TrimSuffix(name, "__"))], text)
}

// parseManifest reads a manifest.json and returns the language of its own texts; nil for what is none.
func parseManifest(raw []byte) (row *inventoryv1.BrowserExtension, locale string) {
	var m struct {
		Name        json.RawMessage   `json:"name"`
		Version     json.RawMessage   `json:"version"`
		Manifest    json.RawMessage   `json:"manifest_version"`
		Description json.RawMessage   `json:"description"`
		Author      json.RawMessage   `json:"author"`
		Homepage    json.RawMessage   `json:"homepage_url"`
		Update      json.RawMessage   `json:"update_url"`
		Locale      json.RawMessage   `json:"default_locale"`
		Permissions []json.RawMessage `json:"permissions"`
		Hosts       []json.RawMessage `json:"host_permissions"`
	}
	if json.Unmarshal(withoutMark(raw), &m) != nil {
		return nil, ""
	}
	row = &inventoryv1.BrowserExtension{
		Name: fact(jsonText(m.Name)), Version: fact(jsonText(m.Version)), Description: fact(jsonText(m.Description)),
		Author: fact(jsonText(m.Author, "name", "email")), Homepage: fact(jsonText(m.Homepage)),
		UpdateUrl: fact(maskAddress(jsonText(m.Update))), ManifestVersion: number(string(m.Manifest)),
		Permissions: sortedTexts(jsonTexts(m.Permissions), jsonTexts(m.Hosts)),
	}
	if row.Name == nil || row.Version == nil {
		return nil, ""
	}
	return row, jsonText(m.Locale)
}

// withoutMark drops the byte order mark that some editors put before JSON.
func withoutMark(raw []byte) []byte {
	return []byte(strings.TrimPrefix(string(raw), "\uFEFF"))
}

// jsonTexts are the elements that are text.
func jsonTexts(elements []json.RawMessage) []string {
	var texts []string
	for _, e := range elements {
		if text := jsonText(e); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}
