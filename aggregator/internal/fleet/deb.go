// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// stableMark stands before the number that Debian raises when it updates a package of a stable release.
const stableMark = "+deb12u"

// raised returns the version after that many updates, each above the one before in dpkg's order.
func raised(version string, updates int) string {
	if updates == 0 {
		return version
	}
	if i := strings.LastIndex(version, stableMark); i >= 0 {
		if n, err := strconv.Atoi(version[i+len(stableMark):]); err == nil && n >= 0 && n < 1<<30 {
			return version[:i] + stableMark + strconv.Itoa(n+updates)
		}
	}
	return version + stableMark + strconv.Itoa(updates)
}

// body returns the canonical body of a package after that many updates, with the fields that the agent sends.
func (p *debPackage) body(updates int) ([]byte, error) {
	source, sourceVersion := p.built()
	version := raised(p.version, updates)
	d := &inventoryv1.DebPackage{
		Name: &p.name, Version: &version, Source: &source, Arch: &p.arch, Revision: present(revisionOf(version)),
		Status: proto.String("install ok installed"), Maintainer: present(p.maintainer), Section: present(p.section),
		Priority: present(p.priority), SourceVersion: proto.String(raised(sourceVersion, updates)),
		Homepage: present(p.homepage), Summary: present(p.title), MultiArch: present(p.multiArch),
		Purl: proto.String("pkg:deb/debian/" + escaped(p.name) + "@" + escaped(version) + "?arch=" + p.arch + "&distro=debian-12"),
	}
	if p.size > 0 {
		d.Size = proto.Int64(p.size + int64(updates)%3) // a fix weighs next to nothing
	}
	if p.essential {
		d.Essential = proto.Bool(true)
	}
	body, err := asset.Canonical(d)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", p.name, err)
	}
	return body, nil
}

// present returns nil for an empty text: a fact that is not known is left out.
func present(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// revisionOf returns what stands behind the last hyphen.
func revisionOf(version string) string {
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return version[i+1:]
	}
	return ""
}

// escaped spells a name or version for a package URL; of what Debian allows in them only the plus is escaped.
func escaped(text string) string { return strings.ReplaceAll(text, "+", "%2B") }

// complete makes up the texts that a compact index leaves out, as long as real ones.
func (p *debPackage) complete() {
	source, _ := p.built()
	d := dieOf(source)
	if p.maintainer == "" {
		p.maintainer = teams[d.of(saltText).n(len(teams))] + " <pkg-" + source + "@lists.example.org>"
		p.homepage = "https://www.example.org/projects/" + source
	}
	if p.title == "" {
		d = dieOf(p.name)
		p.title = openings[d.n(len(openings))] + " " + p.name + " " + purposes[d.of(saltText).n(len(purposes))]
	}
}

var (
	teams = []string{
		"Debian QA Group", "Debian Perl Group", "Debian Python Team", "Debian GNOME Maintainers", "Debian Java Maintainers",
		"Debian Multimedia Maintainers", "Debian Science Maintainers", "Debian GCC Maintainers", "Debian Kernel Team",
	}
	openings = []string{"shared library of", "development files for", "command line tools of", "documentation of", "server part of"}
	purposes = []string{"for programs", "(common files)", "with support for plugins", "for use on desktops and servers", "- runtime"}
)

// weightOf says how often a source package is updated compared with others: what faces the network more, texts and
// fonts less, and a few of all kinds much more.
func weightOf(source, section string) uint64 {
	weight := uint64(8)
	switch section {
	case "kernel", "web", "httpd", "database", "net", "mail", "admin", "utils", "php", "java":
		weight = 24
	case "doc", "fonts", "localization", "perl", "haskell", "ocaml", "metapackages":
		weight = 2
	}
	if dieOf(source).of(saltWeight).n(16) == 0 {
		weight *= 5
	}
	return weight
}
