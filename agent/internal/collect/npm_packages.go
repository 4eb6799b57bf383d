// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// npmPlaces are the global folders of node's installations in standard places, by system.
var npmPlaces = map[string][]string{
	"linux": {
		"usr/{lib,lib64,local/lib}/node_modules",
		"opt/*/lib/node_modules",
		"usr/local/{nvm,n}/versions/node/*/lib/node_modules",
		"{root,home/*}/{.nvm/versions/node/*,.asdf/installs/nodejs/*,.local,.npm-global,.npm-packages}/lib/node_modules",
	},
	"darwin": {
		"{usr/local,opt/homebrew}/lib/node_modules",
		"Users/*/{.nvm/versions/node/*,.asdf/installs/nodejs/*,.local,.npm-global,.npm-packages}/lib/node_modules",
	},
	"windows": {
		"Program Files/nodejs/node_modules",
		"Users/*/AppData/Roaming/npm/node_modules",
		"Users/*/AppData/{Roaming,Local}/nvm/v*/node_modules",
	},
}

// Limits of what global folders may hold; what is beyond them is left out, since anybody can fill his own.
const (
	maxNpmDepth    = 16
	maxNpmPackages = 50_000
)

func init() {
	for system, places := range npmPlaces {
		register(Collector{
			Name: "npm_packages", On: []string{system},
			CollectFiles: func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
				n := npmWalk{ctx: ctx, finder: newFinder(h), files: files, show: spelling(h)}
				for _, folder := range n.find(places...) {
					if err := n.walk(folder, 0); err != nil {
						return err
					}
				}
				snap.NpmPackages = n.rows
				return n.result(len(n.rows))
			},
		})
	}
}

// npmWalk collects the packages of global folders.
type npmWalk struct {
	*finder
	ctx   context.Context
	files *memo
	show  func(string) string
	rows  []*inventoryv1.NpmPackage
}

// walk lists the packages of a node_modules folder and what they carry in node_modules of their own: the packages that
// npm ls --global --all shows. A linked package is listed, but not what is below it, which belongs to another place.
//
// Source: npm's documentation of its folders, folders(5), and of package.json(5).
func (n *npmWalk) walk(modules string, depth int) error {
	if depth > maxNpmDepth || len(n.rows) >= maxNpmPackages {
		return nil
	}
	if err := n.ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(n.h.FS(), modules)
	n.note(modules, err)
	for _, e := range entries {
		name := e.Name()
		folder := path.Join(modules, name)
		var err error
		switch {
		case strings.HasPrefix(name, "."):
		case strings.HasPrefix(name, "@") && path.Base(modules)[0] != '@':
			err = n.walk(folder, depth) // a scope holds packages as the folder itself does
		case e.IsDir():
			n.add(folder)
			err = n.walk(path.Join(folder, "node_modules"), depth+1)
		case e.Type()&fs.ModeSymlink != 0:
			n.add(folder)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add lists the package in a folder if there is one.
func (n *npmWalk) add(folder string) {
	name := folder + "/package.json"
	row := rememberFile(n.finder, n.files, name, func() *inventoryv1.NpmPackage {
		row := parsePackageJSON(n.read(name, smallFile))
		if row == nil {
			return nil
		}
		row.Path = fact(n.show(folder))
		if at := modified(n.h, name); !packaged(folder) && at.Year() > 2000 { // npm's archives are from 1985
			row.InstallTime = installTime(at)
		}
		return row
	})
	if row != nil {
		n.rows = append(n.rows, row)
	}
}

// packageJSON are the fields of a package.json that matter. Those with several forms are decoded later, so that one in a
// form that npm forbids costs itself alone.
type packageJSON struct {
	Name        string          `json:"name"`
	Version     string          `json:"version"`
	Description json.RawMessage `json:"description"`
	Author      json.RawMessage `json:"author"`
	License     json.RawMessage `json:"license"`
	Licenses    json.RawMessage `json:"licenses"`
	Homepage    json.RawMessage `json:"homepage"`
}

// parsePackageJSON makes a row of a package.json; nil without a name or version: folders carry such files to say how their
// scripts are to be read.
func parsePackageJSON(raw []byte) *inventoryv1.NpmPackage {
	var p packageJSON
	if json.Unmarshal(raw, &p) != nil || p.Name == "" || p.Version == "" {
		return nil
	}
	namespace, name := "", p.Name
	if i := strings.LastIndexByte(p.Name, '/'); i >= 0 {
		namespace, name = p.Name[:i], p.Name[i+1:]
	}
	return &inventoryv1.NpmPackage{
		Name: fact(p.Name), Version: fact(p.Version),
		Summary: fact(jsonText(p.Description)), Author: fact(jsonText(p.Author, "name")),
		License:  fact(firstOf(jsonText(p.License, "type"), jsonText(p.Licenses, "type"))),
		Homepage: fact(jsonText(p.Homepage)), Purl: purlOf(packageurl.TypeNPM, namespace, name, p.Version),
	}
}

// jsonText returns a JSON string, or what the first of keys is in an object, or that of the first element of an array;
// "" for any other form.
func jsonText(raw json.RawMessage, keys ...string) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return strings.TrimSpace(text)
	}
	var elements []json.RawMessage
	if len(keys) > 0 && json.Unmarshal(raw, &elements) == nil && len(elements) > 0 {
		raw = elements[0]
		if json.Unmarshal(raw, &text) == nil {
			return strings.TrimSpace(text)
		}
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	for _, key := range keys {
		if json.Unmarshal(object[key], &text) == nil && text != "" {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// epoch is a moment given in milliseconds since 1970, as programs in JavaScript write them; the zero time for none.
func epoch(milliseconds float64) time.Time {
	if milliseconds <= 0 || milliseconds > maxInteger {
		return time.Time{}
	}
	return time.UnixMilli(int64(milliseconds)).UTC()
}
