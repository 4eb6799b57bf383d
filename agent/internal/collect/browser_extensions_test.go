// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const (
	extensionID   = "cjpalhdlnbpafiamejdnhcphjbkeiagm"
	extensionInfo = "\uFEFF" + `{"name":"__MSG_extName__","version":"1.2.3","manifest_version":3,"description":"__MSG_gone__","author":{"email":"a@example.org"},` +
		`"default_locale":"en","permissions":["tabs",{"x":1},"storage"],"host_permissions":["<all_urls>"],"update_url":"https://clients2.google.com/service/update2/crx"}`
	extensionSetting = `{"extensions":{"settings":{"` + extensionID + `":{"state":0,"from_webstore":true,"path":"` + extensionID + `/1.2.3_0"},"other":[]}}}`
	firefoxAddons    = `{"schemaVersion":36,"addons":[
{"id":"uBlock0@raymondhill.net","version":"1.55","type":"extension","location":"app-profile","active":true,"manifestVersion":2,"installDate":1700000000000,
"sourceURI":"https://addons.mozilla.org/firefox/downloads/x.xpi","updateURL":null,
"defaultLocale":{"name":"uBlock Origin","description":"Blocks","creator":"R Hill","homepageURL":null},
"userPermissions":{"permissions":["tabs","dns"],"origins":["<all_urls>"]}},
{"id":"formautofill@mozilla.org","version":"1","location":"app-builtin","defaultLocale":{"name":"Form Autofill"}},
{"id":"theme@x","version":"2","type":"theme","location":"app-profile","active":false,"sourceURI":"file:///x.xpi","defaultLocale":null,"userPermissions":null},
{"id":7}]}`
	editorList = `[{"identifier":{"id":"ms-python.python"},"version":"2024.1.0","location":{"path":"/x/ms-python.python-2024.1.0"},"relativeLocation":"ms-python.python-2024.1.0",` +
		`"metadata":{"installedTimestamp":1700000000000,"source":"gallery"}},{"relativeLocation":".."},{"relativeLocation":7}]`
	editorPackage = `{"name":"python","publisher":"ms-python","version":"2024.1.0","displayName":"Python","description":"%about%","homepage":"https://x"}`
)

func TestBrowserExtensions(t *testing.T) {
	t.Parallel()
	profile := func(root, settings string) fstest.MapFS {
		folder := root + "/Extensions/" + extensionID
		return fstest.MapFS{
			folder + "/1.2.3_0/manifest.json":             written(text(extensionInfo)),
			folder + "/1.2.3_0/_locales/en/messages.json": text(`{"EXTNAME":{"message":"Blocker"}}`),
			folder + "/1.1.0_0/manifest.json":             text(strings.ReplaceAll(extensionInfo, "1.2.3", "1.1.0")),
			root + "/Extensions/Temp/x":                   text(""),
			root + "/Preferences":                         text(settings),
		}
	}
	editor := fstest.MapFS{
		"home/a/.vscode/extensions/extensions.json":                            text(editorList),
		"home/a/.vscode/extensions/ms-python.python-2024.1.0/package.json":     text(editorPackage),
		"home/a/.vscode/extensions/ms-python.python-2024.1.0/package.nls.json": text(`{"about":{"message":"Language support"}}`),
		"home/a/.vscode/extensions/removed-1/package.json":                     text(`{"name":"removed","publisher":"x","version":"1"}`),
		"home/b/.vscode-oss/extensions/own-1/package.json":                     text(`{"name":"Own","publisher":"X","version":"1","displayName":"%none%"}`),
	}
	tests := []struct {
		name, system, want string
		files              fstest.MapFS
	}{
		{
			name: "two users of one extension", files: with(
				profile("home/a/.config/google-chrome/Default", extensionSetting), profile("home/b/.config/google-chrome/Profile 1", extensionSetting)),
			want: `{author:a@example.org,browser:chrome,description:__MSG_gone__,enabled:false,from_store:true,identifier:cjpalhdlnbpafiamejdnhcphjbkeiagm,` +
				`install_time:2023-11-14T22:13:00,manifest_version:3,name:Blocker,permissions:[<all_urls>,storage,tabs],` +
				`purl:pkg:chrome-extension/cjpalhdlnbpafiamejdnhcphjbkeiagm@1.2.3,update_url:https://clients2.google.com/service/update2/crx,version:1.2.3}`,
		},
		{
			name: "without settings", system: "windows", files: profile("Users/a/AppData/Local/Microsoft/Edge/User Data/Default", "{"),
			want: `{author:a@example.org,browser:edge,description:__MSG_gone__,identifier:cjpalhdlnbpafiamejdnhcphjbkeiagm,` +
				`install_time:2023-11-14T22:13:00,manifest_version:3,name:Blocker,permissions:[<all_urls>,storage,tabs],` +
				`purl:pkg:chrome-extension/cjpalhdlnbpafiamejdnhcphjbkeiagm@1.2.3,update_url:https://clients2.google.com/service/update2/crx,version:1.2.3}`,
		},
		{
			name: "firefox", system: "darwin",
			files: fstest.MapFS{"Users/a/Library/Application Support/Firefox/Profiles/x.default/extensions.json": text(firefoxAddons)},
			want: `
{author:R Hill,browser:firefox,description:Blocks,enabled:true,from_store:true,identifier:uBlock0@raymondhill.net,install_time:2023-11-14T22:13:00,manifest_version:2,name:uBlock Origin,permissions:[<all_urls>,dns,tabs],version:1.55}
{browser:firefox,enabled:false,identifier:theme@x,version:2}`,
		},
		{
			name: "editors", files: editor,
			want: `
{author:ms-python,browser:vscode,description:Language support,from_store:true,homepage:https://x,identifier:ms-python.python,install_time:2023-11-14T22:13:00,name:Python,purl:pkg:vscode-extension/ms-python/python@2024.1.0,version:2024.1.0}
{author:X,browser:vscodium,identifier:x.own,name:Own,version:1}`,
		},
	}
	for _, tt := range tests {
		snap, err := gatherOn(t, firstOf(tt.system, "linux"), "browser_extensions", &hosttest.Machine{Files: tt.files})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		expectRows(t, tt.name, show(snap.BrowserExtensions...), tt.want)
	}
}

func FuzzBrowserFiles(f *testing.F) {
	for _, seed := range []string{extensionInfo, extensionSetting, firefoxAddons, editorList, editorPackage} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, s := range parseChromiumSettings(raw) {
			if row, _ := parseManifest(raw); row != nil {
				fits(t, s.applied(row))
			}
		}
		if row, _ := parseManifest(raw); row != nil {
			fits(t, row)
		}
		for _, row := range parseFirefoxAddons(raw, "firefox") {
			fits(t, row)
		}
		parseEditorList(raw)
		x := extensions{finder: newFinder(&hosttest.Machine{Files: fstest.MapFS{"p/package.json": text(string(raw)), "p/package.nls.json": text(string(raw))}})}
		if row := x.editorRow("vscode", "p/package.json"); row != nil {
			fits(t, row)
		}
	})
}
