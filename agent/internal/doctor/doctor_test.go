// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// results spells a report in one line: the first letter of each result, by step.
func results(r Report) string {
	var out []string
	for _, c := range r.Checks {
		out = append(out, c.Name+":"+string(c.Result))
	}
	return strings.Join(out, " ")
}

// check returns one step of a report.
func check(t *testing.T, r Report, name string) Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no step %s in %s", name, results(r))
	return Check{}
}

func none(*http.Request) (*url.URL, error) { return nil, nil } //nolint:nilnil // no proxy

func examine(t *testing.T, o Options) Report {
	t.Helper()
	if o.Proxy == nil {
		o.Proxy = none
	}
	o.Timeout = 20 * time.Second
	r, err := Examine(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAHealthyWay(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "CA")
	server := site{cert: ca.issue("localhost", time.Time{}, time.Now().Add(time.Hour)), http2: true}.serve(t)
	native := server.Listener.Addr().String()
	asked := 0
	r := examine(t, Options{
		Server: server.URL, CAFile: ca.file, GRPCAddress: native, Transport: "auto",
		Authenticate: func(context.Context) error { asked++; return nil },
	})
	const want = "dns:skipped tcp:ok proxy:skipped tls:ok http2:ok http:ok clock:ok grpc:ok authentication:ok"
	if results(r) != want || r.Err() != nil || asked != 1 {
		t.Errorf("got %s, %v, want %s", results(r), r.Err(), want)
	}
	chain := check(t, r, "tls").Certificates
	if len(chain) != 2 || chain[0].Subject != "CN=server" || chain[0].Issuer != "CN=CA" || len(chain[0].SHA256) != 64 || chain[0].Problem != "" {
		t.Errorf("got %+v", chain)
	}
	byName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	if got := check(t, examine(t, Options{Server: byName, CAFile: ca.file}), "dns"); got.Result != OK || !strings.Contains(got.Detail, "localhost is ") {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsWrongWithACertificateIsSaid(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "CA"), newAuthority(t, "other CA")
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-48*time.Hour)
	tests := []struct {
		name, caFile, problem, advice string
		site                          site
		place                         int
	}{
		{"wrong CA", other.file, "its issuer is not trusted", "--ca-file", site{cert: ca.issue("localhost", time.Time{}, soon)}, 1},
		{"expired", ca.file, "expired", "renew", site{cert: ca.issue("localhost", past, past.Add(time.Hour))}, 0},
		{"not valid yet", ca.file, "not valid yet", "clocks", site{cert: ca.issue("localhost", soon, soon.Add(time.Hour))}, 0},
		{"another name", ca.file, "issued for another name", "--server", site{cert: ca.issue("elsewhere.example", time.Time{}, soon)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := false
			r := examine(t, Options{
				Server: tt.site.serve(t).URL, CAFile: tt.caFile, Transport: "auto", GRPCAddress: ":1",
				Authenticate: func(context.Context) error { asked = true; return nil },
			})
			c := check(t, r, "tls")
			if c.Result != Failed || !errors.Is(r.Err(), upload.ErrUnreachable) || !strings.Contains(c.Advice, tt.advice) {
				t.Errorf("got %+v, %v", c, r.Err())
			}
			if len(c.Certificates) != 2 || c.Certificates[tt.place].Problem != tt.problem || c.Certificates[1-tt.place].Problem != "" {
				t.Errorf("got %+v, want %q at %d", c.Certificates, tt.problem, tt.place)
			}
			if asked || check(t, r, "authentication").Result != Skipped || check(t, r, "clock").Result != OK {
				t.Errorf("got %s, asked %t: want the clock compared and the credential kept back", results(r), asked)
			}
		})
	}
}

func TestAProxyThatSpeaksHTTP1LeadsTheWay(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "CA")
	server := site{cert: ca.issue("localhost", time.Time{}, time.Now().Add(time.Hour))}.serve(t)
	options := func(proxy *url.URL) Options {
		return Options{Server: server.URL, CAFile: ca.file, Transport: "auto", Proxy: func(*http.Request) (*url.URL, error) { return proxy, nil }}
	}
	r := examine(t, options(connectProxy(t, http.StatusOK)))
	if c := check(t, r, "proxy"); c.Result != OK || r.Err() != nil {
		t.Errorf("got %s, %v", results(r), r.Err())
	}
	if c := check(t, r, "http2"); c.Result != Failed || !c.Harmless {
		t.Errorf("HTTP/1.1 alone: got %+v, want a harmless failure", c)
	}
	for status, advice := range map[int]string{http.StatusForbidden: "CONNECT", http.StatusProxyAuthRequired: "user"} {
		r := examine(t, options(connectProxy(t, status)))
		if c := check(t, r, "proxy"); c.Result != Failed || !strings.Contains(c.Advice, advice) || !errors.Is(r.Err(), upload.ErrUnreachable) {
			t.Errorf("%d: got %+v, %v", status, c, r.Err())
		}
		if got := check(t, r, "tls").Result; got != Skipped {
			t.Errorf("%d: TLS %s without a connection", status, got)
		}
	}
	broken := options(nil)
	broken.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("no URL") }
	if r := examine(t, broken); check(t, r, "proxy").Result != Failed {
		t.Errorf("got %s", results(r))
	}
}

