// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// issued makes a certificate of name, signed by itself when by is nil, and returns it in DER form with its key.
func issued(t testing.TB, name pkix.Name, by *x509.Certificate, byKey *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: name, SerialNumber: big.NewInt(0xa1b), DNSNames: []string{"www.example.com", "example.com"},
		NotBefore: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(2034, 1, 2, 3, 4, 5, 0, time.UTC),
		IsCA: by == nil, BasicConstraintsValid: true,
	}
	if by == nil {
		by, byKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func asPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestOwnCertificatesAreFoundWithoutKeysAndTrustStore(t *testing.T) {
	t.Parallel()
	caDER, caKey := issued(t, pkix.Name{CommonName: "Root", Organization: []string{"Acme, Inc."}}, nil, nil)
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	leaf, key := issued(t, pkix.Name{CommonName: "web", OrganizationalUnit: []string{"IT"}}, ca, caKey)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{
		"etc/ssl/certs/ca-certificates.crt":      text(asPEM("CERTIFICATE", caDER)),
		"etc/ssl/certs/Root.pem":                 link("ca-certificates.crt"),
		"etc/ssl/certs/snakeoil.pem":             text(asPEM("CERTIFICATE", leaf)),
		"etc/ssl/private/own.pem":                text(asPEM("CERTIFICATE", leaf)),
		"etc/haproxy/certs/site.pem":             text(asPEM("EC PRIVATE KEY", keyDER) + asPEM("CERTIFICATE", leaf)),
		"etc/nginx/server.key":                   text(asPEM("CERTIFICATE", leaf)),
		"etc/nginx/server.cer":                   {Data: leaf},
		"etc/nginx/nonsense.crt":                 text("nothing"),
		"etc/letsencrypt/live/example/cert.pem":  text(asPEM("CERTIFICATE", leaf)),
		"etc/letsencrypt/live/example/chain.pem": text(asPEM("CERTIFICATE", caDER)),
		"etc/postfix/all.pem":                    text(strings.Repeat(asPEM("CERTIFICATE", caDER), 30)),
	}
	snap, err := gather(t, "certificates", &hosttest.Machine{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, c := range snap.Certificates {
		paths = append(paths, c.GetPath())
		if strings.Contains(show(c), "PRIVATE") {
			t.Errorf("a key in %s", show(c))
		}
	}
	want := "/etc/ssl/certs/snakeoil.pem /etc/letsencrypt/live/example/cert.pem /etc/nginx/server.cer /etc/haproxy/certs/site.pem"
	if got := strings.Join(paths, " "); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	c := snap.Certificates[0]
	c.Sha_1, c.Sha_256, c.Path = nil, nil, nil
	wantFacts := `{common_name:web,dns_names:[example.com,www.example.com],is_ca:false,is_self_signed:false,issuer:CN=Root,O=Acme\\, Inc.,` +
		`key_algorithm:ECDSA,key_size:256,organizational_unit:IT,serial_number:0a1b,signature_algorithm:ECDSA-SHA256,` +
		`signed_by:{common_name:Root,organization:Acme, Inc.},subject:CN=web,OU=IT,valid_from:2024-01-02T03:04:05,valid_until:2034-01-02T03:04:05}`
	if got := show(c); got != wantFacts {
		t.Errorf("got  %s\nwant %s", got, wantFacts)
	}
}

func TestABrokenCertificateCostsOnlyItself(t *testing.T) {
	t.Parallel()
	der, _ := issued(t, pkix.Name{CommonName: "a"}, nil, nil)
	files := fstest.MapFS{"etc/ssl/certs/ca-certificates.crt": text(asPEM("CERTIFICATE", der[:50]) + asPEM("CERTIFICATE", der))}
	snap, err := gather(t, "trusted_certificates", &hosttest.Machine{Files: files})
	var broken *partial
	if !errors.As(err, &broken) || len(snap.TrustedCertificates) != 1 || !strings.Contains(err.Error(), "/etc/ssl/certs/ca-certificates.crt") {
		t.Errorf("got %d, %v", len(snap.TrustedCertificates), err)
	}
	if !snap.TrustedCertificates[0].GetIsSelfSigned() || !snap.TrustedCertificates[0].GetIsCa() || snap.TrustedCertificates[0].SignedBy != nil {
		t.Errorf("got %s", show(snap.TrustedCertificates...))
	}
	for _, name := range []string{"certificates", "trusted_certificates"} {
		if _, err := gather(t, name, &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
			t.Errorf("%s of an empty machine: got %v", name, err)
		}
	}
	refused := &hosttest.Machine{Files: deny{fstest.MapFS{"etc/letsencrypt/live/x/cert.pem": text("")}, map[string]bool{"etc/letsencrypt/live": true}}}
	if _, err := gather(t, "certificates", refused); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want %v", err, fs.ErrPermission)
	}
}

func TestACertificateThatBreaksARuleStillHasItsFrame(t *testing.T) {
	t.Parallel()
	der, _ := issued(t, pkix.Name{CommonName: "old"}, nil, nil)
	negative := bytes.Replace(der, []byte{2, 2, 0x0a, 0x1b}, []byte{2, 2, 0x8a, 0x1b}, 1)
	c, err := certificate(negative, "/a")
	if err != nil || c.GetCommonName() != "old" || c.GetSerialNumber() != "-75e5" || c.GetValidUntil() != "2034-01-02T03:04:05" || c.KeyAlgorithm != nil {
		t.Errorf("got %s, %v", show(c), err)
	}
	if c, err = certificate(append(der, "and more"...), "/a"); err != nil || c.GetKeySize() != 256 {
		t.Errorf("bytes after it: got %v", err)
	}
}

func TestCertificatesOfThisMachineAreWhatOpensslSays(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	m := &hosttest.Machine{Files: os.DirFS("/")}
	own, err := gather(t, "certificates", m)
	if err != nil && !errors.Is(err, ErrAbsent) && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	trusted, err := gather(t, "trusted_certificates", m)
	if err != nil {
		t.Skipf("trust store: %v", err)
	}
	raw, err := os.ReadFile(trusted.TrustedCertificates[0].GetPath())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(raw), "-----BEGIN CERTIFICATE-----"); n != len(trusted.TrustedCertificates) {
		t.Errorf("got %d authorities of %d", len(trusted.TrustedCertificates), n)
	}
	at := 0
	for block, rest := pem.Decode(raw); block != nil && at < len(trusted.TrustedCertificates); block, rest = pem.Decode(rest) {
		if at++; at%5 == 1 || testing.Short() && at == 1 { // openssl starts slowly
			compareWithOpenssl(t, openssl, block.Bytes, trusted.TrustedCertificates[at-1])
		}
	}
	for _, c := range own.Certificates {
		if raw, err := os.ReadFile(c.GetPath()); err == nil && strings.Count(string(raw), "-----BEGIN CERTIFICATE-----") == 1 {
			block, _ := pem.Decode(raw)
			compareWithOpenssl(t, openssl, block.Bytes, c)
		}
	}
}

// compareWithOpenssl compares the facts of a certificate with those that openssl prints.
func compareWithOpenssl(t *testing.T, openssl string, der []byte, c *inventoryv1.Certificate) {
	t.Helper()
	command := exec.Command(openssl, "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-serial", "-dates", "-subject", "-issuer",
		"-nameopt", "RFC2253,utf8,-esc_msb")
	command.Stdin = strings.NewReader(string(der))
	out, err := command.Output()
	if err != nil {
		t.Errorf("%s: %v", c.GetSubject(), err)
		return
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		said[strings.ToLower(key)] = value
	}
	moment := func(s string) string {
		at, err := time.Parse("Jan _2 15:04:05 2006 MST", s)
		if err != nil {
			return err.Error()
		}
		return at.Format("2006-01-02T15:04:05")
	}
	for _, pair := range [][2]string{
		{c.GetSha_256(), strings.ToLower(strings.ReplaceAll(said["sha256 fingerprint"], ":", ""))},
		{c.GetSerialNumber(), strings.ToLower(said["serial"])},
		{c.GetValidFrom(), moment(said["notbefore"])},
		{c.GetValidUntil(), moment(said["notafter"])},
		{c.GetSubject(), said["subject"]},
		{c.GetIssuer(), said["issuer"]},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, openssl says %q", c.GetCommonName(), pair[0], pair[1])
		}
	}
}

func FuzzCertificate(f *testing.F) {
	der, _ := issued(f, pkix.Name{CommonName: "a"}, nil, nil)
	f.Add(der)
	f.Add([]byte(asPEM("CERTIFICATE", der)))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rows, _ := pemCertificates(raw, "/x")
		if c, err := certificate(raw, "/x"); err == nil {
			rows = append(rows, c)
		}
		for _, c := range rows {
			if len(c.GetSha_256()) != 64 || len(c.GetSha_1()) != 40 {
				t.Errorf("got %s", show(c))
			}
		}
	})
}

func TestFilesThatSayTheyAreKeysAreNotOpened(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"server.crt": true, "keycloak.pem": true, "CA.DER": true, "privkey.pem": false, "privkey1.pem": false, "server-key.pem": false,
		"tls.key.pem": false, "private.pem": false, "serverkey.pem": false, "server.key": false, "readme": false,
	} {
		if got := certificateName(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
