// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// brewPrefixes are the folders that Homebrew installs under, by system.
var brewPrefixes = map[string][]string{
	"linux":  {"home/linuxbrew/.linuxbrew", "home/*/.linuxbrew"},
	"darwin": {"opt/homebrew", "usr/local"},
}

func init() {
	for system, prefixes := range brewPrefixes {
		register(Collector{
			Name: "brew_packages", On: []string{system},
			CollectFiles: func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
				return collectBrew(ctx, h, files, snap, prefixes)
			},
		})
	}
}

// collectBrew lists the formulae and casks of Homebrew, each version that is installed.
//
// Source: Homebrew's documentation, its tab.rb for INSTALL_RECEIPT.json and cask/metadata.rb for the folder .metadata.
func collectBrew(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot, prefixes []string) error {
	f := newFinder(h)
	for _, prefix := range f.find(prefixes...) {
		for _, keg := range f.find(prefix + "/Cellar/*/*") {
			if strings.HasPrefix(path.Base(keg), ".") {
				continue
			}
			row := rememberFile(f, files, keg+"/INSTALL_RECEIPT.json", func() *inventoryv1.BrewPackage { return formula(f, prefix, keg) })
			if row != nil {
				snap.BrewPackages = append(snap.BrewPackages, row)
			}
		}
		casks := map[string]*inventoryv1.BrewPackage{} // an earlier installation of the same version may have left its notes
		for _, folder := range f.find(prefix + "/Caskroom/*/.metadata/*/*/Casks") {
			if row := cask(f, files, prefix, folder); row != nil {
				casks[row.GetName()+" "+row.GetVersion()] = row
			}
		}
		for _, key := range slices.Sorted(maps.Keys(casks)) {
			snap.BrewPackages = append(snap.BrewPackages, casks[key])
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return f.result(len(snap.BrewPackages))
}

// formula describes the formula in a folder Cellar/<name>/<version>.
func formula(f *finder, prefix, keg string) *inventoryv1.BrewPackage {
	name := path.Base(path.Dir(keg))
	row := &inventoryv1.BrewPackage{
		Name: fact(name), Version: fact(path.Base(keg)), Type: proto.String("formula"), Prefix: fact("/" + prefix),
	}
	setReceipt(row, f.read(keg+"/INSTALL_RECEIPT.json", smallFile))
	setRuby(row, string(f.read(keg+"/.brew/"+name+".rb", smallFile)))
	row.Purl = purlOf(packageurl.TypeBrew, "", name, row.GetVersion())
	return row
}

// setReceipt writes what the receipt of an installation says. Its fields are decoded one by one, so that one of another
// form costs itself alone.
func setReceipt(row *inventoryv1.BrewPackage, raw []byte) {
	var receipt struct {
		OnRequest json.RawMessage `json:"installed_on_request"`
		Time      json.RawMessage `json:"time"`
		Source    struct {
			Tap json.RawMessage `json:"tap"`
		} `json:"source"`
	}
	if json.Unmarshal(raw, &receipt) != nil {
		return
	}
	var onRequest bool
	if json.Unmarshal(receipt.OnRequest, &onRequest) == nil {
		row.OnRequest = &onRequest
	}
	var at float64
	if json.Unmarshal(receipt.Time, &at) == nil {
		row.InstallTime = installTime(epoch(at * 1000))
	}
	row.Tap = fact(jsonText(receipt.Source.Tap))
}

// rubyLine is a call of one word with one literal, which is how formulae and casks describe themselves.
var rubyLine = regexp.MustCompile(`^  (desc|homepage|license|app|auto_updates) ("(?:[^"\\#]|\\.|#[^{])*"|true|false)`)

// setRuby reads the descriptions in a formula or cask, a program in Ruby of which only literals are understood. The first
// of each counts.
func setRuby(row *inventoryv1.BrewPackage, text string) {
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		m := rubyLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if m[1] == "auto_updates" && m[2] == "true" {
			row.AutoUpdates = proto.Bool(true)
		}
		value, _, ok := rubyText(m[2])
		if !ok {
			continue
		}
		field := map[string]**string{"desc": &row.Summary, "homepage": &row.Homepage, "license": &row.License, "app": &row.AppName}[m[1]]
		if field != nil && *field == nil {
			*field = fact(value)
		}
	}
}

// cask describes the cask in a folder Caskroom/<token>/.metadata/<version>/<time>/Casks, nil if there is none.
func cask(f *finder, files *memo, prefix, folder string) *inventoryv1.BrewPackage {
	begun := path.Dir(folder)
	version := path.Base(path.Dir(begun))
	token := path.Base(path.Dir(path.Dir(path.Dir(begun))))
	for _, extension := range []string{".json", ".internal.json", ".rb"} {
		name := folder + "/" + token + extension
		if !exists(f.h, name) {
			continue
		}
		return rememberFile(f, files, name, func() *inventoryv1.BrewPackage {
			row := &inventoryv1.BrewPackage{
				Name: fact(token), Version: fact(version), Type: proto.String("cask"), Prefix: fact("/" + prefix),
			}
			if raw := f.read(name, smallFile); extension == ".rb" {
				setRuby(row, string(raw))
			} else {
				setCask(row, raw)
			}
			if at, err := time.Parse("20060102150405.000", path.Base(begun)); err == nil {
				row.InstallTime = installTime(at)
			}
			row.Purl = purlOf(packageurl.TypeBrew, "", token, version)
			return row
		})
	}
	return nil
}

// setCask writes what the description of a cask says.
func setCask(row *inventoryv1.BrewPackage, raw []byte) {
	var c struct {
		Tap         json.RawMessage `json:"tap"`
		Desc        json.RawMessage `json:"desc"`
		Homepage    json.RawMessage `json:"homepage"`
		AutoUpdates json.RawMessage `json:"auto_updates"`
		Artifacts   []struct {
			App json.RawMessage `json:"app"`
		} `json:"artifacts"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return
	}
	row.Tap, row.Summary, row.Homepage = fact(jsonText(c.Tap)), fact(jsonText(c.Desc)), fact(jsonText(c.Homepage))
	var updates bool
	if json.Unmarshal(c.AutoUpdates, &updates) == nil && updates {
		row.AutoUpdates = &updates
	}
	for _, a := range c.Artifacts {
		if row.AppName == nil {
			row.AppName = fact(jsonText(a.App, "target"))
		}
	}
}
