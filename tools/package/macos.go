// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
)

const macIdentifier = "io.rollcall.agent"

// macOS makes an archive with an install script, the form to use, and a flat package without a signature.
func (r release) macOS() error {
	for _, arch := range architectures {
		agent, err := r.build("agent", "rollcall-agent", "darwin", arch)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("rollcall-agent-%s-darwin-%s", r.version.name, arch)
		entries := []entry{
			{"rollcall-agent", agent, 0o755},
			{"install.sh", r.file("packaging/agent/macos/install.sh"), 0o755},
			{"uninstall.sh", r.file("packaging/agent/macos/uninstall.sh"), 0o755},
			{macIdentifier + ".plist", r.file("packaging/agent/launchd/io.rollcall.agent.plist"), 0o644},
			{"agent.yaml.example", r.file("packaging/config/agent.yaml.example"), 0o644},
			{"rollcall-agent.1", r.file("packaging/agent/man/rollcall-agent.1"), 0o644},
			{"rollcall-agent.yaml.5", r.file("packaging/agent/man/rollcall-agent.yaml.5"), 0o644},
			{"LICENSE", r.file("LICENSE"), 0o644},
		}
		if err := tarball(r.artefact(name+".tar.gz"), name, r.at, entries); err != nil {
			return err
		}
		if err := r.sbom(name+".tar.gz", agent); err != nil {
			return err
		}
		pkg, err := r.flatPackage(arch, agent)
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.artefact(name+".pkg"), pkg, 0o644); err != nil {
			return err
		}
		if err := r.sbom(name+".pkg", agent); err != nil {
			return err
		}
	}
	return nil
}

// flatPackage makes a package for Installer: a xar of a distribution with one component.
func (r release) flatPackage(arch, agent string) ([]byte, error) {
	mac := r.file("packaging/agent/macos/")
	payload, err := readNodes([]node{
		{path: "usr/local/bin/rollcall-agent", source: agent, mode: 0o755},
		{path: "usr/local/share/man/man1/rollcall-agent.1", source: r.file("packaging/agent/man/rollcall-agent.1"), mode: 0o644},
		{path: "usr/local/share/man/man5/rollcall-agent.yaml.5", source: r.file("packaging/agent/man/rollcall-agent.yaml.5"), mode: 0o644},
		{path: "usr/local/share/rollcall-agent/agent.yaml.example", source: r.file("packaging/config/agent.yaml.example"), mode: 0o644},
		{path: "usr/local/share/rollcall-agent-uninstall.sh", source: mac + "/uninstall.sh", mode: 0o755},
		{path: "Library/LaunchDaemons/io.rollcall.agent.plist", source: r.file("packaging/agent/launchd/io.rollcall.agent.plist"), mode: 0o644},
		{path: "private/etc/rollcall-agent/facts.d", mode: 0o755, dir: true},
	})
	if err != nil {
		return nil, err
	}
	scripts, err := readNodes([]node{{path: "postinstall", source: mac + "/postinstall", mode: 0o755}})
	if err != nil {
		return nil, err
	}
	size := 0
	for _, n := range payload {
		size += len(n.content)
	}
	info := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<pkg-info format-version="2" identifier="%s" version="%s" install-location="/" auth="root">
  <payload installKBytes="%d" numberOfFiles="%d"/>
  <scripts><postinstall file="./postinstall"/></scripts>
</pkg-info>
`, macIdentifier, r.version.numbers, (size+1023)/1024, len(payload))
	machine := map[string]string{"amd64": "x86_64"}[arch]
	if machine == "" {
		machine = arch
	}
	distribution := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
  <title>Rollcall Agent</title>
  <options customize="never" require-scripts="true" hostArchitectures="%s"/>
  <domains enable_anywhere="false" enable_currentUserHome="false" enable_localSystem="true"/>
  <choices-outline><line choice="agent"/></choices-outline>
  <choice id="agent" title="Rollcall Agent"><pkg-ref id="%s"/></choice>
  <pkg-ref id="%s" version="%s" installKBytes="%d" auth="root">#agent.pkg</pkg-ref>
</installer-gui-script>
`, machine, macIdentifier, macIdentifier, r.version.numbers, (size+1023)/1024)
	packedPayload, err := packed(cpio(payload, r.at))
	if err != nil {
		return nil, err
	}
	packedScripts, err := packed(cpio(scripts, r.at))
	if err != nil {
		return nil, err
	}
	return xar(r.at, []member{
		{name: "Distribution", content: []byte(distribution)},
		{name: "agent.pkg", members: []member{
			{name: "Bom", content: bom(payload, r.at)},
			{name: "PackageInfo", content: []byte(info)},
			{name: "Payload", content: packedPayload},
			{name: "Scripts", content: packedScripts},
		}},
	})
}

// packed is content in gzip's form, without a date.
func packed(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// node is a file or folder of a payload.
type node struct {
	path    string // "." is the top
	source  string
	mode    uint16 // permissions
	dir     bool
	content []byte
}

// readNodes reads the files and adds the folders that they lie in, parents first.
func readNodes(nodes []node) ([]node, error) {
	out := []node{{path: ".", mode: 0o755, dir: true}}
	seen := map[string]bool{}
	for _, n := range nodes {
		parts := strings.Split(n.path, "/")
		for i := 1; i < len(parts); i++ {
			parent := strings.Join(parts[:i], "/")
			if !seen[parent] {
				seen[parent] = true
				out = append(out, node{path: parent, mode: 0o755, dir: true})
			}
		}
		if !n.dir {
			raw, err := os.ReadFile(n.source)
			if err != nil {
				return nil, err
			}
			n.content = raw
		}
		seen[n.path] = true
		out = append(out, n)
	}
	return out, nil
}
