// SPDX-License-Identifier: Apache-2.0

// Command package makes the release: archives, packages of Linux distributions, an MSI, packages of macOS, a list of what
// is in each (SPDX), and check sums. The same commit gives the same bytes.
//
// It is a module of its own, because nothing else here needs what nfpm needs.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// release is what is made, and from what.
type release struct {
	root    string // of the repository
	out     string
	stage   string // files on their way
	only    string // a system, or empty for all
	version version
	at      time.Time // every time stamp
}

func main() {
	r := release{}
	flag.StringVar(&r.root, "root", "../..", "the repository")
	flag.StringVar(&r.out, "out", "dist", "where the release goes")
	name := flag.String("version", "dev", "what git describe says")
	epoch := flag.Int64("epoch", 0, "seconds since 1970 that files are dated with")
	flag.StringVar(&r.only, "only", "", "make this alone: linux, windows or macos")
	flag.Parse()
	r.version, r.at = parseVersion(*name, *epoch), time.Unix(*epoch, 0).UTC()
	if err := r.make(); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// make makes everything.
func (r release) make() error {
	stage, err := os.MkdirTemp("", "rollcall-package-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage) //nolint:errcheck // it lies in the temporary folder
	r.stage = stage
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		make func() error
	}{{"linux", r.linux}, {"windows", r.windows}, {"macos", r.macOS}} {
		if r.only != "" && r.only != step.name {
			continue
		}
		if err := step.make(); err != nil {
			return err
		}
	}
	return r.sums()
}

// file returns the path of a file of the repository.
func (r release) file(path string) string { return filepath.Join(r.root, filepath.FromSlash(path)) }

// artefact returns the path of a file of the release.
func (r release) artefact(name string) string { return filepath.Join(r.out, name) }

// sums writes SHA256SUMS, in the form of sha256sum(1).
func (r release) sums() error {
	entries, err := os.ReadDir(r.out) // sorted
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		if e.Name() == "SHA256SUMS" {
			continue
		}
		raw, err := os.ReadFile(r.artefact(e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(raw), e.Name())
	}
	fmt.Print(b.String())
	return os.WriteFile(r.artefact("SHA256SUMS"), []byte(b.String()), 0o644)
}
