// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"regexp"
	"slices"
	"strings"
)

// split parts the poms of an archive into the one that is about it, nil if none is, and those of what was shaded into it.
// A single pom is the archive's own; of several it is the one whose artifact the file is called after, the longest name
// first. Poms that name nothing are left out.
func split(file string, poms []pom) (own *pom, others []pom) {
	poms = slices.DeleteFunc(poms, func(p pom) bool { _, evidence := p.both(); return evidence == "" })
	best, length := -1, 0
	for i := range poms {
		c, _ := poms[i].both()
		if len(poms) == 1 || calledAfter(file, c) && len(c.artifact) > length {
			best, length = i, len(c.artifact)
		}
	}
	if best < 0 {
		return nil, poms
	}
	own = &pom{}
	*own = poms[best]
	return own, slices.Delete(poms, best, best+1)
}

// bundled are endings that builds give to an archive with everything in it.
var bundled = []string{"all", "shaded", "uber", "fat", "bundle", "standalone", "jar-with-dependencies", "exec", "boot"}

// calledAfter tells whether a file has the name of an artifact, with or without a version or an ending of its build.
func calledAfter(file string, c coordinates) bool {
	rest, ok := strings.CutPrefix(stem(file), c.artifact)
	if !ok || rest == "" {
		return ok
	}
	if !strings.ContainsRune("-_.", rune(rest[0])) {
		return false
	}
	rest = rest[1:]
	return versionBegins(rest) || c.version != "" && strings.HasPrefix(rest, c.version) || slices.Contains(bundled, rest)
}

// stem is a file's name without the extension of an archive.
func stem(file string) string {
	if !Named(file) {
		return file
	}
	return file[:strings.LastIndexByte(file, '.')]
}

// named completes an archive's own component: after its pom, else after its manifest and file name, else with the file
// name alone and no version. A bundle of OSGi is never split by its file name: it says what it is called.
func named(c Component, file string, m manifest, own *pom) Component {
	c.Name, c.Version, c.Evidence = file, Unknown, evidenceNone
	name, version, evidence := describe(file, m)
	var told coordinates
	if own != nil {
		told, c.Evidence = own.both()
		c.Name, c.Group, c.Coordinates = told.artifact, told.group, told.group != ""
		c.License, c.Vendor = told.license, told.vendor
		if told.version != "" {
			c.Version = told.version
		} else if version != "" {
			c.Version = version
		}
	} else if name != "" && version != "" {
		c.Name, c.Version, c.Evidence = name, version, evidence
		c.Group, c.Coordinates = group(m, name)
	}
	if c.License == "" {
		license, _, _ := strings.Cut(m.first("bundle-license"), ";")
		c.License = license
	}
	if c.Vendor == "" {
		c.Vendor = m.first("implementation-vendor", "bundle-vendor")
	}
	return c
}

// describe names an archive after its manifest and its file.
func describe(file string, m manifest) (name, version, evidence string) {
	fromFile, fileVersion := splitName(stem(file))
	symbolic, bundleVersion := m.symbolicName(), m.first("bundle-version")
	if symbolic != "" && bundleVersion != "" && strings.HasPrefix(stem(file), symbolic+"_") {
		return symbolic, bundleVersion, evidenceManifest // as Eclipse names its bundles
	}
	version, evidence = fileVersion, evidenceFileName
	if version == "" {
		version = m.first("implementation-version", "specification-version", "plugin-version", "bundle-version")
		evidence = evidenceManifest
	}
	name = fromFile
	if symbolic != "" && strings.Contains(m["created-by"], "Apache Maven Bundle Plugin") {
		name, evidence = artifactOf(symbolic, fromFile, m), evidenceManifest
	} else if name == "" {
		name = m.first("name", "bundle-name", "short-name", "extension-name", "implementation-title")
		evidence = evidenceManifest
	}
	return name, version, evidence
}

// artifactOf returns the artifact id of a bundle: what follows its group, which is how the Maven bundle plug-in makes the
// symbolic name of the two.
func artifactOf(symbolic, fromFile string, m manifest) string {
	if fromFile != "" && (symbolic == fromFile || strings.HasSuffix(symbolic, "."+fromFile)) {
		return fromFile
	}
	if vendor := m.first("implementation-vendor-id"); vendor != "" && strings.HasPrefix(symbolic, vendor+".") {
		return symbolic[len(vendor)+1:]
	}
	return symbolic[strings.LastIndexByte(symbolic, '.')+1:]
}

// groupShape is a domain turned around, of two parts at least.
var groupShape = regexp.MustCompile(`^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$`)

// group finds the group of what no pom names. It is certain where the manifest has it as such, or joined to the name; a
// module's or main class's package is only likely.
func group(m manifest, name string) (group string, certain bool) {
	if id := m.first("implementation-vendor-id"); groupShape.MatchString(id) {
		return id, true
	}
	for _, joined := range []string{m.symbolicName(), m.first("automatic-module-name")} {
		if g, ok := strings.CutSuffix(joined, "."+name); ok && groupShape.MatchString(g) {
			return g, true
		}
	}
	for _, likely := range []string{m.symbolicName(), m.first("automatic-module-name"), packageOf(m.first("main-class"))} {
		if groupShape.MatchString(likely) && !strings.HasPrefix(likely, "org.springframework.boot.loader") {
			return likely, false
		}
	}
	return "", false
}

// packageOf is the package of a class.
func packageOf(class string) string {
	return class[:max(strings.LastIndexByte(class, '.'), 0)]
}
