// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"strings"
)

// Limits of one outermost archive and everything in it.
const (
	maxDepth      = 16
	maxExpanded   = 2 << 30  // bytes that archives in it may have together
	maxHeld       = 64 << 20 // bytes of one compressed archive in another, which has to be held in memory
	maxRatio      = 200      // of such an archive; real ones hardly shrink a second time
	maxSeen       = 1_000_000
	maxComponents = 20_000
	maxPoms       = 2_000   // in one archive
	maxText       = 1 << 20 // bytes of a pom or manifest
)

// scan is one walk through an archive and what is in it.
type scan struct {
	components []Component
	seen       int   // entries
	budget     int64 // bytes that may still be expanded
	held       []byte
	buffer     []byte // for digests
}

// archive adds the components of one archive, whose own has its digests and its path already, and returns its class path.
func (s *scan) archive(a section, file string, own Component) []string {
	own.Type = Type(file)
	z, err := openDirectory(a)
	if err == nil {
		s.seen += len(z.File)
	}
	if err != nil || s.seen > maxSeen {
		s.add(named(own, file, manifest{}, nil))
		return nil
	}
	m, poms := s.texts(z)
	mine, others := split(file, poms)
	s.add(named(own, file, m, mine))
	for _, other := range others {
		s.add(other.component(own.Nested))
	}
	s.inside(a, z, own.Nested)
	return strings.Fields(m["class-path"])
}

// add appends a component unless there are too many.
func (s *scan) add(c Component) {
	if len(s.components) < maxComponents {
		s.components = append(s.components, c)
	}
}

// inside adds the components of the archives in an archive.
func (s *scan) inside(a section, z *zip.Reader, nested string) {
	for _, f := range z.File {
		if !Named(f.Name) || f.UncompressedSize64 < minArchive || len(s.components) >= maxComponents {
			continue
		}
		own := Component{Nested: join(nested, f.Name)}
		file := path.Base(f.Name)
		inner, release, ok := s.open(a, f, strings.Count(own.Nested, "!/"))
		if !ok {
			own.Type = Type(file)
			s.add(named(own, file, manifest{}, nil))
			continue
		}
		if looksLikeZip(inner.r, inner.size) {
			if sums, err := s.digest(inner.r, inner.size); err == nil {
				own.SHA1, own.SHA256 = sums.SHA1, sums.SHA256
				s.archive(inner, file, own)
			}
		}
		release()
	}
}

// join appends the name of an entry to the path of its archive.
func join(nested, name string) string {
	if nested == "" {
		return name
	}
	return nested + "!/" + name
}

// open makes an archive of an entry: of its place in the file where it is stored as it is, else in memory, which the
// caller gives back with release. It refuses what is beyond the limits.
func (s *scan) open(a section, f *zip.File, depth int) (inner section, release func(), ok bool) {
	size := int64(f.UncompressedSize64)
	if depth >= maxDepth || size < 0 || size > s.budget || f.Flags&1 != 0 { // bit 0: encrypted
		return section{}, nil, false
	}
	if f.Method == zip.Store {
		offset, err := f.DataOffset()
		if err != nil || f.CompressedSize64 != f.UncompressedSize64 || offset > a.size-size {
			return section{}, nil, false
		}
		s.budget -= size
		return section{io.NewSectionReader(a.r, offset, size), size}, func() {}, true
	}
	if size > maxHeld || f.UncompressedSize64/maxRatio > f.CompressedSize64 {
		return section{}, nil, false
	}
	s.budget -= size
	before := len(s.held)
	raw, err := s.expand(f, size)
	if err != nil {
		s.held = s.held[:before]
		return section{}, nil, false
	}
	return section{bytes.NewReader(raw), size}, func() { s.held = s.held[:before] }, true
}

// expand unpacks an entry behind those that are held already. All of them together stay below maxHeld; their memory is
// used again for the next one.
func (s *scan) expand(f *zip.File, size int64) ([]byte, error) {
	begin := len(s.held)
	if int64(begin)+size > maxHeld {
		return nil, errTooLarge
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if cap(s.held)-begin < int(size) {
		// Archives that are open now keep their old memory.
		s.held = append(make([]byte, 0, begin+int(size)), s.held...)
	}
	s.held = s.held[:begin+int(size)]
	if _, err := io.ReadFull(r, s.held[begin:]); err != nil {
		return nil, err
	}
	return s.held[begin:], nil
}

// texts reads what may name the archive: the manifest, and all poms by folder.
func (s *scan) texts(z *zip.Reader) (manifest, []pom) {
	var m manifest
	var poms []pom
	byFolder := map[string]int{}
	for _, f := range z.File {
		if strings.EqualFold(f.Name, "META-INF/MANIFEST.MF") && m == nil {
			m = parseManifest(s.text(f))
			continue
		}
		folder, file := pomFolder(f.Name)
		if folder == "" || len(poms) >= maxPoms {
			continue
		}
		i, known := byFolder[folder]
		if !known {
			i = len(poms)
			byFolder[folder] = i
			poms = append(poms, pom{path: f.Name})
		}
		if file == "pom.properties" {
			poms[i].path = f.Name
			poms[i].properties = parsePomProperties(s.text(f))
		} else {
			poms[i].xml = parsePomXML(s.text(f))
		}
	}
	return m, poms
}

// text reads the begin of an entry; what can be read of a damaged one.
func (s *scan) text(f *zip.File) []byte {
	r, err := f.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	raw, _ := io.ReadAll(io.LimitReader(r, min(maxText, max(s.budget, 0)))) // as far as it goes
	s.budget -= int64(len(raw))
	return raw
}
