// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"bytes"
	"encoding/xml"
	"path"
	"strconv"
	"strings"
)

// pom is one folder of Maven's in an archive.
type pom struct {
	path            string // of pom.properties, or of pom.xml where that is alone
	properties, xml coordinates
}

// coordinates is what a pom tells.
type coordinates struct {
	group, artifact, version, license, vendor string
}

// pomFolder returns the folder of a file of Maven's: META-INF/maven/<group>/<artifact>/pom.xml or pom.properties, in the
// archive itself or where application archives keep their classes.
func pomFolder(name string) (folder, file string) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "BOOT-INF/classes/"), "WEB-INF/classes/")
	rest, ok := strings.CutPrefix(name, "META-INF/maven/")
	if !ok || strings.Count(rest, "/") != 2 {
		return "", ""
	}
	folder, file = path.Split(rest)
	if file != "pom.xml" && file != "pom.properties" {
		return "", ""
	}
	return folder, file
}

// parsePomProperties reads what Maven's archiver writes of a project.
//
// Source: java.util.Properties.load, of which that is a small part.
func parsePomProperties(raw []byte) coordinates {
	var c coordinates
	for len(raw) > 0 {
		var line []byte
		line, raw = nextLine(raw)
		line = bytes.TrimSpace(line)
		at := bytes.IndexAny(line, "=:")
		if at < 0 || line[0] == '#' || line[0] == '!' {
			continue
		}
		value := settled(unescape(string(line[at+1:])))
		switch string(bytes.TrimSpace(line[:at])) {
		case "groupId":
			c.group = value
		case "artifactId":
			c.artifact = value
		case "version":
			c.version = value
		}
	}
	return c
}

// unescape resolves the escapes of a property's value.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		if s[i] == 'u' && i+4 < len(s) {
			if r, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
				out.WriteRune(rune(r))
				i += 4
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// parsePomXML reads a project's own coordinates; group and version may be those of its parent. What stands there as a
// property is not resolved.
//
// Source: the POM Reference of Apache Maven, https://maven.apache.org/pom.html.
func parsePomXML(raw []byte) coordinates {
	var p struct {
		XMLName  xml.Name `xml:"project"`
		Group    string   `xml:"groupId"`
		Artifact string   `xml:"artifactId"`
		Version  string   `xml:"version"`
		Parent   struct {
			Group   string `xml:"groupId"`
			Version string `xml:"version"`
		} `xml:"parent"`
		Licenses     []string `xml:"licenses>license>name"`
		Organization string   `xml:"organization>name"`
	}
	d := xml.NewDecoder(bytes.NewReader(raw))
	d.Strict = false
	if err := d.Decode(&p); err != nil {
		return coordinates{}
	}
	c := coordinates{
		group: settled(p.Group), artifact: settled(p.Artifact), version: settled(p.Version),
		vendor: settled(p.Organization),
	}
	if p.Group == "" {
		c.group = settled(p.Parent.Group)
	}
	if p.Version == "" {
		c.version = settled(p.Parent.Version)
	}
	if len(p.Licenses) > 16 {
		p.Licenses = p.Licenses[:16]
	}
	for i := range p.Licenses {
		p.Licenses[i] = strings.Join(strings.Fields(settled(p.Licenses[i])), " ")
	}
	c.license = strings.Trim(strings.Join(p.Licenses, ", "), ", ")
	return c
}

// both returns what the properties tell, else the pom, and which of the two names it. It names nothing without an
// artifact.
func (p pom) both() (c coordinates, evidence string) {
	c, evidence = p.properties, evidencePomProperties
	if c.artifact == "" {
		c, evidence = p.xml, evidencePomXML
	}
	if c.artifact == "" {
		return coordinates{}, ""
	}
	if p.xml.artifact == c.artifact {
		c.license, c.vendor = p.xml.license, p.xml.vendor
		if c.group == "" {
			c.group = p.xml.group
		}
		if c.version == "" {
			c.version = p.xml.version
		}
	}
	return c, evidence
}

// component is what was shaded into the archive at the path given.
func (p pom) component(nested string) Component {
	c, evidence := p.both()
	if c.version == "" {
		c.version = Unknown
	}
	return Component{
		Name: c.artifact, Group: c.group, Version: c.version, Coordinates: c.group != "", Nested: join(nested, p.path),
		Evidence: evidence, License: c.license, Vendor: c.vendor,
	}
}
