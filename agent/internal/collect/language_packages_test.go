// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// fits fails for a row that a snapshot cannot hold.
func fits(t *testing.T, row proto.Message) {
	t.Helper()
	if _, err := proto.Marshal(row); err != nil {
		t.Errorf("%v", err)
	}
}

const pythonMetadata = "Metadata-Version: 2.1\nName: Flask_SQLAlchemy\nVersion: 3.1.1\nSummary: Support for SQLAlchemy\nHome-page: UNKNOWN\n" +
	"Author-email: A Developer <a@example.org>\nLicense: BSD\n  more of it\nClassifier: License :: OSI Approved :: BSD License\n" +
	"Project-URL: Changes, https://example.org/changes\nProject-URL: Homepage, https://example.org\n\nName: a description\n"

func TestPythonPackages(t *testing.T) {
	t.Parallel()
	const venv, debian = "home/a/.local/share/pipx/venvs/x/lib/python3.11/site-packages/", "usr/lib/python3/dist-packages/"
	files := fstest.MapFS{
		venv + "Flask_SQLAlchemy-3.1.1.dist-info/METADATA":          text(pythonMetadata),
		venv + "Flask_SQLAlchemy-3.1.1.dist-info/INSTALLER":         text("pip\n"),
		venv + "Flask_SQLAlchemy-3.1.1.dist-info/REQUESTED":         text(""),
		venv + "Flask_SQLAlchemy-3.1.1.dist-info/RECORD":            written(text("")),
		venv + "~lask-1.dist-info/METADATA":                         text("Name: half removed\nVersion: 1\n"),
		venv + "empty-1.dist-info/RECORD":                           text(""),
		venv + "setuptools/_vendor/x-1.dist-info/METADATA":          text("Name: x\nVersion: 1\n"),
		debian + "cryptography-38.0.4.dist-info/METADATA":           written(text("Name: cryptography\nVersion: 38.0.4\nLicense-Expression: MIT\nClassifier: License :: OSI Approved :: X\n")),
		debian + "cryptography.egg-info/PKG-INFO":                   text("Name: cryptography\nVersion: 38.0.3\n"),
		debian + "crcmod-1.7.egg-info":                              written(text("Name: crcmod\nVersion: 1.7\nClassifier: License :: OSI Approved :: MIT License\n")),
		"opt/x/lib/python3.9/site-packages/y.egg/EGG-INFO/PKG-INFO": text("Name: y\r\nVersion: 2\r\n\r\n"),
	}
	snap, err := gatherOn(t, "linux", "python_packages", &hosttest.Machine{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	expectRows(t, "python", show(snap.PythonPackages...), `
{license:MIT,name:cryptography,path:/usr/lib/python3/dist-packages,purl:pkg:pypi/cryptography@38.0.4,version:38.0.4}
{license:MIT License,name:crcmod,path:/usr/lib/python3/dist-packages,purl:pkg:pypi/crcmod@1.7,version:1.7}
{name:y,path:/opt/x/lib/python3.9/site-packages,purl:pkg:pypi/y@2,version:2}
{author:A Developer <a@example.org>,direct:true,homepage:https://example.org,install_time:2023-11-14T22:13:00,installer:pip,license:BSD,`+
		`name:Flask_SQLAlchemy,path:/home/a/.local/share/pipx/venvs/x/lib/python3.11/site-packages,purl:pkg:pypi/flask-sqlalchemy@3.1.1,`+
		`summary:Support for SQLAlchemy,version:3.1.1}`)
}

// oneKey is a registry of one key.
type oneKey map[string]host.RegistryValue

func (oneKey) Keys(string) ([]string, error)                          { return nil, nil }
func (r oneKey) Values(string) (map[string]host.RegistryValue, error) { return r, nil }

// utf16Text is text as the registry keeps it.
func utf16Text(s string) host.RegistryValue {
	var raw []byte
	for _, c := range utf16.Encode([]rune(s + "\x00")) {
		raw = binary.LittleEndian.AppendUint16(raw, c)
	}
	return host.RegistryValue{Type: 1, Data: raw}
}

func TestPackagesOnOtherSystems(t *testing.T) {
	t.Parallel()
	windows := &hosttest.Machine{Reg: oneKey{"SystemRoot": utf16Text(`C:\Windows`)}, Files: fstest.MapFS{
		"Users/a/AppData/Local/Programs/Python/Python312/Lib/site-packages/pip-24.0.dist-info/METADATA": text("Name: pip\nVersion: 24.0\n"),
		"Users/a/AppData/Roaming/npm/node_modules/yarn/package.json":                                    text(`{"name":"yarn","version":"1.22.19"}`),
		"Ruby32-x64/lib/ruby/gems/3.2.0/specifications/a-1.gemspec":                                     text("# stub: a 1 ruby lib\n"),
	}}
	mac := &hosttest.Machine{Files: fstest.MapFS{
		"Library/Frameworks/Python.framework/Versions/3.12/lib/python3.12/site-packages/pip-24.0.dist-info/METADATA": text("Name: pip\nVersion: 24.0\n"),
		"opt/homebrew/lib/node_modules/yarn/package.json":                                                            text(`{"name":"yarn","version":"1.22.19"}`),
		"Users/a/.rbenv/versions/3.2.2/lib/ruby/gems/3.2.0/specifications/a-1.gemspec":                               text("# stub: a 1 ruby lib\n"),
	}}
	tests := []struct {
		system, python, npm, gem string
		machine                  *hosttest.Machine
	}{
		{
			"windows", `C:\Users\a\AppData\Local\Programs\Python\Python312\Lib\site-packages`,
			`C:\Users\a\AppData\Roaming\npm\node_modules\yarn`, `C:\Ruby32-x64\lib\ruby\gems\3.2.0\specifications\a-1.gemspec`, windows,
		},
		{
			"darwin", "/Library/Frameworks/Python.framework/Versions/3.12/lib/python3.12/site-packages",
			"/opt/homebrew/lib/node_modules/yarn", "/Users/a/.rbenv/versions/3.2.2/lib/ruby/gems/3.2.0/specifications/a-1.gemspec", mac,
		},
	}
	for _, tt := range tests {
		python, err := gatherOn(t, tt.system, "python_packages", tt.machine)
		if err != nil || len(python.PythonPackages) != 1 || python.PythonPackages[0].GetPath() != tt.python {
			t.Errorf("python on %s: %v %v", tt.system, python.PythonPackages, err)
		}
		npm, err := gatherOn(t, tt.system, "npm_packages", tt.machine)
		if err != nil || len(npm.NpmPackages) != 1 || npm.NpmPackages[0].GetPath() != tt.npm {
			t.Errorf("npm on %s: %v %v", tt.system, npm.NpmPackages, err)
		}
		gem, err := gatherOn(t, tt.system, "gem_packages", tt.machine)
		if err != nil || len(gem.GemPackages) != 1 || gem.GemPackages[0].GetPath() != tt.gem {
			t.Errorf("gem on %s: %v %v", tt.system, gem.GemPackages, err)
		}
	}
}

func TestNpmPackages(t *testing.T) {
	t.Parallel()
	const folder = "usr/local/lib/node_modules/"
	files := fstest.MapFS{
		folder + "@angular/cli/package.json": written(text(`{"name":"@angular/cli","version":"17.0.0","description":" CLI tool ","author":{"name":"Authors","email":"x"},` +
			`"license":"MIT","homepage":"https://example.org"}`)),
		folder + "@angular/cli/node_modules/old/package.json":                text(`{"name":"old","version":"1.0.0","licenses":[{"type":"BSD"}],"author":["B"]}`),
		folder + "@angular/cli/node_modules/old/node_modules/c/package.json": text(`{"name":"c","version":"2.0.0","license":["A","B"],"description":7}`),
		folder + "@angular/cli/node_modules/old/esm/package.json":            text(`{"type":"module"}`),
		folder + ".bin/x":                text(""),
		folder + ".package-lock.json":    text("{}"),
		folder + "broken/package.json":   text(`{"name":"broken"`),
		folder + "nameless/package.json": text(`{"type":"module"}`),
	}
	snap, err := gatherOn(t, "linux", "npm_packages", &hosttest.Machine{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	expectRows(t, "npm", show(snap.NpmPackages...), `
{author:Authors,homepage:https://example.org,install_time:2023-11-14T22:13:00,license:MIT,name:@angular/cli,path:/usr/local/lib/node_modules/@angular/cli,`+
		`purl:pkg:npm/%40angular/cli@17.0.0,summary:CLI tool,version:17.0.0}
{author:B,license:BSD,name:old,path:/usr/local/lib/node_modules/@angular/cli/node_modules/old,purl:pkg:npm/old@1.0.0,version:1.0.0}
{license:A,name:c,path:/usr/local/lib/node_modules/@angular/cli/node_modules/old/node_modules/c,purl:pkg:npm/c@2.0.0,version:2.0.0}`)
}

const gemspec = `# -*- encoding: utf-8 -*-
# stub: nokogiri 1.15.4 x86_64-linux lib

Gem::Specification.new do |s|
  s.name = "nokogiri".freeze
  s.version = "1.15.4"
  s.platform = "x86_64-linux".freeze
  s.metadata = { "homepage" => "x" } if s.respond_to? :metadata=
  s.authors = ["Mike \"M\" D".freeze, "A\u00E9 \#{x}".freeze]
  s.description = "a = \"b\"".freeze
  s.homepage = "https://nokogiri.org".freeze
  s.licenses = ["MIT".freeze, "Ruby".freeze]
  s.summary = File.read("/etc/passwd")
end
`

func TestGemPackages(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"var/lib/gems/3.1.0/specifications/nokogiri-1.15.4-x86_64-linux.gemspec": written(text(gemspec)),
		"usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec":      written(text("# stub: json 2.6.1 ruby lib\nGem::Specification.new do |s|\n  s.summary = \"JSON\".freeze\nend\n")),
		"usr/share/rubygems-integration/all/specifications/hand-1.gemspec":       text("Gem::Specification.new do |spec|\n  spec.name = 'hand'\n  spec.version = \"1\"\nend\n"),
		"usr/share/rubygems-integration/all/specifications/rake-13.gemspec":      text("Gem::Specification.new do |spec|\n  spec.name = \"rake\"\n  spec.version = \"13\"\nend\n"),
	}
	snap, err := gatherOn(t, "linux", "gem_packages", &hosttest.Machine{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	expectRows(t, "gems", show(snap.GemPackages...), `
{author:Mike \M\ D, Aé #{x},homepage:https://nokogiri.org,install_time:2023-11-14T22:13:00,license:MIT, Ruby,name:nokogiri,`+
		`path:/var/lib/gems/3.1.0/specifications/nokogiri-1.15.4-x86_64-linux.gemspec,platform:x86_64-linux,`+
		`purl:pkg:gem/nokogiri@1.15.4?platform=x86_64-linux,version:1.15.4}
{name:rake,path:/usr/share/rubygems-integration/all/specifications/rake-13.gemspec,purl:pkg:gem/rake@13,version:13}
{is_default:true,name:json,path:/usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec,platform:ruby,purl:pkg:gem/json@2.6.1,summary:JSON,version:2.6.1}`)
}

// The running test is a program that Go built.
func TestGoBinaries(t *testing.T) {
	t.Parallel()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{
		"home/a/go/bin/tool": written(&fstest.MapFile{Data: raw}), "home/a/go/bin/script": text("#!/bin/sh\n"),
		"usr/local/bin/broken": text("\x7fELF and no more"), "usr/local/bin/short": text("MZ"),
	}
	snap, err := gatherOn(t, "linux", "go_binaries", &hosttest.Machine{Files: files})
	if err != nil || len(snap.GoBinaries) != 1 {
		t.Fatalf("%d programs, %v", len(snap.GoBinaries), err)
	}
	row := snap.GoBinaries[0]
	if row.GetPath() != "/home/a/go/bin/tool" || row.GetInstallTime() != "2023-11-14T22:13:00" || row.GoVersion == nil {
		t.Errorf("got %s", show(row))
	}
	for pkg, want := range map[string]string{"example.org/cmd/x": "x", "example.org/x/v2": "x", "example.org/x/v2/cmd/y": "y", "": ""} {
		if got := goName(pkg); got != want {
			t.Errorf("name of %q: got %q, want %q", pkg, got, want)
		}
	}
}

func TestSearchForTablesEnds(t *testing.T) {
	t.Parallel()
	r := &tables{r: strings.NewReader("0123456789"), left: 8}
	for i, want := range []error{nil, nil, host.ErrTooLarge} {
		if _, err := r.ReadAt(make([]byte, 4), 0); !errors.Is(err, want) {
			t.Errorf("read %d: got %v, want %v", i, err, want)
		}
	}
}

// TestFoldersOfFoldersEnd is about what somebody may put into his own folder: it is left out, and costs nobody else.
func TestFoldersOfFoldersEnd(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"usr/lib/node_modules/a/package.json": text(`{"name":"a","version":"1"}`)}
	deep := "home/b/.npm-global/lib"
	for range 2 * maxNpmDepth {
		deep += "/node_modules/x"
		files[deep+"/package.json"] = text(`{"name":"x","version":"1"}`)
	}
	snap, err := gather(t, "npm_packages", &hosttest.Machine{Files: files})
	if got := len(snap.NpmPackages); err != nil || got != 1+maxNpmDepth+1 {
		t.Errorf("got %d packages, %v", got, err)
	}
}

func TestAFinderMakesSoManyRowsOnly(t *testing.T) {
	t.Parallel()
	f := newFinder(&hosttest.Machine{Files: fstest.MapFS{"a": text("x"), "b": text("x")}})
	f.kept = maxKept
	row := func() *inventoryv1.GemPackage { return &inventoryv1.GemPackage{Name: fact("x")} }
	if rememberFile(f, &memo{}, "a", row) == nil || rememberFile(f, &memo{}, "b", row) != nil {
		t.Errorf("kept %d of %d", f.kept, maxKept)
	}
}

func FuzzPythonMetadata(f *testing.F) {
	f.Add(pythonMetadata)
	f.Add("Name\n:\nClassifier: License :: \n")
	f.Fuzz(func(t *testing.T, text string) { fits(t, parsePythonMetadata(text)) })
}

func FuzzPackageJSON(f *testing.F) {
	f.Add([]byte(`{"name":"@a/b","version":"1","author":{"name":"x"},"license":[{"type":"MIT"}]}`))
	f.Add([]byte(`{"name":"/","version":" ","author":[[]],"license":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if row := parsePackageJSON(raw); row != nil {
			fits(t, row)
		}
	})
}

func FuzzGemspec(f *testing.F) {
	f.Add(gemspec)
	f.Add("s.authors = [\"\\\"\ns.name = \"\\")
	f.Fuzz(func(t *testing.T, text string) { fits(t, parseGemspec(text)) })
}
