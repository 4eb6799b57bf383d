// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the format's sums
	"encoding/binary"
	"fmt"
	"strings"
)

// macPackage makes a flat package for macOS without files: it has a script that runs after its installation, which
// downloads the agent and enrols the machine.
func (i installation) macPackage() ([]byte, error) {
	script, err := i.text("macos.sh")
	if err != nil {
		return nil, err
	}
	scripts, err := gzipped(cpio("postinstall", script))
	if err != nil {
		return nil, err
	}
	info := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<pkg-info format-version="2" identifier="io.rollcall.enrollment.%d" version="%d.0" install-location="/" auth="root">
  <scripts><postinstall file="./postinstall"/></scripts>
</pkg-info>
`, i.ID, i.Version)
	return xar([]archived{{"PackageInfo", []byte(info)}, {"Scripts", scripts}})
}

// archived is a file in an archive.
type archived struct {
	name    string
	content []byte
}

// xar makes an archive of files that are stored as they are.
//
// Source: the format that xar(1) documents: a header, a compressed XML table of contents, the heap.
func xar(files []archived) ([]byte, error) {
	const created = "2000-01-01T00:00:00Z" // the same bytes every time
	var toc strings.Builder
	heap := make([]byte, sha1.Size) // for the sum of the table
	fmt.Fprintf(&toc, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<xar><toc><checksum style="sha1"><offset>0</offset><size>%d</size></checksum>`, sha1.Size)
	fmt.Fprintf(&toc, "<creation-time>%s</creation-time>", created)
	for n, f := range files {
		sum := sha1.Sum(f.content) //nolint:gosec // see the import
		fmt.Fprintf(&toc, `<file id="%d"><name>%s</name><ctime>%s</ctime><mtime>%s</mtime><uid>0</uid><gid>0</gid><type>file</type><mode>0644</mode>`,
			n+1, f.name, created, created)
		fmt.Fprintf(&toc, `<data><offset>%d</offset><length>%d</length><size>%d</size><encoding style="application/octet-stream"/>`,
			len(heap), len(f.content), len(f.content))
		fmt.Fprintf(&toc, `<archived-checksum style="sha1">%x</archived-checksum><extracted-checksum style="sha1">%x</extracted-checksum></data></file>`, sum, sum)
		heap = append(heap, f.content...)
	}
	toc.WriteString("</toc></xar>\n")
	var table bytes.Buffer
	w := zlib.NewWriter(&table)
	if _, err := w.Write([]byte(toc.String())); err != nil {
		return nil, fmt.Errorf("xar: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("xar: %w", err)
	}
	sum := sha1.Sum(table.Bytes()) //nolint:gosec // see the import
	copy(heap, sum[:])
	const headerSize, formatVersion, sumSHA1 = 28, 1, 1
	out := []byte("xar!")
	out = binary.BigEndian.AppendUint16(out, headerSize)
	out = binary.BigEndian.AppendUint16(out, formatVersion)
	out = binary.BigEndian.AppendUint64(out, uint64(table.Len()))
	out = binary.BigEndian.AppendUint64(out, uint64(toc.Len()))
	out = binary.BigEndian.AppendUint32(out, sumSHA1)
	return append(append(out, table.Bytes()...), heap...), nil
}

// cpio makes an archive of one program, in the portable form of old.
//
// Source: cpio(5), Portable ASCII Format.
func cpio(name string, content []byte) []byte {
	var b bytes.Buffer
	write := func(inode, mode, links int, name string, content []byte) {
		fmt.Fprintf(&b, "070707%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o%s\x00",
			0, inode, mode, 0, 0, links, 0, 0, len(name)+1, len(content), name)
		b.Write(content)
	}
	const folder, program = 0o040755, 0o100755
	write(1, folder, 2, ".", nil)
	write(2, program, 1, "./"+name, content)
	write(0, 0, 1, "TRAILER!!!", nil)
	return b.Bytes()
}

func gzipped(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return b.Bytes(), nil
}
