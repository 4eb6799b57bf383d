// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// anyCertificate is for questions about readiness, which trust is no part of.
var anyCertificate = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above

// TestTLS speaks TLS over both listeners, and finds out what happens where that cannot work.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "Good Authority"), newAuthority(t, "Other Authority")
	cert, key := ca.issue(time.Now().Add(time.Hour))
	s := newSite(t, "--tls-cert", cert, "--tls-key", key)
	secret := s.must("enrollment", "create", "--name", "test")

	for _, transport := range []string{"grpc", "connect"} {
		e := newEndpoint(t, 5)
		e.enroll(s.url, secret, "--ca-file", ca.file)
		if c := e.mustOnce("--transport", transport); c.Outcome != "committed" || c.Transport != transport {
			t.Errorf("%s: outcome %q over %q", transport, c.Outcome, c.Transport)
		}
		if c := e.mustOnce("--transport", transport); c.Outcome != "current" {
			t.Errorf("%s: outcome %q the second time", transport, c.Outcome)
		}
		for _, args := range [][]string{{"--transport", transport}, {}} { // auto goes around no wrong certificate
			_, err := e.once(append([]string{"--ca-file", other.file}, args...)...)
			checkExit(t, "wrong authority over "+transport, err, exitUnreachable, "wrong certificate authority", "Good Authority")
		}
	}
	e := newEndpoint(t, 5)
	_, err := e.agent(nil, "enroll", "--server", "http"+strings.TrimPrefix(s.url, "https"), "--secret", secret)
	checkExit(t, "plain HTTP to a listener with TLS", err, exitUnreachable, "plain HTTP", "https://")
}

func TestExpiredCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Good Authority")
	cert, key := ca.issue(time.Now().Add(-time.Hour))
	s := newSite(t, "--tls-cert", cert, "--tls-key", key)
	e := newEndpoint(t, 5)
	secret := s.must("enrollment", "create", "--name", "test")
	_, err := e.agent(nil, "enroll", "--server", s.url, "--secret", secret, "--ca-file", ca.file)
	checkExit(t, "expired certificate", err, exitUnreachable, "expired certificate")

	// A good pair is taken up without a restart; the expired one that follows is the operator's word as well.
	ca.replace(cert, key, time.Now().Add(time.Hour))
	e.enroll(s.url, secret, "--ca-file", ca.file)
	ca.replace(cert, key, time.Now().Add(-time.Minute))
	for _, transport := range []string{"grpc", "connect", "auto"} {
		_, err := e.once("--transport", transport)
		checkExit(t, "expired certificate over "+transport, err, exitUnreachable, "expired certificate")
	}
}

// TestPlainHTTP keeps credentials on the machine: neither program speaks plain HTTP off loopback unless it is told to.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	const elsewhere = "192.0.2.1:8480" // nobody's, by RFC 5737
	e := newEndpoint(t, 1)
	_, err := e.agent(nil, "enroll", "--server", "http://"+elsewhere, "--secret", "s")
	checkExit(t, "agent", err, exitUsage, "plain HTTP to "+elsewhere, "--insecure-plain-http")

	for _, flag := range []string{"--listen", "--grpc-listen"} {
		_, err := runProgram(t, nil, "rollcall-aggregator", "serve", flag, "0.0.0.0:0", "--embedded-postgres", t.TempDir())
		checkExit(t, "aggregator "+flag, err, exitUsage, flag+" 0.0.0.0:0 without TLS", "--tls-cert", "--insecure-plain-http")
	}
}

// Exit codes of the programs.
const (
	exitUsage       = 2
	exitUnreachable = 6
)

// checkExit wants an exit code and words in the message.
func checkExit(t *testing.T, what string, err error, code int, words ...string) {
	t.Helper()
	var exit *exitError
	if !errors.As(err, &exit) {
		t.Errorf("%s: got error %v, want exit code %d", what, err, code)
		return
	}
	if exit.code != code {
		t.Errorf("%s: exit code %d, want %d: %s", what, exit.code, code, exit.stderr)
	}
	for _, word := range words {
		if !strings.Contains(exit.stderr, word) {
			t.Errorf("%s: the message lacks %q: %s", what, word, exit.stderr)
		}
	}
}

// authority issues certificates for 127.0.0.1.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
	file string // its own certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), key: newKey(t)}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.file = filepath.Join(a.dir, "ca.pem")
	a.save(a.file, "CERTIFICATE", raw)
	return a
}

// issue writes a key pair that ends at a time.
func (a *authority) issue(end time.Time) (certFile, keyFile string) {
	a.t.Helper()
	certFile, keyFile = filepath.Join(a.dir, "server.pem"), filepath.Join(a.dir, "server.key")
	a.replace(certFile, keyFile, end)
	return certFile, keyFile
}

// replace writes another pair into the files.
func (a *authority) replace(certFile, keyFile string, end time.Time) {
	a.t.Helper()
	key := newKey(a.t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "aggregator"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: end.Add(-2 * time.Hour), NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.save(keyFile, "PRIVATE KEY", rawKey)
	a.save(certFile, "CERTIFICATE", raw)
}

func (a *authority) save(name, kind string, raw []byte) {
	a.t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
