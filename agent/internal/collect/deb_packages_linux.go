// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// The files of dpkg. Images without a package manager keep one control file per package in status.d instead of status.
const (
	dpkgStatus  = "var/lib/dpkg/status"
	dpkgStatusD = "var/lib/dpkg/status.d"
	dpkgInfo    = "var/lib/dpkg/info"
)

func init() {
	register(Collector{
		Name: "deb_packages", Collect: collectDebPackages,
		Sources: append(slices.Clone(osReleaseFiles), dpkgStatus, dpkgStatusD, dpkgInfo),
	})
}

// collectDebPackages lists the packages that dpkg counts as installed: state installed, triggers-awaited or
// triggers-pending, whatever is wanted of them (a package on hold is there). What only left its configuration behind,
// or never got beyond being unpacked, is not listed.
//
// Source: deb-control(5), dpkg-query(1); the time of installation is that of the package's list of files.
func collectDebPackages(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	texts, err := dpkgTexts(h)
	if err != nil {
		return err
	}
	p := debParser{distro: distroOf(h)}
	for _, t := range texts {
		if err := p.parse(t.text, t.implied); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for _, d := range p.found {
		d.InstallTime = debInstallTime(h, d)
	}
	snap.DebPackages = p.found
	return nil
}

// dpkgText is one file of control paragraphs.
type dpkgText struct {
	name string
	text string
	// implied tells that a paragraph without Status is an installed package.
	implied bool
}

// dpkgTexts reads the status file and the files of status.d; ErrAbsent when there is neither.
func dpkgTexts(h host.Host) ([]dpkgText, error) {
	var texts []dpkgText
	raw, err := host.ReadFile(h.FS(), dpkgStatus, largeFile)
	if err == nil {
		texts = append(texts, dpkgText{name: dpkgStatus, text: string(raw)})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, err := fs.ReadDir(h.FS(), dpkgStatusD)
	if errors.Is(err, fs.ErrNotExist) && texts == nil {
		return nil, ErrAbsent
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md5sums") || e.IsDir() {
			continue
		}
		name := path.Join(dpkgStatusD, e.Name())
		raw, err := host.ReadFile(h.FS(), name, smallFile)
		if err != nil {
			return nil, err
		}
		texts = append(texts, dpkgText{name: name, text: string(raw), implied: true})
	}
	return texts, nil
}

// debInstallTime is when dpkg last wrote the package's list of files. Packages that may be installed for several
// architectures at once have the architecture in that file's name.
func debInstallTime(h host.Host, d *inventoryv1.DebPackage) *string {
	plain := dpkgInfo + "/" + d.GetName() + ".list"
	names := [2]string{plain, dpkgInfo + "/" + d.GetName() + ":" + d.GetArch() + ".list"}
	if d.GetMultiArch() == "same" {
		names[0], names[1] = names[1], names[0]
	}
	for _, name := range names {
		if info, err := fs.Stat(h.FS(), name); err == nil {
			return installTime(info.ModTime())
		}
	}
	return nil
}

// debParser reads control paragraphs into packages.
type debParser struct {
	distro distro
	found  []*inventoryv1.DebPackage
	text   arena
	rows   []inventoryv1.DebPackage
}

// debFields are the fields of one paragraph that matter.
type debFields struct {
	name, status, priority, section, size, maintainer, arch, multiArch, source, version, summary, homepage, essential string
}

// parse reads all paragraphs of a text in one pass. A line that is none of a paragraph's is an error: a database that
// cannot be read must not look like a machine without packages.
func (p *debParser) parse(text string, implied bool) error {
	var f debFields
	for n := 1; len(text) > 0; n++ {
		var line string
		line, text = cutLine(text)
		if strings.TrimLeft(line, " \t") == "" {
			p.add(&f, implied)
			f = debFields{}
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue // more of a field of which one line is enough
		}
		colon := strings.IndexByte(line, ':')
		if colon <= 0 {
			return fmt.Errorf("line %d is not a field of a control paragraph", n)
		}
		if field := f.field(line[:colon]); field != nil {
			*field = strings.Trim(line[colon+1:], " \t")
		}
	}
	p.add(&f, implied)
	return nil
}

// field returns where the value of a field belongs, nil if it does not matter.
func (f *debFields) field(name string) *string {
	switch name {
	case "Package":
		return &f.name
	case "Status":
		return &f.status
	case "Priority":
		return &f.priority
	case "Section":
		return &f.section
	case "Installed-Size":
		return &f.size
	case "Maintainer":
		return &f.maintainer
	case "Architecture":
		return &f.arch
	case "Multi-Arch":
		return &f.multiArch
	case "Source":
		return &f.source
	case "Version":
		return &f.version
	case "Description":
		return &f.summary
	case "Homepage":
		return &f.homepage
	case "Essential":
		return &f.essential
	}
	return nil
}

// installed tells whether the package's files are in use.
func (f *debFields) installed(implied bool) bool {
	if f.status == "" {
		return implied
	}
	state := f.status[strings.LastIndexByte(f.status, ' ')+1:]
	return state == "installed" || state == "triggers-awaited" || state == "triggers-pending"
}

// add makes a row of a paragraph.
func (p *debParser) add(f *debFields, implied bool) {
	if f.name == "" || !f.installed(implied) {
		return
	}
	source, sourceVersion := f.name, f.version
	if f.source != "" {
		var version string
		source, version, _ = strings.Cut(f.source, " ")
		if version = strings.Trim(version, " ()"); version != "" {
			sourceVersion = version
		}
	}
	var revision string
	if i := strings.LastIndexByte(f.version, '-'); i >= 0 {
		revision = f.version[i+1:]
	}
	if len(p.rows) == 0 {
		p.rows = make([]inventoryv1.DebPackage, 256)
	}
	d := &p.rows[0]
	p.rows = p.rows[1:]
	d.Name, d.Version, d.Arch = p.text.fact(f.name), p.text.fact(f.version), p.text.fact(f.arch)
	d.Source, d.SourceVersion, d.Revision = p.text.fact(source), p.text.fact(sourceVersion), p.text.fact(revision)
	d.Status, d.Maintainer, d.Homepage = p.text.fact(f.status), p.text.fact(f.maintainer), p.text.fact(f.homepage)
	d.Section, d.Priority, d.Summary = p.text.fact(f.section), p.text.fact(f.priority), p.text.fact(f.summary)
	d.MultiArch, d.Size = p.text.fact(f.multiArch), number(f.size)
	if f.essential == "yes" {
		d.Essential = proto.Bool(true)
	}
	d.Purl = p.text.fact(p.distro.purl(packageurl.TypeDebian, d.GetName(), d.GetVersion(), d.GetArch()))
	p.found = append(p.found, d)
}
