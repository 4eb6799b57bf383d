// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestSerialsSurviveTheirURL(t *testing.T) {
	t.Parallel()
	pinned := map[string]string{
		"C02AAA": "C02AAA", "a.b-c_d~e": "a.b-c_d~e", ".": ".Lg", ".x": ".Lng", "a b": ".YSBi", "a/b": ".YS9i", "é": ".w6k", "": ".",
	}
	for serial, want := range pinned {
		if got := URLSafeSerial(serial); got != want {
			t.Errorf("%q: got %q, want %q", serial, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		serial := rapid.StringN(1, 50, 200).Filter(plain).Draw(t, "serial")
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetPathValue("serial", URLSafeSerial(serial))
		if got, err := Serial(r); err != nil || got != serial {
			t.Fatalf("got %q, %v, want %q", got, err, serial)
		}
	})
}

func TestSerialsThatNoDatabaseHoldsAreNotFound(t *testing.T) {
	t.Parallel()
	for _, serial := range []string{"a\x00b", "a\xffb", ".AA", "._w", ".", ".?"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetPathValue("serial", serial)
		var problem *Problem
		if got, err := Serial(r); !errors.As(err, &problem) || problem.Status != http.StatusNotFound {
			t.Errorf("%q: got %q, %v, want a 404", serial, got, err)
		}
	}
}

// machines is a list.
var machines = List{Name: "machines", Epoch: "one"}

func TestCursorsBelongToTheirList(t *testing.T) {
	t.Parallel()
	text := EncodeCursor(machines, "S-1")
	var after string
	if err := DecodeCursor(machines, text, &after); err != nil || after != "S-1" {
		t.Errorf("got %q, %v", after, err)
	}
	if err := DecodeCursor(machines, "", &after); err != nil || after != "S-1" {
		t.Errorf("an empty cursor changed the key: %q, %v", after, err)
	}
	var number int64
	encode := base64.RawURLEncoding.EncodeToString
	bad := map[string]error{
		"other list":  DecodeCursor(List{Name: "software"}, text, &after),
		"other type":  DecodeCursor(machines, text, &number),
		"no base64":   DecodeCursor(machines, "%%%", &after),
		"no JSON":     DecodeCursor(machines, encode([]byte("x")), &after),
		"more behind": DecodeCursor(machines, encode([]byte(`{"l":"machines","e":"one","a":"x"}{}`)), &after),
		"unknown key": DecodeCursor(machines, encode([]byte(`{"l":"machines","e":"one","a":"x","z":1}`)), &after),
		"NUL":         DecodeCursor(machines, EncodeCursor(machines, "a\x00b"), &after),
		"NUL inside":  DecodeCursor(machines, EncodeCursor(machines, map[string]string{"Name": "\x00"}), &map[string]string{}),
		"long":        DecodeCursor(machines, strings.Repeat("A", maxCursor+1), &after),
	}
	for name, err := range bad {
		if p, ok := errors.AsType[*Problem](err); !ok || p.Status != http.StatusBadRequest {
			t.Errorf("%s: got %v, want a 400", name, err)
		}
	}
	err := DecodeCursor(List{Name: "machines", Epoch: "two"}, text, &after)
	if p, ok := errors.AsType[*Problem](err); !ok || p.Status != http.StatusGone {
		t.Errorf("another epoch: got %v, want a 410", err)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(EncodeCursor(machines, "S-1"))
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		var after string
		if DecodeCursor(machines, text, &after) == nil && text != "" {
			var again string
			if err := DecodeCursor(machines, EncodeCursor(machines, after), &again); err != nil || again != after {
				t.Errorf("%q does not come back: %q, %v", after, again, err)
			}
		}
	})
}

// tokens is a store of tokens by their digest, which counts how often it was asked.
type tokens struct {
	byDigest map[auth.Digest]store.Holder
	asked    int
}

func (s *tokens) find(_ context.Context, d auth.Digest) (store.Holder, error) {
	s.asked++
	if token, ok := s.byDigest[d]; ok {
		return token, nil
	}
	return store.Holder{}, store.ErrNotFound
}

