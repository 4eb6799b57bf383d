// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

func TestRequestsAreToldInTheContractsWords(t *testing.T) {
	t.Parallel()
	until := time.Date(2027, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	request := auth.NewRequest("goztl", netip.MustParseAddr("2001:db8::1"), "POST", "/api/x/7", "/api/x/{id}")
	all := []auth.Grant{{Permissions: auth.SetOf(auth.All)}}
	tests := []struct {
		name string
		p    auth.Principal
		want string
	}{
		{"nobody asked", auth.Principal{Kind: auth.User, ID: 1, Name: "ada"}, ""},
		{
			"with a token",
			auth.Principal{Kind: auth.ServiceAccount, ID: 1, Name: "ci", Until: &until, Token: &auth.ShownToken{ID: "t", Name: "n"}, Request: request},
			`{"user_agent":"goztl","ip":"2001:db8::1","method":"POST","path":"/api/x/7","view":"/api/x/{id}","user":{"id":1,"username":"ci","email":"",` +
				`"is_remote":false,"is_service_account":true,"is_superuser":false,"session":{"token_authenticated":true,"is_remote":false,` +
				`"mfa_authenticated":false,"token":{"pk":"t","name":"n","expiry":"2027-01-02T02:04:05Z"}}}}`,
		},
		{
			"with a session",
			auth.Principal{Kind: auth.User, ID: 2, Name: "ada", Email: "a@b.example", Grants: all, Until: &until, Request: auth.NewRequest("", netip.Addr{}, "GET", "/", "")},
			`{"method":"GET","path":"/","user":{"id":2,"username":"ada","email":"a@b.example","is_remote":false,"is_service_account":false,"is_superuser":true,` +
				`"session":{"token_authenticated":false,"is_remote":false,"mfa_authenticated":false}}}`,
		},
		{
			"everything, of some machines",
			auth.Principal{Kind: auth.User, ID: 2, Name: "ada", Grants: []auth.Grant{{Permissions: auth.SetOf(auth.All), Scope: auth.TaggedWith(1)}}, Request: auth.NewRequest("", netip.Addr{}, "GET", "/", "")},
			`{"method":"GET","path":"/","user":{"id":2,"username":"ada","email":"","is_remote":false,"is_service_account":false,"is_superuser":false,` +
				`"session":{"token_authenticated":false,"is_remote":false,"mfa_authenticated":false}}}`,
		},
	}
	for _, tt := range tests {
		if got := string(tt.p.RequestJSON()); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func FuzzNewRequest(f *testing.F) {
	f.Add("browser", "/path")
	f.Add(strings.Repeat("é", 200), strings.Repeat("\x00", 600))
	f.Add(strings.Repeat("a", 254)+"日本", "/\xff\xfe")
	f.Add("\xe6\x97", strings.Repeat("\xff", 600))
	f.Fuzz(func(t *testing.T, agent, path string) {
		r := auth.NewRequest(agent, netip.Addr{}, "GET", path, "")
		for _, text := range []string{r.UserAgent, r.Path} {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || utf8.RuneCountInString(text) > 512 {
				t.Errorf("%q", text)
			}
		}
		if plain := agent; len(plain) <= 256 && utf8.ValidString(plain) && !strings.ContainsFunc(plain, unicode.IsControl) && r.UserAgent != plain {
			t.Errorf("got %q, want %q as it is", r.UserAgent, plain)
		}
		if raw := r.JSON(); !json.Valid(raw) {
			t.Errorf("%s", raw)
		}
	})
}
