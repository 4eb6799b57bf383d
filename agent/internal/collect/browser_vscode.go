// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// editor lists the extensions of Visual Studio Code and its relatives: those that extensions.json names, or all folders
// with a package.json where there is no such list. Whether one is switched off is kept in a database and not known here.
//
// Source: src/vs/platform/extensionManagement in the sources of Visual Studio Code, and its reference of package.json.
func (x *extensions) editor(program, folder string) {
	for _, e := range x.installed(folder) {
		name := path.Join(folder, e.folder, "package.json")
		row := rememberFile(x.finder, x.files, name, func() *inventoryv1.BrowserExtension { return x.editorRow(program, name) })
		if row == nil {
			continue
		}
		if e.listed {
			row = proto.CloneOf(row)
			row.InstallTime = installTime(epoch(e.installed))
			if e.source != "" {
				row.FromStore = proto.Bool(e.source == "gallery")
			}
		}
		x.merge.add(row)
	}
}

// editorExtension is one extension in an editor's own list.
type editorExtension struct {
	folder, source string
	// installed is in milliseconds since 1970.
	installed float64
	listed    bool
}

// installed returns the extensions in a folder.
func (x *extensions) installed(folder string) []editorExtension {
	list := folder + "/extensions.json"
	found := rememberFile(x.finder, x.files, list, func() []editorExtension { return parseEditorList(x.read(list, smallFile)) })
	if found != nil {
		return found
	}
	for _, e := range x.list(folder) {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			found = append(found, editorExtension{folder: e.Name()})
		}
	}
	return found
}

// parseEditorList reads an extensions.json; nil for what is none.
func parseEditorList(raw []byte) []editorExtension {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	found := []editorExtension{}
	for _, raw := range elements {
		var e struct {
			Folder   string `json:"relativeLocation"`
			Location struct {
				Path string `json:"path"`
			} `json:"location"`
			Metadata struct {
				Source    json.RawMessage `json:"source"`
				Installed json.RawMessage `json:"installedTimestamp"`
			} `json:"metadata"`
		}
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		name := path.Base(firstOf(e.Folder, e.Location.Path))
		if name == "." || name == ".." || name == "/" {
			continue
		}
		entry := editorExtension{folder: name, source: jsonText(e.Metadata.Source), listed: true}
		if json.Unmarshal(e.Metadata.Installed, &entry.installed) != nil {
			entry.installed = 0 // older versions did not write it
		}
		found = append(found, entry)
	}
	return found
}

// editorRow describes one extension; nil for a folder that holds none.
func (x *extensions) editorRow(program, name string) *inventoryv1.BrowserExtension {
	var p struct {
		packageJSON
		Publisher   string          `json:"publisher"`
		DisplayName json.RawMessage `json:"displayName"`
	}
	if json.Unmarshal(withoutMark(x.read(name, smallFile)), &p) != nil || p.Name == "" || p.Publisher == "" {
		return nil
	}
	var texts map[string]json.RawMessage // placeholders "%name%" stand for the texts of another file
	title, summary := jsonText(p.DisplayName), jsonText(p.Description)
	if strings.HasPrefix(title+summary, "%") || strings.HasPrefix(summary, "%") {
		if json.Unmarshal(withoutMark(x.read(path.Dir(name)+"/package.nls.json", smallFile)), &texts) != nil {
			texts = nil
		}
	}
	row := &inventoryv1.BrowserExtension{
		Browser: fact(program), Identifier: fact(strings.ToLower(p.Publisher + "." + p.Name)),
		Name: fact(firstOf(placed(title, texts), p.Name)), Version: fact(p.Version), Description: fact(placed(summary, texts)),
		Author: fact(firstOf(jsonText(p.Author, "name"), p.Publisher)), Homepage: fact(jsonText(p.Homepage)),
	}
	if program != "vscodium" { // whose extensions come from another store
		row.Purl = purlOf(packageurl.TypeVSCodeExtension, strings.ToLower(p.Publisher), strings.ToLower(p.Name), p.Version)
	}
	return row
}

// placed replaces a placeholder by its text, which may stand in an object with a comment; "" if there is none.
func placed(text string, texts map[string]json.RawMessage) string {
	if len(text) < 3 || text[0] != '%' || text[len(text)-1] != '%' {
		return text
	}
	return jsonText(texts[text[1:len(text)-1]], "message")
}
