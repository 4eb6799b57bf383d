// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a package index; Debian's largest have 65,000 packages in 50 MB.
const (
	maxIndexBytes    = 512 << 20 // unpacked
	maxLineBytes     = 1 << 20
	maxFieldBytes    = 4096 // of what goes into a package's body
	maxIndexPackages = 250_000
)

// debPackage is a paragraph of a package index, with the fields that the agent reports of an installed package.
type debPackage struct {
	name, version, source, arch, multiArch         string
	maintainer, section, priority, homepage, title string
	preDepends, depends, provides                  string
	size                                           int64
	essential                                      bool
}

// indexReader reads paragraphs one after the other.
type indexReader struct {
	file     string
	line     int
	packages []debPackage
	current  debPackage
	begun    int // line that the current paragraph begins at, 0 between paragraphs
}

// readIndex reads the paragraphs of a package index; file is what errors name.
//
// Source: deb-control(5), deb822(5).
func readIndex(r io.Reader, file string) ([]debPackage, error) {
	limited := &io.LimitedReader{R: r, N: maxIndexBytes + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 64<<10), maxLineBytes)
	x := indexReader{file: file}
	for lines.Scan() {
		x.line++
		if err := x.read(lines.Text()); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, x.line, err)
		}
	}
	err := lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: line of more than %d bytes", file, x.line+1, maxLineBytes)
	case err != nil:
		return nil, fmt.Errorf("%s:%d: %w", file, x.line+1, err)
	case limited.N == 0:
		return nil, fmt.Errorf("%s: index of more than %d bytes", file, maxIndexBytes)
	}
	if err := x.end(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", file, x.line, err)
	}
	return x.packages, nil
}

// read takes one line.
func (x *indexReader) read(line string) error {
	if !utf8.ValidString(line) || strings.IndexByte(line, 0) >= 0 {
		return errors.New("line is not UTF-8 text")
	}
	if strings.Trim(line, " \t\r") == "" {
		return x.end()
	}
	if line[0] == ' ' || line[0] == '\t' {
		if x.begun == 0 {
			return errors.New("continued line before the first field")
		}
		return nil // more of a field of which one line is enough
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" {
		return errors.New("line is not a field of a control paragraph")
	}
	if x.begun == 0 {
		x.begun = x.line
	}
	return x.current.set(name, strings.Trim(value, " \t\r"))
}

// end closes the current paragraph.
func (x *indexReader) end() error {
	if x.begun == 0 {
		return nil
	}
	p, begun := x.current, x.begun
	x.current, x.begun = debPackage{}, 0
	if p.name == "" || p.version == "" || p.arch == "" {
		return fmt.Errorf("paragraph from line %d lacks Package, Version or Architecture", begun)
	}
	if len(x.packages) == maxIndexPackages {
		return fmt.Errorf("index of more than %d packages", maxIndexPackages)
	}
	x.packages = append(x.packages, p)
	return nil
}

// set stores a field's value if the model needs it.
func (p *debPackage) set(name, value string) error {
	switch name {
	case "Pre-Depends":
		p.preDepends = value
		return nil
	case "Depends":
		p.depends = value
		return nil
	case "Provides":
		p.provides = value
		return nil
	case "Essential":
		p.essential = value == "yes"
		return nil
	case "Installed-Size":
		return p.setSize(value)
	}
	field := p.text(name)
	if field == nil {
		return nil
	}
	if len(value) > maxFieldBytes {
		return fmt.Errorf("%s of more than %d bytes", name, maxFieldBytes)
	}
	*field = value
	return nil
}

// setSize reads Installed-Size, in kibibytes.
func (p *debPackage) setSize(value string) error {
	size, err := strconv.ParseInt(value, 10, 64)
	if err != nil || size < 0 || size > 1<<40 {
		return fmt.Errorf("%.64q is no Installed-Size", value)
	}
	p.size = size
	return nil
}

// text returns where a field that is text belongs, nil if it does not matter.
func (p *debPackage) text(name string) *string {
	switch name {
	case "Package":
		return &p.name
	case "Version":
		return &p.version
	case "Source":
		return &p.source
	case "Architecture":
		return &p.arch
	case "Multi-Arch":
		return &p.multiArch
	case "Maintainer":
		return &p.maintainer
	case "Section":
		return &p.section
	case "Priority":
		return &p.priority
	case "Homepage":
		return &p.homepage
	case "Description":
		return &p.title
	}
	return nil
}

// built returns the source package's name and version: they are the package's own where the index says nothing else.
func (p *debPackage) built() (source, version string) {
	source, version = p.name, p.version
	if p.source == "" {
		return source, version
	}
	source, rest, _ := strings.Cut(p.source, " ")
	if rest = strings.Trim(rest, " ()"); rest != "" {
		version = rest
	}
	return source, version
}
