// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// browser is a family of folders of one program: the profiles of a browser, or the extensions of an editor.
type browser struct {
	name string
	// folders are patterns below a user's folder.
	folders []string
}

// browsers are the programs whose extensions are listed on one system.
type browsers struct {
	// homes is a pattern of the users' folders.
	homes string
	// chromium lists folders of user data, firefox folders of profiles, editors folders of extensions.
	chromium, firefox, editors []browser
}

// editors keep their extensions in the same place on all systems.
var editors = []browser{
	{"vscode", []string{".vscode/extensions", ".vscode-server/extensions"}},
	{"vscode-insiders", []string{".vscode-insiders/extensions"}},
	{"vscodium", []string{".vscode-oss/extensions"}},
	{"cursor", []string{".cursor/extensions"}},
	{"windsurf", []string{".windsurf/extensions"}},
}

// browserPlaces is by system.
var browserPlaces = map[string]browsers{
	"linux": {
		homes: "{root,home/*}",
		chromium: []browser{
			{"chrome", []string{".config/google-chrome{,-beta,-unstable}", ".var/app/com.google.Chrome/config/google-chrome"}},
			{"chromium", []string{
				".config/chromium", "snap/chromium/common/chromium", ".var/app/org.chromium.Chromium/config/chromium",
			}},
			{"edge", []string{".config/microsoft-edge{,-beta,-dev}", ".var/app/com.microsoft.Edge/config/microsoft-edge"}},
			{"brave", []string{
				".config/BraveSoftware/Brave-Browser", ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser",
				"snap/brave/current/.config/BraveSoftware/Brave-Browser",
			}},
			{"vivaldi", []string{".config/vivaldi"}},
			{"opera", []string{".config/opera"}},
		},
		firefox: []browser{
			{"firefox", []string{
				".mozilla/firefox", ".config/mozilla/firefox", "snap/firefox/common/.mozilla/firefox",
				".var/app/org.mozilla.firefox/.mozilla/firefox",
			}},
			{"librewolf", []string{".librewolf"}},
		},
		editors: editors,
	},
	"darwin": {
		homes: "Users/*",
		chromium: []browser{
			{"chrome", []string{"Library/Application Support/Google/Chrome{, Beta, Canary}"}},
			{"chromium", []string{"Library/Application Support/Chromium"}},
			{"edge", []string{"Library/Application Support/Microsoft Edge{, Beta, Dev}"}},
			{"brave", []string{"Library/Application Support/BraveSoftware/Brave-Browser"}},
			{"vivaldi", []string{"Library/Application Support/Vivaldi"}},
			{"opera", []string{"Library/Application Support/com.operasoftware.Opera"}},
		},
		firefox: []browser{
			{"firefox", []string{"Library/Application Support/Firefox/Profiles"}},
			{"librewolf", []string{"Library/Application Support/librewolf/Profiles"}},
		},
		editors: editors,
	},
	"windows": {
		homes: "Users/*",
		chromium: []browser{
			{"chrome", []string{"AppData/Local/Google/Chrome{, Beta, SxS}/User Data"}},
			{"chromium", []string{"AppData/Local/Chromium/User Data"}},
			{"edge", []string{"AppData/Local/Microsoft/Edge{, Beta, Dev}/User Data"}},
			{"brave", []string{"AppData/Local/BraveSoftware/Brave-Browser/User Data"}},
			{"vivaldi", []string{"AppData/Local/Vivaldi/User Data"}},
			{"opera", []string{"AppData/Roaming/Opera Software/Opera Stable"}},
		},
		firefox: []browser{
			{"firefox", []string{"AppData/Roaming/Mozilla/Firefox/Profiles"}},
			{"librewolf", []string{"AppData/Roaming/librewolf/Profiles"}},
		},
		editors: editors,
	},
}

func init() {
	for system, places := range browserPlaces {
		register(Collector{
			Name: "browser_extensions", On: []string{system},
			CollectFiles: func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
				return collectBrowserExtensions(ctx, h, files, snap, places)
			},
		})
	}
}

// collectBrowserExtensions lists the extensions in all profiles of all users, each once: a row does not say whose it is.
func collectBrowserExtensions(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot, places browsers) error {
	x := extensions{finder: newFinder(h), files: files}
	homes := x.find(places.homes)
	kinds := []struct {
		programs []browser
		collect  func(program, folder string)
	}{{places.chromium, x.chromium}, {places.firefox, x.firefox}, {places.editors, x.editor}}
	for _, kind := range kinds {
		for _, program := range kind.programs {
			for _, home := range homes {
				for _, pattern := range program.folders {
					for _, folder := range x.find(home + "/" + pattern) {
						kind.collect(program.name, folder)
					}
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
		}
	}
	snap.BrowserExtensions = x.merge.rows
	return x.result(len(x.merge.rows))
}

// extensions gathers rows.
type extensions struct {
	*finder
	files *memo
	merge merger[*inventoryv1.BrowserExtension]
}

// sortedTexts returns texts that a snapshot can hold, sorted, each once.
func sortedTexts(lists ...[]string) []string {
	all := slices.Concat(lists...)
	for i := range all {
		all[i] = clean(all[i])
	}
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all)
}
