// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
)

// resumedHTTP makes one request on a connection of its own and tells whether the TLS session was resumed.
func resumedHTTP(t testing.TB, r *running, config *tls.Config) bool {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(r.url("https", "/hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.TLS.DidResume
}

// resumedGRPC is resumedHTTP on the native listener.
func resumedGRPC(t testing.TB, r *running, config *tls.Config) bool {
	t.Helper()
	conn, err := grpc.NewClient(r.listeners.GRPC.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var p peer.Peer
	if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}, grpc.Peer(&p)); err != nil {
		t.Fatal(err)
	}
	return p.AuthInfo.(credentials.TLSInfo).State.DidResume
}

// secretFile writes a secret for tickets.
func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tickets")
	if err := os.WriteFile(file, []byte(hex.EncodeToString([]byte(rand.Text()))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSessionsAreResumed(t *testing.T) {
	t.Parallel()
	doors := map[string]func(testing.TB, *running, *tls.Config) bool{"http": resumedHTTP, "grpc": resumedGRPC}
	for _, secret := range []string{"", secretFile(t)} {
		for name, resumed := range doors {
			t.Run(name+", shared secret: "+map[bool]string{true: "no", false: "yes"}[secret == ""], func(t *testing.T) {
				t.Parallel()
				pair := newPair(t, "first")
				one := startWith(t, Options{CertFile: pair.cert, KeyFile: pair.key, TicketKeyFile: secret, Mux: hello(t)})
				other := startWith(t, Options{CertFile: pair.cert, KeyFile: pair.key, TicketKeyFile: secret, Mux: hello(t)})
				client := pair.trust(t)
				client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				client.ServerName = "127.0.0.1" // under which the session is kept
				var got []bool
				for _, r := range []*running{one, one, other} {
					got = append(got, resumed(t, r, client))
				}
				if want := []bool{false, true, secret != ""}; !slices.Equal(got, want) {
					t.Errorf("first, second, at another aggregator: got %v, want %v", got, want)
				}
				// The certificate changes under a client that trusts both.
				second := newPair(t, "second")
				client.RootCAs.AddCert(second.leaf(t))
				pair.replace(t, second)
				if !resumed(t, other, client) {
					t.Error("not resumed with the new certificate")
				}
				client.ClientSessionCache = nil
				if resumed(t, other, client) {
					t.Error("resumed without a session")
				}
			})
		}
	}
}

func TestTicketKeysFollowTheTime(t *testing.T) {
	t.Parallel()
	a, b := &tickets{secret: []byte("one secret")}, &tickets{secret: []byte("another")}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(s *tickets, when time.Time) [][32]byte {
		keys, err := s.keys(when)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	today, tomorrow, other := at(a, now), at(a, now.Add(ticketPeriod)), at(b, now)
	switch {
	case len(today) != ticketPeriods+1:
		t.Errorf("got %d keys", len(today))
	case today[0] == tomorrow[0] || today[0] != tomorrow[1]:
		t.Error("today's key should be tomorrow's second")
	case tomorrow[0] != today[len(today)-1]:
		t.Error("tomorrow's key should be known today")
	case other[0] == today[0]:
		t.Error("another secret gives the same key")
	}
}

func TestTooShortASecretIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tickets")
	if err := os.WriteFile(file, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + ".none"} {
		if _, err := openTickets(name); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// BenchmarkHandshake is a TLS handshake, both sides of it.
func BenchmarkHandshake(b *testing.B) {
	pair := newPair(b, "first")
	cert, err := openCertificate(pair.cert, pair.key, nil)
	if err != nil {
		b.Fatal(err)
	}
	config := cert.config(nil, "h2")
	for name, cache := range map[string]tls.ClientSessionCache{"full": nil, "resumed": tls.NewLRUClientSessionCache(1)} {
		b.Run(name, func(b *testing.B) {
			client := pair.trust(b)
			client.ServerName, client.ClientSessionCache, client.NextProtos = "127.0.0.1", cache, []string{"h2"}
			shakeHands(b, config, client)
			for b.Loop() {
				shakeHands(b, config, client)
			}
		})
	}
}

// shakeHands connects over memory and waits for the ticket.
func shakeHands(b *testing.B, server, client *tls.Config) {
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(far, server)
		_, err := conn.Write([]byte{1})
		done <- err
	}()
	conn := tls.Client(near, client)
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	_, _ = near.Close(), far.Close()
}
