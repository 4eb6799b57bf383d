// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzPackageNamesStayInTheirFolder(f *testing.F) {
	for _, seed := range []string{
		"rollcall-agent_1.2.3~pre20261122-1_amd64.deb", "rollcall-agent-1.2.3-1.x86_64.rpm", "../rollcall-agent_1_amd64.deb",
		"rollcall-agent_/../x_amd64.deb", "rollcall-agent_1\n_amd64.deb", "rollcall-agent_'$(id)_amd64.deb", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, ok := packageNamed(name)
		if !ok {
			return
		}
		if p.Name != filepath.Base(name) || strings.ContainsAny(name, "/\\'\"$` \n") || p.Format == "" || p.Arch == "" {
			t.Errorf("%q is taken for %+v", name, p)
		}
	})
}

func TestQuotedTextIsOneWordOfTheShell(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"plain", "it's", "a b\n$(id) `id` \\ \"x\"", "''", ""} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuoted(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q: the shell reads %q, %v", text, out, err)
		}
	}
	if got := powershellQuoted("it\u2019s"); got != "'it\u2019\u2019s'" { // a quote, too
		t.Errorf("got %s", got)
	}
	if got := powershellQuoted("it's"); got != "'it''s'" {
		t.Errorf("got %s", got)
	}
}

func TestAddressesAreWhereTheClientCameTo(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct {
		url, peer, proto string
		tls              bool
		want             string
	}{
		{"", "192.0.2.1:1", "", false, "http://rollcall.example"},
		{"", "192.0.2.1:1", "", true, "https://rollcall.example"},
		{"", "192.0.2.1:1", "https", false, "http://rollcall.example"}, // anybody can say so
		{"", "10.1.2.3:1", "https", false, "https://rollcall.example"},
		{"", "[::ffff:10.1.2.3]:1", "HTTPS", false, "https://rollcall.example"},
		{"", "10.1.2.3:1", "javascript", false, "http://rollcall.example"},
		{"https://public.example/", "192.0.2.1:1", "", false, "https://public.example"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Host, r.RemoteAddr = "rollcall.example", test.peer
		r.Header.Set("X-Forwarded-Proto", test.proto)
		if test.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := (address{url: test.url, trusted: trusted}).of(r); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}
