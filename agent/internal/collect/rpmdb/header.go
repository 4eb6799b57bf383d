// SPDX-License-Identifier: Apache-2.0

package rpmdb

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Package is what the header of an installed package says. Empty and zero mean that the header does not say.
type Package struct {
	Name, Version, Release, Arch string
	Epoch                        int64
	HasEpoch                     bool
	// SourceRPM is the file name of the source package.
	SourceRPM                        string
	Vendor, Packager, License, Group string
	Summary, URL, ModularityLabel    string
	// SizeBytes is what the package's files take when installed.
	SizeBytes                int64
	BuildUnix, InstalledUnix int64
	// KeyID is the key that signed the header, 16 lower-case hex digits.
	KeyID string
}

// Tags and types of header entries.
//
// Source: rpmtag.h of rpm.
const (
	tagDSAHeader   = 267
	tagRSAHeader   = 268
	tagSigPGP      = 259
	tagSigGPG      = 262
	tagName        = 1000
	tagVersion     = 1001
	tagRelease     = 1002
	tagEpoch       = 1003
	tagSummary     = 1004
	tagBuildTime   = 1006
	tagInstallTime = 1008
	tagSize        = 1009
	tagVendor      = 1011
	tagLicense     = 1014
	tagPackager    = 1015
	tagGroup       = 1016
	tagURL         = 1020
	tagArch        = 1022
	tagSourceRPM   = 1044
	tagLongSize    = 5009
	tagModularity  = 5096

	typeInt32       = 4
	typeInt64       = 5
	typeString      = 6
	typeBinary      = 7
	typeStringArray = 8
	typeI18NString  = 9

	headerEntry = 16
	maxEntries  = 1 << 16
)

// Parse reads a header as the database holds it: two counts, the index, the data. Entries of tags that do not matter
// are not looked at. The result holds no part of blob.
func Parse(blob []byte) (Package, error) {
	if len(blob) < 8 {
		return Package{}, fmt.Errorf("%w: header of %d bytes", ErrCorrupt, len(blob))
	}
	entries, size := int64(binary.BigEndian.Uint32(blob)), int64(binary.BigEndian.Uint32(blob[4:]))
	dataAt := 8 + entries*headerEntry
	if entries > maxEntries || dataAt+size > int64(len(blob)) {
		return Package{}, fmt.Errorf("%w: header with %d entries and %d bytes of data in %d", ErrCorrupt, entries, size, len(blob))
	}
	data := blob[dataAt : dataAt+size]
	var p Package
	for index := blob[8:dataAt]; len(index) > 0; index = index[headerEntry:] {
		e := entry{
			tag: binary.BigEndian.Uint32(index), kind: binary.BigEndian.Uint32(index[4:]),
			count: binary.BigEndian.Uint32(index[12:]),
		}
		if offset := int64(int32(binary.BigEndian.Uint32(index[8:]))); offset >= 0 && offset <= size {
			e.data = data[offset:]
			p.set(e)
		}
	}
	if p.Name == "" {
		return Package{}, fmt.Errorf("%w: header without a name", ErrCorrupt)
	}
	return p, nil
}

// entry is one entry of the index; its data may reach to the end of the header's.
type entry struct {
	tag, kind, count uint32
	data             []byte
}

// set takes over an entry that matters.
func (p *Package) set(e entry) {
	switch e.tag {
	case tagEpoch:
		p.Epoch, p.HasEpoch = e.integer(), true
	case tagBuildTime:
		p.BuildUnix = e.integer()
	case tagInstallTime:
		p.InstalledUnix = e.integer()
	case tagSize, tagLongSize:
		p.SizeBytes = max(p.SizeBytes, e.integer())
	case tagRSAHeader, tagDSAHeader, tagSigPGP, tagSigGPG:
		if p.KeyID == "" && e.kind == typeBinary && int64(e.count) <= int64(len(e.data)) {
			p.KeyID = keyID(e.data[:e.count])
		}
	default:
		if field := p.text(e.tag); field != nil {
			*field = e.text()
		}
	}
}

