// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
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

	// The first line is the synopsis.
	description = `inventory agent that reports what changed
Collects what is on this machine (system, hardware, disks, network, packages)
and sends only what changed to a Rollcall aggregator. It opens no listening
socket and starts no other program.`
)

var architectures = []string{"amd64", "arm64"}

// linux makes the archives with both programs, and the packages of the agent.
func (r release) linux() error {
	for _, arch := range architectures {
		agent, err := r.build("agent", "linux", arch)
		if err != nil {
			return err
		}
		aggregator, err := r.build("aggregator", "linux", arch)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("rollcall-%s-linux-%s", r.version.name, arch)
		entries := []entry{
			{"rollcall-agent", agent, 0o755},
			{"rollcall-aggregator", aggregator, 0o755},
			{"LICENSE", r.file("LICENSE"), 0o644},
			{"CHANGELOG.md", r.file("CHANGELOG.md"), 0o644},
			{"README.md", r.file("README.md"), 0o644},
			{"agent.yaml.example", r.file("packaging/config/agent.yaml.example"), 0o644},
			{"aggregator.yaml.example", r.file("packaging/config/aggregator.yaml.example"), 0o644},
			{"rollcall-agent.service", r.file("packaging/agent/systemd/rollcall-agent.service"), 0o644},
			{"rollcall-aggregator.service", r.file("packaging/aggregator/systemd/rollcall-aggregator.service"), 0o644},
			{"rollcall-agent.1", r.file("packaging/agent/man/rollcall-agent.1"), 0o644},
			{"rollcall-agent.yaml.5", r.file("packaging/agent/man/rollcall-agent.yaml.5"), 0o644},
		}
		if err := tarball(r.artefact(name+".tar.gz"), name, r.at, entries); err != nil {
			return err
		}
		if err := r.sbom(name+".tar.gz", agent, aggregator); err != nil {
			return err
		}
		for _, format := range []string{"deb", "rpm", "apk", "archlinux"} {
			if err := r.distribution(format, arch, agent); err != nil {
				return fmt.Errorf("%s for %s: %w", format, arch, err)
			}
		}
	}
	return nil
}

// distribution makes a package of the agent.
func (r release) distribution(format, arch, agent string) error {
	contents, err := r.contents(format, agent)
	if err != nil {
		return err
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "rollcall-agent", Arch: arch, Platform: "linux", Version: r.version.numbers, VersionSchema: "none",
		Prerelease: r.version.snapshot, Release: "1", Section: "admin", Priority: "optional",
		Maintainer: maintainer, Vendor: "The Rollcall authors", Homepage: homepage, License: "Apache-2.0",
		Description: description, DisableGlobbing: true, MTime: r.at,
	})
	info.Overridables = nfpm.Overridables{Contents: contents}
	info.RPM.BuildHost, info.RPM.Compression, info.RPM.Summary, info.RPM.Group = "localhost", "zstd", strings.Split(description, "\n")[0], "System Environment/Daemons"
	info.Deb.Compression = "xz"
	if err := r.scripts(format, info); err != nil {
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
	return r.sbom(name, agent)
}

// contents are the files of a package.
func (r release) contents(format, agent string) (files.Contents, error) {
	var all files.Contents
	add := func(mode os.FileMode, kind, source, target string) {
		all = append(all, &files.Content{
			Source: source, Destination: target, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: r.at},
		})
	}
	add(0o755, "", agent, "/usr/bin/rollcall-agent")
	add(0o755, files.TypeDir, "", "/etc/rollcall-agent")
	add(0o755, files.TypeDir, "", "/etc/rollcall-agent/facts.d")
	add(0o644, files.TypeConfigNoReplace, r.file("packaging/config/agent.yaml.example"), "/etc/rollcall-agent/agent.yaml")
	add(0o644, "", r.file("packaging/agent/completion/rollcall-agent.bash"), "/usr/share/bash-completion/completions/rollcall-agent")
	add(0o644, "", r.file("packaging/agent/completion/rollcall-agent.fish"), "/usr/share/fish/vendor_completions.d/rollcall-agent.fish")
	site := map[string]string{"deb": "vendor-completions"}[format]
	if site == "" {
		site = "site-functions"
	}
	add(0o644, "", r.file("packaging/agent/completion/_rollcall-agent"), "/usr/share/zsh/"+site+"/_rollcall-agent")
	for page, section := range map[string]string{"rollcall-agent.1": "man1", "rollcall-agent.yaml.5": "man5"} {
		packed, err := r.gzipped(page, r.file("packaging/agent/man/"+page))
		if err != nil {
			return nil, err
		}
		add(0o644, "", packed, "/usr/share/man/"+section+"/"+page+".gz")
	}
	if format == "apk" {
		add(0o755, "", r.file("packaging/agent/openrc/rollcall-agent"), "/etc/init.d/rollcall-agent")
	} else {
		add(0o644, "", r.file("packaging/agent/systemd/rollcall-agent.service"), "/usr/lib/systemd/system/rollcall-agent.service")
	}
	if format != "deb" {
		add(0o644, "", r.file("LICENSE"), "/usr/share/licenses/rollcall-agent/LICENSE")
		return all, nil
	}
	changelog, err := r.debianChangelog()
	if err != nil {
		return nil, err
	}
	add(0o644, "", changelog, "/usr/share/doc/rollcall-agent/changelog.Debian.gz")
	add(0o644, "", r.file("packaging/agent/debian/copyright"), "/usr/share/doc/rollcall-agent/copyright")
	add(0o644, "", r.file("packaging/agent/debian/lintian-overrides"), "/usr/share/lintian/overrides/rollcall-agent")
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
func (r release) debianChangelog() (string, error) {
	text := fmt.Sprintf("rollcall-agent (%s-1) stable; urgency=medium\n\n  * See %s/blob/main/CHANGELOG.md\n\n -- %s  %s\n",
		r.version.debian(), homepage, maintainer, r.at.Format("Mon, 02 Jan 2006 15:04:05 +0000"))
	plain := filepath.Join(r.stage, "changelog.Debian")
	if err := os.WriteFile(plain, []byte(text), 0o644); err != nil {
		return "", err
	}
	return r.gzipped("changelog.Debian", plain)
}