func TestTokensAreRememberedForAMoment(t *testing.T) {
	t.Parallel()
	secret := auth.NewToken(auth.User)
	viewer := auth.Principal{Kind: auth.User, ID: 1, Name: "t", Grants: []auth.Grant{{Permissions: auth.Viewer.Permissions()}}}
	known := &tokens{byDigest: map[auth.Digest]store.Holder{auth.DigestOf(secret): {Principal: viewer}}}
	now := time.Now()
	a := &Authenticator{token: known.find, now: func() time.Time { return now }, known: map[secretKey]knownHolder{}}
	ask := func() error {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Token "+secret)
		principal, err := a.authorise(r, &Route{Needs: []auth.Permission{auth.ReadInventory}}, []auth.Scheme{auth.TokenScheme})
		if err == nil && (principal.Name != "t" || principal.Kind != auth.User) {
			t.Errorf("got %+v", principal)
		}
		return err
	}
	for range 3 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if known.asked != 1 {
		t.Errorf("asked %d times, want once", known.asked)
	}
	clear(known.byDigest) // revoked
	now = now.Add(tokenMemory)
	if p, ok := errors.AsType[*Problem](ask()); !ok || p.Status != http.StatusUnauthorized {
		t.Errorf("a revoked token is still good after %s", tokenMemory)
	}
	soon := now.Add(time.Second)
	known.byDigest[auth.DigestOf(secret)] = store.Holder{Principal: viewer, ExpiresAt: &soon}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	clear(known.byDigest) // what the store says of an expired one
	now = soon
	if ask() == nil {
		t.Error("a token outlives its end")
	}
}

func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	type inner struct {
		B int `json:"b"`
	}
	type outer struct {
		A inner    `json:"a"`
		L []string `json:"l"`
	}
	tests := []struct {
		name, media, body, says string
		status                  int
	}{
		{"good", "application/json; charset=utf-8", `{"a":{"b":1}}`, "", 0},
		{"other media type", "text/plain", `{}`, "Content-Type", 415},
		{"no media type", "", `{}`, "Content-Type", 415},
		{"unknown key", "application/json", `{"x":1}`, "x: unknown key", 400},
		{"type below", "application/json", `{"a":{"b":"1"}}`, "a.b", 400},
		{"list", "application/json", `{"l":{}}`, "l:", 400},
		{"top level", "application/json", `[]`, "object", 400},
		{"syntax", "application/json", `{"a"}`, "near byte", 400},
		{"end", "application/json", `{"a":`, "too early", 400},
		{"invalid UTF-8", "application/json", "{\"l\":[\"\xff\"]}", "UTF-8", 400},
		{"large", "application/json", `{"l":["` + strings.Repeat("x", 100) + `"]}`, "larger", 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.media)
			var v outer
			err := DecodeJSON(httptest.NewRecorder(), r, 90, &v)
			p, _ := errors.AsType[*Problem](err)
			switch {
			case tt.status == 0 && err != nil:
				t.Errorf("got %v", err)
			case tt.status != 0 && (p == nil || p.Status != tt.status || !strings.Contains(p.Detail, tt.says)):
				t.Errorf("got %v, want %d with %q", err, tt.status, tt.says)
			}
		})
	}
}

func TestErrorsFromInsideStayInside(t *testing.T) {
	t.Parallel()
	secret := errors.New("password=hunter2")
	door := &Door{Log: slog.New(slog.DiscardHandler), Explain: func(error) *Problem { return nil }}
	mux := http.NewServeMux()
	door.Mount(mux, []Route{
		{Pattern: "GET /inside", Needs: Public, Handler: func(http.ResponseWriter, *http.Request) error { return secret }},
		{Pattern: "GET /half", Needs: Public, Handler: func(w http.ResponseWriter, _ *http.Request) error {
			if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
				return err
			}
			return secret
		}},
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	resp, err := http.Get(server.URL + "/inside")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Status != 500 || strings.Contains(p.Detail, "hunter2") {
		t.Errorf("got %+v, %v", p, err)
	}
	half, err := http.Get(server.URL + "/half")
	if err != nil {
		t.Fatal(err)
	}
	defer half.Body.Close()
	if _, err := io.ReadAll(half.Body); err == nil {
		t.Error("an answer that was cut off looks whole")
	}
}
