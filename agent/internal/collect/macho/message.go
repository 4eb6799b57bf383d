// SPDX-License-Identifier: Apache-2.0

package macho

import (
	"bytes"
	"crypto/x509"
	"time"
)

// The first bytes of attribute types in DER form, with their tag and length.
var (
	oidSigningTime    = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05}
	oidTimeStampToken = []byte{0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0e}
	oidTSTInfo        = []byte{0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04}
)

// Tags of ASN.1 that a message is made of.
const (
	tagOctets          = 0x04
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagSet             = 0x31
	tagContext0        = 0xa0
	tagContext1        = 0xa1
)

// maxCertificates is more than any chain has.
const maxCertificates = 16

// addMessage takes certificates and times of the signer's message. A message that cannot be read leaves them out: the
// code directory stands without it.
//
// Source: RFC 5652 (CMS), RFC 3161 (time stamps). Apple writes it in the indefinite form of BER, which DER forbids.
func (s *Signature) addMessage(raw []byte) {
	if len(raw) == 0 {
		return // signed ad hoc
	}
	fields := signedData(raw)
	for _, f := range fields {
		switch f.tag {
		case tagContext0:
			s.Certificates = signerFirst(f.children())
		case tagSet:
			for _, info := range f.children() { // the last set is that of the signers; the first, of algorithms, has no times
				s.addTimes(info)
			}
		}
	}
}

// signedData returns the fields of the SignedData in a ContentInfo.
func signedData(raw []byte) []element {
	info, ok := parseElement(raw)
	if !ok || info.tag != tagSequence {
		return nil
	}
	fields := info.children()
	if len(fields) < 2 || fields[1].tag != tagContext0 {
		return nil
	}
	inner := fields[1].children()
	if len(inner) == 0 || inner[0].tag != tagSequence {
		return nil
	}
	return inner[0].children()
}

// signerFirst returns certificates with that of the signer, which signs no other, before the rest, each followed by the
// one that issued it as far as they are there.
func signerFirst(elements []element) [][]byte {
	var all []*x509.Certificate
	for _, e := range elements {
		if len(all) == maxCertificates {
			break
		}
		if c, err := x509.ParseCertificate(e.whole); err == nil {
			all = append(all, c)
		}
	}
	var chain [][]byte
	next := -1
	for i, c := range all {
		if !c.IsCA {
			next = i
			break
		}
	}
	for next >= 0 && len(chain) < len(all) {
		c := all[next]
		chain = append(chain, bytes.Clone(c.Raw))
		next = -1
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			break
		}
		for i, issuer := range all {
			if bytes.Equal(issuer.RawSubject, c.RawIssuer) {
				next = i
				break
			}
		}
	}
	return chain
}

// addTimes looks through the attributes of one signer.
func (s *Signature) addTimes(info element) {
	for _, f := range info.children() {
		if f.tag != tagContext0 && f.tag != tagContext1 {
			continue
		}
		for _, attribute := range f.children() {
			parts := attribute.children()
			if len(parts) != 2 || parts[1].tag != tagSet {
				continue
			}
			switch values := parts[1].children(); {
			case len(values) == 0:
			case f.tag == tagContext0 && bytes.Equal(parts[0].whole, oidSigningTime):
				s.SigningTime = values[0].time()
			case f.tag == tagContext1 && bytes.Equal(parts[0].whole, oidTimeStampToken):
				s.SecureSigningTime = stampedTime(values[0].whole)
			}
		}
	}
}

// stampedTime reads genTime, the fifth field of the TSTInfo in a time stamp token.
func stampedTime(token []byte) time.Time {
	for _, f := range signedData(token) {
		if f.tag != tagSequence {
			continue
		}
		parts := f.children()
		if len(parts) != 2 || !bytes.Equal(parts[0].whole, oidTSTInfo) || parts[1].tag != tagContext0 {
			continue
		}
		for _, octets := range parts[1].children() {
			info, ok := parseElement(octets.octets())
			if fields := info.children(); ok && len(fields) >= 5 {
				return fields[4].time()
			}
		}
	}
	return time.Time{}
}
