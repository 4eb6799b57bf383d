// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"bytes"
	"strings"
)

// manifest holds the attributes of a manifest's main section by name in lower case; nil for none.
type manifest map[string]string

// maxAttributes bounds what a manifest of nothing but attributes costs.
const maxAttributes = 1000

// parseManifest reads the main section. Lines end after 72 bytes and continue on the next, which begins with a blank; an
// empty line ends the section. What is no attribute is passed over.
//
// Source: the JAR File Specification, "JAR Manifest".
func parseManifest(raw []byte) manifest {
	m := manifest{}
	var name string
	var value strings.Builder
	end := func() {
		if name != "" {
			m[name] = strings.TrimSpace(value.String())
		}
		name = ""
		value.Reset()
	}
	for len(raw) > 0 && len(m) < maxAttributes {
		var line []byte
		line, raw = nextLine(raw)
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' {
			value.Write(line[1:])
			continue
		}
		end()
		key, rest, found := bytes.Cut(line, []byte(":"))
		if found {
			name = strings.ToLower(string(bytes.TrimSpace(key)))
			value.Write(bytes.TrimPrefix(rest, []byte(" ")))
		}
	}
	end()
	return m
}

// nextLine splits after the first line: its end is CR LF, LF or CR.
func nextLine(raw []byte) (line, rest []byte) {
	i := bytes.IndexAny(raw, "\r\n")
	if i < 0 {
		return raw, nil
	}
	if raw[i] == '\r' && i+1 < len(raw) && raw[i+1] == '\n' {
		return raw[:i], raw[i+2:]
	}
	return raw[:i], raw[i+1:]
}

// first returns the first of the attributes that says something.
func (m manifest) first(names ...string) string {
	for _, name := range names {
		if v := settled(m[name]); v != "" {
			return v
		}
	}
	return ""
}

// symbolicName is the Bundle-SymbolicName of OSGi without its directives.
func (m manifest) symbolicName() string {
	name, _, _ := strings.Cut(m["bundle-symbolicname"], ";")
	return settled(name)
}

// settled returns a text without blanks around it, nothing for one that a build left unfinished: ${project.version}.
func settled(s string) string {
	s = strings.Trim(strings.TrimSpace(s), `"`)
	if strings.Contains(s, "${") || len(s) > 1024 {
		return ""
	}
	return s
}
