// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

func TestTroubleWithTLSIsNamed(t *testing.T) {
	t.Parallel()
	ours, other := newAuthority(t), newAuthority(t)
	good := ours.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	tests := []struct {
		name        string
		certificate tls.Certificate
		trust       authority
		want        string // part of the message; empty: the call goes through
	}{
		{name: "good", certificate: good, trust: ours},
		{name: "wrong authority", certificate: good, trust: other, want: "wrong certificate authority"},
		{name: "expired", certificate: ours.issue(t, time.Now().Add(-time.Hour), "127.0.0.1"), trust: ours, want: "expired certificate"},
		{name: "another name", certificate: ours.issue(t, time.Now().Add(time.Hour), "192.0.2.1"), trust: ours, want: "certificate for another name"},
	}
	for _, tt := range tests {
		for _, transport := range []string{"connect", "grpc", "auto"} {
			t.Run(tt.name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				server := serveTLS(t, newFake(), tt.certificate)
				client := dial(t, Options{Server: server.URL, GRPCAddress: portOf(t, server), Transport: transport, CAFile: tt.trust.file})
				err := checkIn(client)
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("got %v", err)
				case tt.want != "" && (!errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("got %v, want %q", err, tt.want)
				}
				if strings.Contains(client.Transport(), "fallback") {
					t.Errorf("transport: got %q; trouble with TLS is no reason to fall back", client.Transport())
				}
			})
		}
	}
}

func TestPlainHTTPStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options Options
		want    string // part of the message; empty: accepted
	}{
		{options: Options{Server: "http://inventory.example:8480"}, want: "--insecure-plain-http"},
		{options: Options{Server: "http://192.0.2.1"}, want: "--insecure-plain-http"},
		{options: Options{Server: "http://127.0.0.1:8480", GRPCAddress: "192.0.2.1:8481"}, want: "--insecure-plain-http"},
		{options: Options{Server: "http://inventory.example", PlainHTTP: true}},
		{options: Options{Server: "http://localhost:8480"}},
		{options: Options{Server: "http://[::1]:8480", GRPCAddress: ":8481"}},
		{options: Options{Server: "https://inventory.example"}},
		{options: Options{Server: "inventory.example:8480"}, want: "not a URL"},
		{options: Options{Server: "ftp://inventory.example"}, want: "not a URL"},
		{options: Options{Server: "https://user@inventory.example"}, want: "may not hold"},
		{options: Options{Server: "https://h", CAFile: "/absent.pem"}, want: "--ca-file"},
		{options: Options{Server: "https://h", Transport: "http"}, want: "--transport"},
	}
	for _, tt := range tests {
		_, err := New(tt.options)
		if (err == nil) != (tt.want == "") || (err != nil && (!errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tt.want))) {
			t.Errorf("%+v: got %v, want %q", tt.options, err, tt.want)
		}
	}
}

func TestASchemeMismatchAndADeadPortAreUnreachable(t *testing.T) {
	t.Parallel()
	plain := newFake().serve(t)
	client := dial(t, Options{Server: "https" + strings.TrimPrefix(plain.URL, "http"), Transport: "connect"})
	if err := checkIn(client); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "plain HTTP") {
		t.Errorf("TLS to a plain port: got %v", err)
	}
	secure := serveTLS(t, newFake(), newAuthority(t).issue(t, time.Now().Add(time.Hour), "127.0.0.1"))
	client = dial(t, Options{Server: "http" + strings.TrimPrefix(secure.URL, "https"), Transport: "connect"})
	if err := checkIn(client); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "https://") {
		t.Errorf("plain HTTP to a TLS port: got %v", err)
	}
	client = dial(t, Options{Server: "http://" + deadAddress(t), Transport: "connect"})
	if err := checkIn(client); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("dead port: got %v", err)
	}
}

func TestAutoFallsBackAndComesBack(t *testing.T) {
	t.Parallel()
	f := newFake()
	server := f.serve(t)
	client := dial(t, Options{Server: server.URL, GRPCAddress: deadAddress(t), Credential: f.credential})
	now := time.Now()
	client.currentTime = func() time.Time { return now }
	if err := checkIn(client); err != nil {
		t.Fatal(err)
	}
	if got := client.Transport(); got != "connect (fallback: connect: connection refused)" {
		t.Errorf("transport: got %q", got)
	}
	if client.choose() != client.main {
		t.Error("the dead address is tried again at once")
	}
	now = now.Add(retryNative)
	if client.choose() != client.native {
		t.Error("the native address is not tried again later")
	}
	client.native.service = syncv1connect.NewSyncServiceClient(caller{http: client.native.http, credential: &client.credential}, server.URL, connect.WithGRPC())
	f.counter = 0
	if err := checkIn(client); err != nil || client.Transport() != "grpc" {
		t.Errorf("after it came back: got %v over %q", err, client.Transport())
	}
}

func TestGRPCAloneDoesNotFallBack(t *testing.T) {
	t.Parallel()
	f := newFake()
	client := dial(t, Options{Server: f.serve(t).URL, GRPCAddress: deadAddress(t), Transport: "grpc", Credential: f.credential})
	if err := checkIn(client); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
}

func TestACredentialIsNotCarriedToAnotherServer(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("followed the redirect with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	if err := checkIn(dial(t, Options{Server: server.URL, Credential: "rcm_secret"})); err == nil {
		t.Error("got no error from a redirect")
	}
}

// checkIn makes one call.
func checkIn(c *Client) error {
	return c.do(context.Background(), "CheckIn", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		_, err := service.CheckIn(ctx, &syncv1.CheckInRequest{Stamp: &syncv1.Stamp{Counter: 1}})
		return err
	})
}

func dial(t *testing.T, o Options) *Client {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	if o.Credential == "" {
		o.Credential = "rcm_first"
	}
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// deadAddress is a loopback address where nothing listens.
func deadAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// serveTLS starts a fake behind TLS.
func serveTLS(t *testing.T, f *fake, certificate tls.Certificate) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(syncv1connect.NewSyncServiceHandler(f, connect.WithInterceptors(f)))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // refused handshakes are the point
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// authority is a certificate authority of the test's own.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // PEM
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority " + t.Name()}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return authority{certificate: certificate, key: key, file: file}
}

// issue makes a server certificate for an IP address.
func (a authority) issue(t *testing.T, end time.Time, ip string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "aggregator"}, IPAddresses: []net.IP{net.ParseIP(ip)},
		NotBefore: end.Add(-24 * time.Hour), NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}
