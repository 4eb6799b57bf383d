// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/arch"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

const (
	homepage   = "https://github.com/rollcall-inventory/rollcall"
	maintainer = "The Rollcall authors <rollcall@rollcall-inventory.example>"
)

var architectures = []string{"amd64", "arm64"}

// linux makes the archives with all programs, the packages of each product, and the image of the aggregator.
func (r release) linux() error {
	for _, arch := range architectures {
		programs := map[string]string{} // where they are, by the product's name
		for _, p := range products {
			var err error
			if programs[p.name], err = r.build(p.module, p.name, "linux", arch); err != nil {
				return err
			}
		}
		if err := r.archive(arch, programs); err != nil {
			return err
		}
		for _, p := range products {
			for _, format := range p.formats {
				if err := r.distribution(p, format, arch, programs[p.name]); err != nil {
					return fmt.Errorf("%s of %s for %s: %w", format, p.name, arch, err)
				}
			}
		}
		if err := r.image(arch, programs["rollcall-aggregator"], programs["rollcall"]); err != nil {
			return fmt.Errorf("image for %s: %w", arch, err)
		}
	}
	return nil
}

// archive makes the tar.gz with everything.
func (r release) archive(arch string, programs map[string]string) error {
	name := fmt.Sprintf("rollcall-%s-linux-%s", r.version.name, arch)
	entries := []entry{
		{"LICENSE", r.file("LICENSE"), 0o644},
		{"CHANGELOG.md", r.file("CHANGELOG.md"), 0o644},
		{"README.md", r.file("README.md"), 0o644},
		{"agent.yaml.example", r.file("packaging/config/agent.yaml.example"), 0o644},
		{"aggregator.yaml.example", r.file("packaging/config/aggregator.yaml.example"), 0o644},
		{"rollcall-agent.service", r.file("packaging/agent/systemd/rollcall-agent.service"), 0o644},
		{"rollcall-aggregator.service", r.file("packaging/aggregator/systemd/rollcall-aggregator.service"), 0o644},
	}
	var inside []string
	for _, p := range products {
		entries = append(entries, entry{p.name, programs[p.name], 0o755})
		inside = append(inside, programs[p.name])
		for page, source := range r.manuals(p) {
			entries = append(entries, entry{page, source, 0o644})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	if err := tarball(r.artefact(name+".tar.gz"), name, r.at, entries); err != nil {
		return err
	}
	return r.sbom(name+".tar.gz", inside...)
}

// manuals are the man pages of a product, by name.
func (r release) manuals(p product) map[string]string {
	pages := map[string]string{}
	folder := "packaging/" + p.folder + "/man"
	entries, err := os.ReadDir(r.file(folder))
	if err != nil {
		return nil // it has none
	}
	for _, e := range entries {
		pages[e.Name()] = r.file(folder + "/" + e.Name())
	}
	return pages
}

// distribution makes a package of a product.
func (r release) distribution(p product, format, arch, program string) error {
	contents, err := r.contents(p, format, program)
	if err != nil {
		return err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: p.name, Arch: arch, Platform: "linux", Version: r.version.numbers, VersionSchema: "none",
		Prerelease: r.version.snapshot, Release: "1", Section: "admin", Priority: "optional",
		Maintainer: maintainer, Vendor: "The Rollcall authors", Homepage: homepage, License: "Apache-2.0",
		Description: p.description, DisableGlobbing: true, MTime: r.at,
	})
	info.Overridables = nfpm.Overridables{Contents: contents}
	info.RPM.BuildHost, info.RPM.Compression = "localhost", "zstd"
	info.RPM.Summary, info.RPM.Group = strings.Split(p.description, "\n")[0], "System Environment/Daemons"
	info.Deb.Compression = "xz"
	info.ArchLinux.Packager = maintainer
	if err := r.scripts(p, format, info); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	name := packager.ConventionalFileName(info)
	var b bytes.Buffer
	if err := packager.Package(info, &b); err != nil {
		return err
	}
	if err := os.WriteFile(r.artefact(name), b.Bytes(), 0o644); err != nil {
		return err
	}
	return r.sbom(name, program)
}

// contents are the files of a package: the product's own, and those that every program has.
func (r release) contents(p product, format, program string) (files.Contents, error) {
	var all files.Contents
	add := func(mode os.FileMode, kind, source, target string) {
		all = append(all, &files.Content{
			Source: source, Destination: target, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: r.at},
		})
	}
	add(0o755, "", program, "/usr/bin/"+p.name)
	for _, c := range p.contents {
		if slices.Contains(c.except, format) || len(c.only) > 0 && !slices.Contains(c.only, format) {
			continue
		}
		source := c.source
		if source != "" {
			source = r.file(source)
		}
		add(c.mode, c.kind, source, c.target)
	}
	completion := "packaging/" + p.folder + "/completion/"
	add(0o644, "", r.file(completion+p.name+".bash"), "/usr/share/bash-completion/completions/"+p.name)
	add(0o644, "", r.file(completion+p.name+".fish"), "/usr/share/fish/vendor_completions.d/"+p.name+".fish")
	site := map[string]string{"deb": "vendor-completions"}[format]
	if site == "" {
		site = "site-functions"
	}
	add(0o644, "", r.file(completion+"_"+p.name), "/usr/share/zsh/"+site+"/_"+p.name)
	for page, source := range r.manuals(p) {
		packed, err := r.gzipped(page, source)
		if err != nil {
			return nil, err
		}
		add(0o644, "", packed, "/usr/share/man/man"+page[len(page)-1:]+"/"+page+".gz")
	}
	if format != "deb" {
		add(0o644, "", r.file("LICENSE"), "/usr/share/licenses/"+p.name+"/LICENSE")
		return all, nil
	}
	changelog, err := r.debianChangelog(p)
	if err != nil {
		return nil, err
	}
	add(0o644, "", changelog, "/usr/share/doc/"+p.name+"/changelog.Debian.gz")
	overrides, err := r.overrides(p)
	if err != nil {
		return nil, err
	}
	add(0o644, "", r.file("packaging/debian/copyright"), "/usr/share/doc/"+p.name+"/copyright")
	add(0o644, "", overrides, "/usr/share/lintian/overrides/"+p.name)
	return all, nil
}

