// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"path"
	"time"
)

// bom makes the bill of materials of a payload: what Installer will know of it. The form is not documented by Apple;
// this is what those who read it have found out: numbered blocks, some of them with names, trees of fixed-size leaves.
// It has not been read by macOS yet.
func bom(nodes []node, at time.Time) []byte {
	b := &bomWriter{blocks: make([][]byte, 1)} // block 0 is none
	info := b.add(be(1, uint32(len(nodes)+1), 0))
	paths := b.tree(b.leaf(nodes, at), bomPage, uint32(len(nodes)))
	hard := b.tree(b.add(pad(emptyLeaf(), bomPage)), bomPage, 0)
	sizes := b.tree(b.add(pad(emptyLeaf(), bomSmall)), bomSmall, 0)
	inner := b.tree(b.add(pad(emptyLeaf(), bomSmall)), bomSmall, 0)
	versions := b.add(append(be(1, inner, 0), 0))
	return b.file([]bomName{{"BomInfo", info}, {"Paths", paths}, {"HLIndex", hard}, {"VIndex", versions}, {"Size64", sizes}})
}

const (
	bomPage   = 4096
	bomSmall  = 128
	bomHeader = 512

	bomFile = 1
	bomDir  = 2
)

type bomName struct {
	name  string
	block uint32
}

type bomWriter struct{ blocks [][]byte }

// add keeps a block and returns its number.
func (b *bomWriter) add(content []byte) uint32 {
	b.blocks = append(b.blocks, content)
	return uint32(len(b.blocks) - 1)
}

// tree adds a tree of one leaf.
func (b *bomWriter) tree(leaf, size, count uint32) uint32 {
	return b.add(append(append([]byte("tree"), be(1, leaf, size, count)...), 0))
}

// emptyLeaf is a leaf without entries: is a leaf, how many, forward, backward.
func emptyLeaf() []byte { return []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} }

// leaf adds the entries of all paths, and the leaf that lists them.
func (b *bomWriter) leaf(nodes []node, at time.Time) uint32 {
	out := emptyLeaf()
	binary.BigEndian.PutUint16(out[2:], uint16(len(nodes)))
	ids := map[string]uint32{}
	for i, n := range nodes {
		id := uint32(i + 1)
		ids[n.path] = id
		parent := uint32(0)
		if n.path != "." {
			parent = ids[path.Dir(n.path)]
		}
		attributes := b.add(bomAttributes(n, at))
		out = append(out, be(b.add(be(id, attributes)))...)
		out = append(out, be(b.add(append(append(be(parent), path.Base(n.path)...), 0)))...)
	}
	return b.add(pad(out, bomPage))
}

// bomAttributes are kind, mode, owner, time, size and sum of a path.
func bomAttributes(n node, at time.Time) []byte {
	kind, mode := byte(bomFile), modeFile|n.mode
	if n.dir {
		kind, mode = bomDir, modeDir|n.mode
	}
	const anyArchitecture = 3
	out := []byte{kind, 1}
	out = binary.BigEndian.AppendUint16(out, anyArchitecture)
	out = binary.BigEndian.AppendUint16(out, mode)
	out = append(out, be(0, 0, uint32(at.Unix()), uint32(len(n.content)))...)
	out = append(out, 1)
	sum := uint32(0)
	if !n.dir {
		sum = cksum(n.content)
	}
	return append(out, be(sum, 0)...)
}

// file joins header, blocks, names and the index of the blocks.
func (b *bomWriter) file(names []bomName) []byte {
	vars := be(uint32(len(names)))
	for _, n := range names {
		vars = append(append(append(vars, be(n.block)...), byte(len(n.name))), n.name...)
	}
	out := make([]byte, bomHeader)
	index := be(uint32(len(b.blocks)))
	for _, block := range b.blocks {
		if block == nil {
			index = append(index, be(0, 0)...)
			continue
		}
		index = append(index, be(uint32(len(out)), uint32(len(block)))...)
		out = append(out, block...)
	}
	index = append(index, be(2, 0, 0, 0, 0)...) // the free list
	varsAt := len(out)
	out = append(out, vars...)
	indexAt := len(out)
	out = append(out, index...)
	copy(out, "BOMStore")
	copy(out[8:], be(1, uint32(len(b.blocks)-1), uint32(indexAt), uint32(len(index)), uint32(varsAt), uint32(len(vars))))
	return out
}

// be joins numbers, the high byte first.
func be(numbers ...uint32) []byte {
	var out []byte
	for _, n := range numbers {
		out = binary.BigEndian.AppendUint32(out, n)
	}
	return out
}

// pad fills up with zeros.
func pad(b []byte, size int) []byte {
	return append(b, make([]byte, max(size-len(b), 0))...)
}

// cksumTable is that of CRC-32 with the bits the other way round.
var cksumTable = func() *[256]uint32 {
	var t [256]uint32
	for i := range t {
		t[i] = bits.Reverse32(crc32.IEEETable[bits.Reverse8(uint8(i))])
	}
	return &t
}()

// cksum is the sum of cksum(1): POSIX, over the content and its length.
func cksum(content []byte) uint32 {
	var crc uint32
	step := func(c byte) { crc = crc<<8 ^ cksumTable[byte(crc>>24)^c] }
	for _, c := range content {
		step(c)
	}
	for n := len(content); n > 0; n >>= 8 {
		step(byte(n))
	}
	return ^crc
}
