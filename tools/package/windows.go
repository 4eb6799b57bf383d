// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec" //nolint:depguard // a build tool
	"path/filepath"
	"strings"
	"time"
)

// windows makes archives of the agent, and the MSI. wixl knows one architecture of today: arm64 gets the archive, whose
// program registers its service itself.
func (r release) windows() error {
	for _, arch := range architectures {
		agent, err := r.build("agent", "rollcall-agent", "windows", arch)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("rollcall-agent-%s-windows-%s", r.version.name, arch)
		entries := []entry{
			{"rollcall-agent.exe", agent, 0o755},
			{"agent.yaml.example", r.file("packaging/config/agent.yaml.example"), 0o644},
			{"LICENSE.txt", r.file("LICENSE"), 0o644},
		}
		if err := zipball(r.artefact(name+".zip"), name, r.at, entries); err != nil {
			return err
		}
		if err := r.sbom(name+".zip", agent); err != nil {
			return err
		}
		if arch != "amd64" {
			continue
		}
		if _, err := exec.LookPath("wixl"); err != nil {
			fmt.Fprintln(os.Stderr, "package: NO MSI: wixl is not on this machine (tools/e2e-deps.sh installs it)")
			continue
		}
		if err := r.msi(name+".msi", entries, agent); err != nil {
			return err
		}
		if err := r.sbom(name+".msi", agent); err != nil {
			return err
		}
	}
	return nil
}

// msi makes the MSI of the agent.
func (r release) msi(name string, entries []entry, agent string) error {
	dir, err := os.MkdirTemp(r.stage, "msi-")
	if err != nil {
		return err
	}
	entries = append(entries, entry{"rollcall-agent.wxs", r.file("packaging/agent/windows/rollcall-agent.wxs"), 0o644})
	for _, e := range entries { // wixl finds files beside its input, and packs their times
		raw, err := os.ReadFile(e.source)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, e.name)
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, r.at, r.at); err != nil {
			return err
		}
	}
	program, err := os.ReadFile(agent)
	if err != nil {
		return err
	}
	_, err = run(dir, "wixl", "-a", "x64", "-D", "ProductCode="+uuid("msi product", r.version.name),
		"-D", "Version="+r.version.numbers, "-o", "agent.msi", "rollcall-agent.wxs")
	if err != nil {
		return err
	}
	statements, err := os.ReadFile(r.file("packaging/agent/windows/rollcall-agent.sql"))
	if err != nil {
		return err
	}
	for statement := range strings.Lines(string(statements)) {
		statement = strings.ReplaceAll(strings.TrimSpace(statement), "$(var.Version)", r.version.numbers)
		if _, err := run(dir, "msibuild", "agent.msi", "-q", statement); err != nil {
			return err
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "agent.msi"))
	if err != nil {
		return err
	}
	code := "{" + uuid("msi package", r.version.name, string(program)) + "}"
	if err := settleSummary(raw, code, r.at); err != nil {
		return err
	}
	return os.WriteFile(r.artefact(name), raw, 0o644)
}

// summaryFormat is the FMTID of SummaryInformation, as it stands in a file.
var summaryFormat = []byte{0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9}

const (
	vtString = 30
	vtTime   = 64
	// revision is the property that holds the package code, as long as any other of the form {…}.
	revision = 9
	// ticksTo1970 is 1970 in FILETIME's steps of 100 ns since 1601.
	ticksTo1970 = 116444736000000000
)

// settleSummary puts package code and times into the summary of an MSI, in place: wixl makes new ones every time.
//
// Source: [MS-OLEPS] 2.20, PropertySet.
func settleSummary(msi []byte, code string, at time.Time) error {
	const head = 28 // bytes of the stream before the FMTID
	place := bytes.Index(msi, summaryFormat)
	if place < head || bytes.Contains(msi[place+1:], summaryFormat) || place+20 > len(msi) {
		return errors.New("msi: no summary, or several")
	}
	set := msi[place-head:]
	set = set[binary.LittleEndian.Uint32(set[head+16:]):]
	settled := 0
	for i := range binary.LittleEndian.Uint32(set[4:]) {
		id := binary.LittleEndian.Uint32(set[8+8*i:])
		value := set[binary.LittleEndian.Uint32(set[12+8*i:]):]
		switch kind := binary.LittleEndian.Uint32(value); {
		case kind == vtTime:
			binary.LittleEndian.PutUint64(value[4:], uint64(at.UnixNano()/100+ticksTo1970))
			settled++
		case kind == vtString && id == revision:
			if int(binary.LittleEndian.Uint32(value[4:])) != len(code)+1 {
				return errors.New("msi: the package code has an unknown form")
			}
			copy(value[8:], code)
			settled++
		}
	}
	if settled != 3 {
		return fmt.Errorf("msi: %d values of the summary were found, not created, saved and package code", settled)
	}
	return nil
}