// gzipped compresses a file without its name and date, and returns where it is.
func (r release) gzipped(name, source string) (string, error) {
	raw, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	out := filepath.Join(r.stage, name+".gz")
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(raw); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return out, os.WriteFile(out, b.Bytes(), 0o644)
}

// debianChangelog writes the changelog in Debian's form: one entry, which says where the real one is.
func (r release) debianChangelog(p product) (string, error) {
	text := fmt.Sprintf("%s (%s-1) stable; urgency=medium\n\n  * See %s/blob/main/CHANGELOG.md\n\n -- %s  %s\n",
		p.name, r.version.debian(), homepage, maintainer, r.at.Format("Mon, 02 Jan 2006 15:04:05 +0000"))
	plain := filepath.Join(r.stage, "changelog.Debian-"+p.name)
	if err := os.WriteFile(plain, []byte(text), 0o644); err != nil {
		return "", err
	}
	return r.gzipped("changelog.Debian-"+p.name, plain)
}

// overrides writes what lintian is told about a package: what holds for all of them, and for this one.
func (r release) overrides(p product) (string, error) {
	raw, err := os.ReadFile(r.file("packaging/debian/lintian-overrides"))
	if err != nil {
		return "", err
	}
	raw = bytes.ReplaceAll(raw, []byte("@PACKAGE@"), []byte(p.name))
	own, err := os.ReadFile(r.file("packaging/" + p.folder + "/lintian-overrides"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	out := filepath.Join(r.stage, "lintian-overrides-"+p.name)
	return out, os.WriteFile(out, append(raw, own...), 0o644)
}
