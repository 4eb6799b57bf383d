// SPDX-License-Identifier: Apache-2.0

// Package jar finds out which libraries a Java archive holds: what names the archive itself, what was shaded into it, and
// the archives inside it, however deep.
//
// It reads archives that somebody else wrote, so everything has a limit: entries, depth, memory, and what all entries of one
// archive may expand to. What lies beyond a limit, or is damaged, is named after its file and not looked into. It opens
// no file and asks no network.
package jar

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the digest that lists of published archives are kept by, not a protection
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
)

// ErrNotArchive is returned for a file that is no zip file at all.
var ErrNotArchive = errors.New("not a zip file")

// Unknown is the version of what nothing gives a version.
const Unknown = "UNKNOWN"

// The texts that can name a component, best first.
const (
	evidencePomProperties = "pom_properties"
	evidencePomXML        = "pom_xml"
	evidenceManifest      = "manifest"
	evidenceFileName      = "file_name"
	evidenceNone          = "none"
)

// types are the extensions of what holds Java classes and looks like a zip file.
var types = []string{"jar", "war", "ear", "lpkg", "par", "sar", "nar", "kar", "rar", "zap", "jpi", "hpi"}

// Archive is what was found in one file.
type Archive struct {
	// Components has the archive itself first, then what is in it, in the order of its directory.
	Components []Component
	// ClassPath is the Class-Path of its manifest: addresses relative to the archive's folder.
	ClassPath []string
}

// Component is one library. What nothing tells is empty.
type Component struct {
	// Name is the artifact id, or the file's name with its extension where Version is Unknown.
	Name    string
	Group   string
	Version string
	// Coordinates tells that Group and Name are those of a Maven repository and not a group that merely looks likely.
	Coordinates bool
	// Nested is the path inside the outermost archive, archives parted by !/; empty for that archive. What was shaded into
	// an archive is where its pom is.
	Nested string
	// SHA1 and SHA256 are hexadecimal, of the archive; what was shaded into one has none.
	SHA1, SHA256 string
	// Evidence is what named it: pom_properties, pom_xml, manifest, file_name or none.
	Evidence string
	// Type is the archive's extension in lower case.
	Type            string
	License, Vendor string
}

// Named tells whether a file is called like an archive.
func Named(name string) bool { return slices.Contains(types, Type(name)) }

// Type returns the extension of a file's name in lower case, without its dot.
func Type(name string) string { return strings.ToLower(strings.TrimPrefix(path.Ext(name), ".")) }

// Read finds the components of an archive of the size and name given. The error is ErrNotArchive for other files, or
// that of the reader; a damaged archive is no error but a component named after its file.
func Read(r io.ReaderAt, size int64, name string) (Archive, error) {
	if !looksLikeZip(r, size) {
		return Archive{}, ErrNotArchive
	}
	file := path.Base(name)
	if size > maxArchive { // a file of holes can claim any size, and would be read to its end
		return Archive{Components: []Component{named(Component{Type: Type(file)}, file, manifest{}, nil)}}, nil
	}
	s := scan{budget: maxExpanded, buffer: make([]byte, 128<<10)}
	own, err := s.digest(r, size)
	if err != nil {
		return Archive{}, err
	}
	classPath := s.archive(section{r, size}, file, own)
	return Archive{Components: s.components, ClassPath: classPath}, nil
}

// section is an archive: a file, a part of one, or memory.
type section struct {
	r    io.ReaderAt
	size int64
}

// looksLikeZip tells whether the file begins as a zip file, or ends as one: a script may stand before it.
func looksLikeZip(r io.ReaderAt, size int64) bool {
	var head [4]byte
	if size < minArchive {
		return false
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return false
	}
	if bytes.Equal(head[:], []byte("PK\x03\x04")) {
		return true
	}
	_, found := endOfDirectory(r, size)
	return found
}

// digest reads an archive once for both of its digests.
func (s *scan) digest(r io.ReaderAt, size int64) (Component, error) {
	one, two := sha1.New(), sha256.New() //nolint:gosec // see above
	if _, err := io.CopyBuffer(io.MultiWriter(one, two), onlyRead{io.NewSectionReader(r, 0, size)}, s.buffer); err != nil {
		return Component{}, err
	}
	return Component{SHA1: hex.EncodeToString(one.Sum(nil)), SHA256: hex.EncodeToString(two.Sum(nil))}, nil
}

// onlyRead hides what else a reader can do, so that copying uses the buffer it is given.
type onlyRead struct{ io.Reader }
