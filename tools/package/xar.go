// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// member is a file of a xar, or a folder where it has members.
type member struct {
	name    string
	content []byte
	members []member
}

// xar makes an archive of files that are stored as they are.
//
// Source: the format that xar(1) documents: a header, a compressed XML table of contents, the heap.
func xar(at time.Time, members []member) ([]byte, error) {
	x := xarWriter{at: at.Format("2006-01-02T15:04:05Z")}
	x.heap.Write(make([]byte, sha1.Size)) // for the sum of the table
	x.toc.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<xar><toc>")
	fmt.Fprintf(&x.toc, `<checksum style="sha1"><offset>0</offset><size>%d</size></checksum>`, sha1.Size)
	fmt.Fprintf(&x.toc, "<creation-time>%s</creation-time>", x.at)
	for _, m := range members {
		x.member(m)
	}
	x.toc.WriteString("</toc></xar>\n")
	var table bytes.Buffer
	w := zlib.NewWriter(&table)
	if _, err := w.Write([]byte(x.toc.String())); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	sum := sha1.Sum(table.Bytes())
	heap := x.heap.Bytes()
	copy(heap, sum[:])
	const headerSize, formatVersion, sumSHA1 = 28, 1, 1
	out := []byte("xar!")
	out = binary.BigEndian.AppendUint16(out, headerSize)
	out = binary.BigEndian.AppendUint16(out, formatVersion)
	out = binary.BigEndian.AppendUint64(out, uint64(table.Len()))
	out = binary.BigEndian.AppendUint64(out, uint64(x.toc.Len()))
	out = binary.BigEndian.AppendUint32(out, sumSHA1)
	out = append(out, table.Bytes()...)
	return append(out, heap...), nil
}

type xarWriter struct {
	at   string
	last int
	toc  strings.Builder
	heap bytes.Buffer
}

func (x *xarWriter) member(m member) {
	x.last++
	fmt.Fprintf(&x.toc, `<file id="%d"><name>%s</name>`, x.last, m.name)
	fmt.Fprintf(&x.toc, "<ctime>%s</ctime><mtime>%s</mtime><uid>0</uid><gid>0</gid><user>root</user><group>wheel</group>", x.at, x.at)
	if m.members != nil {
		x.toc.WriteString("<type>directory</type><mode>0755</mode>")
		for _, inner := range m.members {
			x.member(inner)
		}
		x.toc.WriteString("</file>")
		return
	}
	sum := sha1.Sum(m.content)
	fmt.Fprintf(&x.toc, `<type>file</type><mode>0644</mode><data><offset>%d</offset><length>%d</length><size>%d</size>`,
		x.heap.Len(), len(m.content), len(m.content))
	fmt.Fprintf(&x.toc, `<encoding style="application/octet-stream"/><archived-checksum style="sha1">%x</archived-checksum>`, sum)
	fmt.Fprintf(&x.toc, `<extracted-checksum style="sha1">%x</extracted-checksum></data></file>`, sum)
	x.heap.Write(m.content)
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
)

// cpio makes an archive in the portable form of old ("odc"), which is what payloads are.
//
// Source: cpio(5), Portable ASCII Format.
func cpio(nodes []node, at time.Time) []byte {
	var b bytes.Buffer
	write := func(inode int, mode uint32, links int, mtime int64, name string, content []byte) {
		fmt.Fprintf(&b, "070707%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o%s\x00",
			0, inode, mode, 0, 0, links, 0, mtime, len(name)+1, len(content), name)
		b.Write(content)
	}
	for i, n := range nodes {
		name := "./" + n.path
		if n.path == "." {
			name = "."
		}
		mode, links := uint32(n.mode)|modeFile, 1
		if n.dir {
			mode, links = uint32(n.mode)|modeDir, 2
		}
		write(i+1, mode, links, at.Unix(), name, n.content)
	}
	write(0, 0, 1, 0, "TRAILER!!!", nil)
	return b.Bytes()
}