// text returns where a tag's text belongs.
func (p *Package) text(tag uint32) *string {
	switch tag {
	case tagName:
		return &p.Name
	case tagVersion:
		return &p.Version
	case tagRelease:
		return &p.Release
	case tagArch:
		return &p.Arch
	case tagSourceRPM:
		return &p.SourceRPM
	case tagVendor:
		return &p.Vendor
	case tagPackager:
		return &p.Packager
	case tagLicense:
		return &p.License
	case tagGroup:
		return &p.Group
	case tagSummary:
		return &p.Summary
	case tagURL:
		return &p.URL
	case tagModularity:
		return &p.ModularityLabel
	}
	return nil
}

// text is the first string of an entry: for translated ones that of the C locale.
func (e entry) text() string {
	if e.kind != typeString && e.kind != typeStringArray && e.kind != typeI18NString {
		return ""
	}
	end := bytes.IndexByte(e.data, 0)
	if end < 0 {
		return ""
	}
	return string(e.data[:end])
}

// integer is the first number of an entry.
func (e entry) integer() int64 {
	switch {
	case e.kind == typeInt32 && len(e.data) >= 4:
		return int64(binary.BigEndian.Uint32(e.data))
	case e.kind == typeInt64 && len(e.data) >= 8:
		return int64(binary.BigEndian.Uint64(e.data) &^ (1 << 63))
	}
	return 0
}

// keyID finds the signer in an OpenPGP signature packet of version 3 or 4; "" when there is none.
//
// Source: RFC 4880, sections 4.2 and 5.2.
func keyID(packet []byte) string {
	body := packetBody(packet)
	switch {
	case len(body) >= 15 && body[0] == 3 && body[1] == 5:
		return hex.EncodeToString(body[7:15])
	case len(body) < 6 || body[0] != 4:
		return ""
	}
	hashed := int(binary.BigEndian.Uint16(body[4:]))
	if 6+hashed+2 > len(body) {
		return ""
	}
	rest := body[6+hashed:]
	unhashed := int(binary.BigEndian.Uint16(rest))
	if 2+unhashed > len(rest) {
		return ""
	}
	if id := issuer(rest[2 : 2+unhashed]); id != "" {
		return id
	}
	return issuer(body[6 : 6+hashed])
}

// packetBody strips the header of a signature packet, in its old or new format.
func packetBody(p []byte) []byte {
	if len(p) < 2 {
		return nil
	}
	skip := 0
	switch {
	case p[0]&0xfc == 0x88: // old format, tag 2; the low bits give the bytes of the length
		skip = 1 + 1<<(p[0]&3)
		if p[0]&3 == 3 {
			skip = 1
		}
	case p[0] == 0xc2 && p[1] < 192:
		skip = 2
	case p[0] == 0xc2 && p[1] < 224:
		skip = 3
	case p[0] == 0xc2 && p[1] == 255:
		skip = 6
	}
	if skip == 0 || skip > len(p) {
		return nil
	}
	return p[skip:]
}

// issuer finds subpacket 16, the issuer's key id, or 33, its fingerprint, that ends with it in version 4.
func issuer(subpackets []byte) string {
	for len(subpackets) > 1 {
		length, skip := int(subpackets[0]), 1
		switch {
		case length >= 192 && length < 255:
			length, skip = (length-192)<<8+int(subpackets[1])+192, 2
		case length == 255:
			return ""
		}
		if length < 1 || skip+length > len(subpackets) {
			return ""
		}
		content := subpackets[skip : skip+length]
		switch {
		case content[0]&0x7f == 16 && len(content) == 9:
			return hex.EncodeToString(content[1:])
		case content[0]&0x7f == 33 && len(content) == 22 && content[1] == 4:
			return hex.EncodeToString(content[14:])
		}
		subpackets = subpackets[skip+length:]
	}
	return ""
}
