// SPDX-License-Identifier: Apache-2.0

package macho

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	"testing"
	"time"
)

// slot is one blob of a signature and its number.
type slot struct {
	number uint32
	blob   []byte
}

// part is one architecture of a file for several.
type part struct {
	cpu uint32
	raw []byte
}

func blob(magic uint32, raw []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, magic)
	return append(binary.BigEndian.AppendUint32(out, uint32(8+len(raw))), raw...)
}

// directory makes a code directory without hashes of pages.
func directory(identifier, team string, hash byte) []byte {
	raw := make([]byte, 52-8)
	binary.BigEndian.PutUint32(raw, versionTeamID)
	binary.BigEndian.PutUint32(raw[12:], 52)
	raw[37-8] = hash
	raw = append(append(raw, identifier...), 0)
	if team != "" {
		binary.BigEndian.PutUint32(raw[48-8:], uint32(len(raw)+8))
		raw = append(append(raw, team...), 0)
	}
	return blob(magicCodeDirectory, raw)
}

// superBlob makes a signature.
func superBlob(slots ...slot) []byte {
	at := 12 + 8*len(slots)
	index, body := []byte{}, []byte{}
	for _, s := range slots {
		index = binary.BigEndian.AppendUint32(index, s.number)
		index = binary.BigEndian.AppendUint32(index, uint32(at+len(body)))
		body = append(body, s.blob...)
	}
	raw := binary.BigEndian.AppendUint32(nil, magicSuperBlob)
	raw = binary.BigEndian.AppendUint32(raw, uint32(at+len(body)))
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(slots)))
	return append(append(raw, index...), body...)
}

// thin makes a program that is a header of 32 bytes, one load command of 16, and a signature at 64.
func thin(cpu uint32, sig []byte) []byte {
	var raw []byte
	for _, n := range []uint32{magic64, cpu, 0, 2, 1, 16, 0, 0, loadCodeSignature, 16, 64, uint32(len(sig)), 0, 0, 0, 0} {
		raw = binary.LittleEndian.AppendUint32(raw, n)
	}
	return append(raw, sig...)
}

// fatOf makes a file for several architectures.
func fatOf(magic uint32, parts ...part) []byte {
	raw := binary.BigEndian.AppendUint32(nil, magic)
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(parts)))
	at := 4096
	for _, p := range parts {
		raw = binary.BigEndian.AppendUint32(raw, p.cpu)
		raw = binary.BigEndian.AppendUint32(raw, 0)
		if magic == magicFat64 {
			raw = binary.BigEndian.AppendUint64(raw, uint64(at))
			raw = binary.BigEndian.AppendUint64(raw, uint64(len(p.raw)))
			raw = binary.BigEndian.AppendUint64(raw, 12)
		} else {
			raw = binary.BigEndian.AppendUint32(raw, uint32(at))
			raw = binary.BigEndian.AppendUint32(raw, uint32(len(p.raw)))
			raw = binary.BigEndian.AppendUint32(raw, 12)
		}
		at += len(p.raw)
	}
	raw = append(raw, make([]byte, 4096-len(raw))...)
	for _, p := range parts {
		raw = append(raw, p.raw...)
	}
	return raw
}

// asn encodes one element; loose asks for the indefinite form where BER allows it.
func asn(loose bool, tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	if loose && tag&0x20 != 0 {
		return append(append([]byte{tag, 0x80}, content...), 0, 0)
	}
	if len(content) < 0x80 {
		return append([]byte{tag, byte(len(content))}, content...)
	}
	return append([]byte{tag, 0x82, byte(len(content) >> 8), byte(len(content))}, content...)
}

// chain makes three certificates: of a root, of an authority below it, and of a signer.
func chain(t testing.TB) [][]byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	var parent *x509.Certificate
	for i, name := range []string{"Root", "Authority", "Developer ID Application: Acme (TEAM)"} {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, IsCA: i < 2, BasicConstraintsValid: true,
			NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(1900000000, 0),
		}
		if parent == nil {
			parent = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		parent = c
		all = append(all, der)
	}
	return all
}

// message makes a signer's message with certificates, the time of signing and a time stamp; its numbers sign nothing.
func message(t testing.TB, loose bool) []byte {
	t.Helper()
	all := chain(t)
	oid := func(last byte) []byte {
		return asn(false, 0x06, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last})
	}
	tst := asn(false, tagSequence, asn(false, 0x02, []byte{1}), oid(9), asn(false, tagSequence), asn(false, 0x02, []byte{7}),
		asn(false, tagGeneralizedTime, []byte("20240229123046Z")))
	octets := asn(loose, 0x24, asn(false, tagOctets, tst[:9]), asn(false, tagOctets, tst[9:]))
	if !loose {
		octets = asn(false, tagOctets, tst)
	}
	stamp := asn(loose, tagSequence, oid(2), asn(loose, tagContext0, asn(loose, tagSequence, asn(false, 0x02, []byte{3}), asn(false, tagSet),
		asn(loose, tagSequence, oidTSTInfo, asn(loose, tagContext0, octets)), asn(false, tagSet))))
	info := asn(false, tagSequence, asn(false, 0x02, []byte{1}),
		asn(false, tagContext0, asn(false, tagSequence, oidSigningTime, asn(false, tagSet, asn(false, tagUTCTime, []byte("240229123045Z"))))),
		asn(loose, tagContext1, asn(loose, tagSequence, oidTimeStampToken, asn(loose, tagSet, stamp))))
	signed := asn(loose, tagSequence, asn(false, 0x02, []byte{1}), asn(false, tagSet, asn(false, tagSequence, oid(1))),
		asn(loose, tagSequence, oid(1)), asn(loose, tagContext0, all[1], all[0], all[2]), asn(loose, tagSet, info))
	return asn(loose, tagSequence, oid(2), asn(loose, tagContext0, signed))
}
