// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// pythonPlaces are the folders that interpreters in standard places import from, by system: those of the distribution,
// of the administrator, of users, and of the usual managers of interpreters and tools.
var pythonPlaces = map[string][]string{
	"linux": {
		"usr/{lib,lib64,local/lib,local/lib64}/python*/{dist,site}-packages",
		"opt/*/{lib,lib64}/python*/site-packages",
		"opt/*/envs/*/lib/python*/site-packages",
		"opt/pipx/venvs/*/lib/python*/site-packages",
		"{usr/local,opt}/{pyenv,.pyenv}/versions/*/lib/python*/site-packages",
		"{root,home/*}/.pyenv/versions/*/lib/python*/site-packages",
		"{root,home/*}/.local/lib/python*/site-packages",
		"{root,home/*}/.local/{share/pipx,pipx}/venvs/*/lib/python*/site-packages",
		"{root,home/*}/.local/share/uv/{python,tools}/*/lib/python*/site-packages",
		"{root,home/*}/{anaconda,miniconda,miniforge,mambaforge}*/lib/python*/site-packages",
		"{root,home/*}/{anaconda,miniconda,miniforge,mambaforge}*/envs/*/lib/python*/site-packages",
	},
	"darwin": {
		"Library/Frameworks/Python.framework/Versions/*/lib/python*/site-packages",
		"Library/Python/*/site-packages",
		"Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions/*/lib/python*/site-packages",
		"{opt/homebrew,usr/local}/lib/python*/site-packages",
		"opt/{anaconda,miniconda,miniforge,mambaforge}*/lib/python*/site-packages",
		"Users/*/{.pyenv/versions/*,.local,.local/pipx/venvs/*,.local/share/uv/{python,tools}/*}/lib/python*/site-packages",
		"Users/*/Library/Python/*/lib/python/site-packages",
		"Users/*/{anaconda,miniconda,miniforge,mambaforge}*/lib/python*/site-packages",
		"Users/*/{anaconda,miniconda,miniforge,mambaforge}*/envs/*/lib/python*/site-packages",
	},
	"windows": {
		"{Program Files,Program Files (x86)}/Python*/Lib/site-packages",
		"Python*/Lib/site-packages",
		"ProgramData/{anaconda,miniconda,miniforge}*/Lib/site-packages",
		"Users/*/AppData/Local/Programs/Python/*/Lib/site-packages",
		"Users/*/AppData/Roaming/Python/*/site-packages",
		"Users/*/{.pyenv/pyenv-win/versions/*,pipx/venvs/*,AppData/Roaming/uv/{python,tools}/*}/Lib/site-packages",
		"Users/*/{anaconda,miniconda,miniforge}*/Lib/site-packages",
	},
}

func init() {
	for system, places := range pythonPlaces {
		register(Collector{
			Name: "python_packages", On: []string{system},
			CollectFiles: func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
				return collectPython(ctx, h, files, snap, places)
			},
		})
	}
}

// collectPython lists the distributions in each folder that interpreters import from. One that left two descriptions in
// a folder is listed once, as pip does, with the newer form of the two. What setuptools and others carry inside their own
// packages is not listed.
//
// Source: the PyPA specification "Recording installed projects" and, for .egg-info, the formats of setuptools.
func collectPython(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot, places []string) error {
	f := newFinder(h)
	show := spelling(h)
	for _, folder := range f.find(places...) {
		seen := map[string]bool{}
		for _, suffix := range []string{".dist-info", ".egg-info", ".egg"} {
			for _, e := range f.list(folder) {
				if !strings.HasSuffix(e.Name(), suffix) || strings.HasPrefix(e.Name(), "~") {
					continue
				}
				row := pythonRow(f, files, show, folder, e)
				name := pythonName(row.GetName())
				if row == nil || seen[name] {
					continue
				}
				seen[name] = true
				snap.PythonPackages = append(snap.PythonPackages, row)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return f.result(len(snap.PythonPackages))
}

// pythonName is the spelling by which two names are the same.
//
// Source: the PyPA specification "Names and normalization".
func pythonName(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	return strings.Join(words, "-")
}

// pythonRow describes one distribution, nil when its description is missing or none.
func pythonRow(f *finder, files *memo, show func(string) string, folder string, e fs.DirEntry) *inventoryv1.PythonPackage {
	own := path.Join(folder, e.Name())
	metadata := own + "/METADATA"
	switch path.Ext(e.Name()) {
	case ".egg-info":
		metadata = own + "/PKG-INFO"
		if e.Type().IsRegular() {
			metadata = own
		}
	case ".egg":
		metadata = own + "/EGG-INFO/PKG-INFO"
	}
	return rememberFile(f, files, metadata, func() *inventoryv1.PythonPackage {
		row := parsePythonMetadata(string(f.readHead(metadata, smallFile)))
		if row.Name == nil {
			return nil
		}
		row.Path = fact(show(folder))
		row.Installer = fact(strings.TrimSpace(string(f.read(own+"/INSTALLER", smallFile))))
		if exists(f.h, own+"/REQUESTED") {
			row.Direct = proto.Bool(true) // without that file nobody knows: older programs do not write it
		}
		switch row.GetInstaller() {
		case "rpm", "debian", "conda": // their files carry the times of the build
		case "":
			row.InstallTime = installTime(modified(f.h, own+"/installed-files.txt"))
		default:
			row.InstallTime = installTime(modified(f.h, own+"/RECORD"))
		}
		return row
	})
}

// parsePythonMetadata reads the head of a METADATA or PKG-INFO file, which has the form of a mail's.
//
// Source: the PyPA specification "Core metadata".
func parsePythonMetadata(text string) *inventoryv1.PythonPackage {
	row := &inventoryv1.PythonPackage{}
	var authorMail, expression, license, classified, projectURL string
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		if line == "" {
			break // the description follows
		}
		field, value, isField := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); !isField || value == "" || value == "UNKNOWN" || line[0] == ' ' || line[0] == '\t' {
			continue // more of the field before
		}
		value = strings.Clone(value) // a row must not hold on to the whole text with its description
		switch strings.ToLower(field) {
		case "name":
			row.Name = fact(value)
		case "version":
			row.Version = fact(value)
		case "summary":
			row.Summary = fact(value)
		case "author":
			row.Author = fact(value)
		case "author-email":
			authorMail = value
		case "home-page":
			row.Homepage = fact(value)
		case "license-expression":
			expression = value
		case "license":
			license = value
		case "classifier":
			if rest, ok := strings.CutPrefix(value, "License :: "); ok {
				classified = rest[strings.LastIndex(" :: "+rest, " :: "):]
			}
		case "project-url":
			if label, address, _ := strings.Cut(value, ","); strings.EqualFold(strings.TrimSpace(label), "homepage") {
				projectURL = strings.TrimSpace(address)
			}
		}
	}
	if row.Author == nil {
		row.Author = fact(authorMail)
	}
	if row.Homepage == nil {
		row.Homepage = fact(projectURL)
	}
	row.License = fact(firstOf(expression, license, classified))
	row.Purl = purlOf(packageurl.TypePyPi, "", row.GetName(), row.GetVersion())
	return row
}
