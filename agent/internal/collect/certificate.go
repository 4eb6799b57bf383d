// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"crypto/dsa" //nolint:staticcheck // old authorities still hold such keys
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a fingerprint, not a protection
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// Limits of what certificates may make of a machine.
const (
	maxCertificate  = 64 << 10 // bytes of one in DER form
	maxCertificates = 2000     // of one file
)

// certificate describes one X.509 certificate in DER form; bytes after it are ignored. The path is the file or store that
// holds it. One that breaks a rule of RFC 5280 which others forgive (a negative serial number, say) has what is in its
// frame: names, serial number and validity.
//
// Source: RFC 5280.
func certificate(der []byte, path string) (*inventoryv1.Certificate, error) {
	if len(der) > maxCertificate {
		return nil, fmt.Errorf("certificate of %d bytes, limit %d", len(der), maxCertificate)
	}
	var f frame
	rest, err := asn1.Unmarshal(der, &f)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	der = der[:len(der)-len(rest)]
	c := f.describe(der)
	c.Path = fact(path)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return c, nil //nolint:nilerr // the frame is what there is
	}
	c.KeyAlgorithm, c.KeySize = publicKey(parsed)
	if parsed.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		c.SignatureAlgorithm = fact(parsed.SignatureAlgorithm.String())
	}
	if parsed.Version >= 3 {
		isCA := parsed.BasicConstraintsValid && parsed.IsCA
		c.IsCa = &isCA
	}
	self := selfSigned(parsed)
	c.IsSelfSigned = &self
	for _, name := range parsed.DNSNames {
		if name != "" {
			c.DnsNames = append(c.DnsNames, clean(name))
		}
	}
	slices.Sort(c.DnsNames)
	c.DnsNames = slices.Compact(c.DnsNames)
	return c, nil
}

// frame is the part of a certificate that even broken ones have.
type frame struct {
	TBS struct {
		Version      int `asn1:"optional,explicit,default:0,tag:0"`
		SerialNumber *big.Int
		Algorithm    asn1.RawValue
		Issuer       asn1.RawValue
		Validity     struct{ NotBefore, NotAfter time.Time }
		Subject      asn1.RawValue
		PublicKey    asn1.RawValue
		IssuerID     asn1.RawValue `asn1:"optional,tag:1"`
		SubjectID    asn1.RawValue `asn1:"optional,tag:2"`
		Extensions   asn1.RawValue `asn1:"optional,tag:3"`
	}
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

// describe returns names, fingerprints, serial number and validity.
func (f *frame) describe(der []byte) *inventoryv1.Certificate {
	one, two := sha1.Sum(der), sha256.Sum256(der) //nolint:gosec // see above
	c := nameFacts(f.TBS.Subject.FullBytes)
	c.Sha_1, c.Sha_256 = fact(hex.EncodeToString(one[:])), fact(hex.EncodeToString(two[:]))
	c.ValidFrom, c.ValidUntil = datetime(f.TBS.Validity.NotBefore), datetime(f.TBS.Validity.NotAfter)
	c.SerialNumber = fact(serialNumber(f.TBS.SerialNumber))
	c.Subject = fact(distinguishedName(f.TBS.Subject.FullBytes))
	c.Issuer = fact(distinguishedName(f.TBS.Issuer.FullBytes))
	if !bytes.Equal(f.TBS.Subject.FullBytes, f.TBS.Issuer.FullBytes) {
		if by := nameFacts(f.TBS.Issuer.FullBytes); by.CommonName != nil || by.Organization != nil || by.OrganizationalUnit != nil || by.Domain != nil {
			c.SignedBy = by
		}
	}
	return c
}

// serialNumber spells a number in whole octets: 0a1b.
func serialNumber(n *big.Int) string {
	switch n.Sign() {
	case 0:
		return "00"
	case -1:
		return "-" + hex.EncodeToString(n.Bytes())
	}
	return hex.EncodeToString(n.Bytes())
}

// publicKey names the algorithm of the key and its size in bits, as far as they are known.
func publicKey(c *x509.Certificate) (algorithm *string, bits *int64) {
	if c.PublicKeyAlgorithm != x509.UnknownPublicKeyAlgorithm {
		algorithm = fact(c.PublicKeyAlgorithm.String())
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		bits = count(key.N.BitLen())
	case *ecdsa.PublicKey:
		bits = count(key.Params().BitSize)
	case *dsa.PublicKey:
		bits = count(key.P.BitLen())
	case ed25519.PublicKey:
		bits = count(8 * len(key))
	}
	return algorithm, bits
}

// selfSigned tells whether the certificate is its own issuer: by the names, and by the identifier of the issuer's key,
// which only a certificate that is may leave out. The signature is not computed.
//
// Source: RFC 5280, section 4.2.1.1.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) &&
		(len(c.AuthorityKeyId) == 0 || len(c.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}

// nameFacts returns the parts of a distinguished name; of several of one type the first counts, and the components of a
// domain are joined.
func nameFacts(raw []byte) *inventoryv1.Certificate {
	c := &inventoryv1.Certificate{}
	var domain []string
	for _, set := range relativeNames(raw) {
		for _, a := range set {
			value, isText := a.Value.(string)
			if !isText || value == "" {
				continue
			}
			switch target := a.Type.String(); {
			case target == "2.5.4.3" && c.CommonName == nil:
				c.CommonName = fact(value)
			case target == "2.5.4.10" && c.Organization == nil:
				c.Organization = fact(value)
			case target == "2.5.4.11" && c.OrganizationalUnit == nil:
				c.OrganizationalUnit = fact(value)
			case target == domainComponent:
				domain = append(domain, value)
			}
		}
	}
	slices.Reverse(domain)
	c.Domain = fact(strings.Join(domain, "."))
	return c
}

// relativeNames decodes a distinguished name; nil when it is not one.
func relativeNames(raw []byte) pkix.RDNSequence {
	var names pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &names); err != nil {
		return nil
	}
	return names
}

// pemCertificates describes the certificates of a PEM file and passes over everything else in it, keys above all. The
// error names those that are none; the others are returned with it.
func pemCertificates(raw []byte, path string) (rows []*inventoryv1.Certificate, err error) {
	var troubles []error
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE":
		default:
			continue
		}
		if len(rows) == maxCertificates {
			troubles = append(troubles, fmt.Errorf("more than %d certificates", maxCertificates))
			break
		}
		row, err := certificate(block.Bytes, path)
		if err != nil {
			troubles = append(troubles, err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, errors.Join(troubles...)
}
