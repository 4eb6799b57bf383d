// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The parts of SPDX 2.3 that are used.
type (
	spdx struct {
		Version       string         `json:"spdxVersion"`
		License       string         `json:"dataLicense"`
		ID            string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		Creation      creation       `json:"creationInfo"`
		Packages      []component    `json:"packages"`
		Relationships []relationship `json:"relationships"`
	}
	creation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	component struct {
		ID        string     `json:"SPDXID"`
		Name      string     `json:"name"`
		Version   string     `json:"versionInfo"`
		File      string     `json:"packageFileName,omitempty"`
		Location  string     `json:"downloadLocation"`
		Analyzed  bool       `json:"filesAnalyzed"`
		Checksums []checksum `json:"checksums,omitempty"`
		Concluded string     `json:"licenseConcluded"`
		Declared  string     `json:"licenseDeclared"`
		Copyright string     `json:"copyrightText"`
		Comment   string     `json:"comment,omitempty"`
		Refs      []ref      `json:"externalRefs,omitempty"`
	}
	checksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	ref struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	relationship struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

const noAssertion = "NOASSERTION"

// sbom writes an SPDX document beside an artefact: which modules the programs inside are linked from, as the programs
// themselves say it.
func (r release) sbom(artefact string, programs ...string) error {
	raw, err := os.ReadFile(r.artefact(artefact))
	if err != nil {
		return err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(raw))
	top := component{
		ID: "SPDXRef-Package", Name: artefact, Version: r.version.name, File: artefact, Location: homepage,
		Checksums: []checksum{{"SHA256", sum}}, Concluded: "Apache-2.0", Declared: "Apache-2.0", Copyright: noAssertion,
	}
	doc := spdx{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: artefact,
		Namespace:     homepage + "/spdx/" + artefact + "-" + sum,
		Creation:      creation{r.at.Format(time.RFC3339), []string{"Tool: rollcall-package", "Organization: The Rollcall authors"}},
		Packages:      []component{top},
		Relationships: []relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", top.ID}},
	}
	for _, program := range programs {
		if err := doc.program(top.ID, program, r.version.name); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
	}
	out, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(r.artefact(artefact+".spdx.json"), append(out, '\n'), 0o644)
}

// program adds a program and the modules that it is linked from.
func (d *spdx) program(top, path, version string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	name := filepath.Base(path)
	id := spdxID(name)
	d.Packages = append(d.Packages, component{
		ID: id, Name: name, Version: version, Location: homepage,
		Checksums: []checksum{{"SHA256", fmt.Sprintf("%x", sha256.Sum256(raw))}},
		Concluded: "Apache-2.0", Declared: "Apache-2.0", Copyright: noAssertion,
	})
	d.Relationships = append(d.Relationships, relationship{top, "CONTAINS", id})
	standard := &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
	for _, module := range append([]*debug.Module{standard}, info.Deps...) {
		d.module(id, module)
	}
	return nil
}

// module adds a module that a program is linked from. One of this repository has no version of its own.
func (d *spdx) module(program string, m *debug.Module) {
	sum, version := m.Sum, m.Version
	if m.Replace != nil {
		sum = m.Replace.Sum
		if m.Replace.Version != "" {
			version = m.Replace.Version
		}
	}
	id := spdxID(m.Path + "-" + version)
	if !slices.ContainsFunc(d.Packages, func(c component) bool { return c.ID == id }) {
		c := component{
			ID: id, Name: m.Path, Version: version, Location: noAssertion,
			Concluded: noAssertion, Declared: noAssertion, Copyright: noAssertion,
			Refs: []ref{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + m.Path + "@" + version}},
		}
		if sum != "" {
			c.Comment = "go.sum " + sum
		}
		d.Packages = append(d.Packages, c)
	}
	d.Relationships = append(d.Relationships, relationship{program, "DEPENDS_ON", id})
}

// spdxID makes an identifier of letters, digits, dots and hyphens.
func spdxID(text string) string {
	return "SPDXRef-" + strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' {
			return c
		}
		return '-'
	}, text)
}