func TestTheWayEndsWhereItIsBroken(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	plain := site{}.serve(t)
	tests := []struct{ name, server, step, advice string }{
		{"refused", closed, "tcp", "listens"},
		{"no such name", "http://rollcall.invalid:8480", "dns", "name"},
		{"TLS where there is none", strings.Replace(plain.URL, "http", "https", 1), "tls", "http://"},
		{"something else", site{code: http.StatusBadGateway}.serve(t).URL, "http", "something else"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, Options{Server: tt.server, PlainHTTP: true})
			c := check(t, r, tt.step)
			if c.Result != Failed || !strings.Contains(c.Advice, tt.advice) || !errors.Is(r.Err(), upload.ErrUnreachable) {
				t.Errorf("got %s, %+v, %v", results(r), c, r.Err())
			}
		})
	}
}

func TestAClockThatIsOffIsSaid(t *testing.T) {
	t.Parallel()
	for off, want := range map[time.Duration]Result{-time.Hour: Failed, time.Hour: Failed, 30 * time.Second: OK} {
		r := examine(t, Options{Server: site{date: time.Now().Add(off)}.serve(t).URL})
		c := check(t, r, "clock")
		if c.Result != want || errors.Is(r.Err(), upload.ErrUnreachable) || (r.Err() != nil) != (want == Failed) {
			t.Errorf("%s: got %+v, %v", off, c, r.Err())
		}
	}
}

func TestACredentialThatIsRefusedIsSaid(t *testing.T) {
	t.Parallel()
	server := site{}.serve(t).URL
	refused := func(context.Context) error { return fmt.Errorf("%w: revoked", upload.ErrNotAuthorised) }
	r := examine(t, Options{Server: server, Authenticate: refused})
	if c := check(t, r, "authentication"); c.Result != Failed || !errors.Is(r.Err(), upload.ErrNotAuthorised) || !strings.Contains(c.Advice, "--again") {
		t.Errorf("got %+v, %v", c, r.Err())
	}
	if c := check(t, examine(t, Options{Server: server}), "authentication"); c.Result != Skipped {
		t.Errorf("not enrolled: got %+v", c)
	}
}

func TestANativeListenerThatIsNotThereIsHarmless(t *testing.T) {
	t.Parallel()
	server := site{}.serve(t).URL
	for transport, harmless := range map[string]bool{"auto": true, "grpc": false} {
		r := examine(t, Options{Server: server, Transport: transport, GRPCAddress: "127.0.0.1:1"})
		if c := check(t, r, "grpc"); c.Result != Failed || c.Harmless != harmless || (r.Err() == nil) != harmless {
			t.Errorf("%s: got %+v, %v", transport, c, r.Err())
		}
	}
}
