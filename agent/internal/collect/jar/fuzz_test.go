// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"
)

func FuzzJar(f *testing.F) {
	lib := build(f, properties("g", "lib", "1"), manifestOf("Class-Path: a.jar"))
	f.Add([]byte(lib))
	f.Add([]byte(build(f, entry{name: "BOOT-INF/lib/lib-1.jar", data: lib, store: true}, entry{name: "a.war", data: lib})))
	f.Add([]byte("#!/bin/sh\n" + lib))
	f.Add([]byte(lib[:len(lib)/2]))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := Read(bytes.NewReader(raw), int64(len(raw)), "name-1.jar")
		if err != nil {
			if !errors.Is(err, ErrNotArchive) {
				t.Errorf("an archive in memory can always be read: %v", err)
			}
			return
		}
		for _, c := range a.Components {
			if c.Name == "" || c.Version == "" || c.Evidence == "" {
				t.Errorf("component without name, version or evidence: %+v", c)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("Manifest-Version: 1.0\r\nBundle-SymbolicName: a.b;x:=y\r\nName-\r\n with: blank\r\n\r\nName: x\r\n"))
	f.Add([]byte(" : \n\r:"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parseManifest(raw)
		if len(m) > maxAttributes+1 {
			t.Errorf("%d attributes", len(m))
		}
		named(Component{}, "a-1.jar", m, nil)
	})
}

func FuzzPom(f *testing.F) {
	f.Add([]byte("#x\ngroupId=a\nartifactId = b\nversion:1\\:2\\u0041\n"))
	f.Add([]byte("<project><groupId>g</groupId><parent><version>1</version></parent><licenses><license><name>MIT</name></license></licenses></project>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p := pom{path: "x", properties: parsePomProperties(raw), xml: parsePomXML(raw)}
		if c := p.component(""); c.Evidence != "" && c.Name == "" {
			t.Errorf("evidence of nothing: %+v", c)
		}
	})
}

func FuzzSplitName(f *testing.F) {
	f.Add("log4j-1.2-api-2.17.1")
	f.Add("a_1")
	f.Fuzz(func(t *testing.T, stem string) {
		name, version := splitName(stem)
		if len(name)+len(version) > len(stem) || utf8.ValidString(stem) && !utf8.ValidString(name+version) {
			t.Errorf("%q became %q and %q", stem, name, version)
		}
	})
}
