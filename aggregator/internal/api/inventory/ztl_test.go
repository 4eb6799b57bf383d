// SPDX-License-Identifier: Apache-2.0

//go:build unix

package inventory_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// ztl is a client that behaves as the contract's Go client does, and so its Terraform provider: the same requests to the
// byte, the same reading of answers. The aggregator is a real listener, and every answer is held against the description.
type ztl struct {
	*apitest.World
	t     *testing.T
	base  *url.URL // ends in /api/
	token string
}

// newZTL returns a client of a new aggregator, as an admin.
func newZTL(t *testing.T) *ztl {
	t.Helper()
	w := apitest.New(t, apitest.Options{})
	base, err := url.Parse(w.Listen() + "/api/")
	if err != nil {
		t.Fatal(err)
	}
	return &ztl{World: w, t: t, base: base, token: strings.Trim(" '"+w.Tokens[auth.Admin]+"' ", " '")}
}

// ztlTime takes moments in one layout and no other.
type ztlTime struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *ztlTime) UnmarshalJSON(raw []byte) (err error) {
	t.Time, err = time.Parse(`"2006-01-02T15:04:05.999999"`, string(raw))
	return err
}

// ztlError is an answer outside of the 200s, with its body as it came.
type ztlError struct {
	Method, URL string
	Status      int
	Body        string
}

// Error implements error.
func (e *ztlError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, e.Body)
}

// request sends a request to a path relative to the base, and decodes the answer into v unless that is nil.
func (z *ztl) request(method, path string, body, v any) error {
	to, err := z.base.Parse(path)
	if err != nil {
		return err
	}
	var encoded io.Reader
	if body != nil {
		var buffer bytes.Buffer
		if err := json.NewEncoder(&buffer).Encode(body); err != nil { // with a newline behind it
			return err
		}
		encoded = &buffer
	}
	req, err := http.NewRequestWithContext(z.t.Context(), method, to.String(), encoded)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Token "+z.token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "terraform-provider-zentral/0.1 goztl/0.1")
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // all of it is read
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return &ztlError{method, to.String(), answer.StatusCode, string(raw)}
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(raw, v)
}

// service is one sort of object: O is what is read, B what is sent.
type service[O, B any] struct {
	*ztl
	path string // "inventory/tags/"
}

// list follows the pages of an envelope, should there be one.
func (s service[O, B]) list(query string) ([]O, error) {
	var all []O
	for path := s.path + query; path != ""; {
		var raw json.RawMessage
		if err := s.request(http.MethodGet, path, nil, &raw); err != nil {
			return nil, err
		}
		var page struct {
			Next    *string `json:"next"`
			Results []O     `json:"results"`
		}
		if raw[0] == '[' {
			if err := json.Unmarshal(raw, &page.Results); err != nil {
				return nil, err
			}
		} else if err := json.Unmarshal(raw, &page); err != nil {
			return nil, err
		}
		all, path = append(all, page.Results...), ""
		if page.Next != nil { // without its host and first slash, and so below the base again
			next, err := url.Parse(*page.Next)
			if err != nil {
				return nil, err
			}
			path = strings.TrimPrefix(next.RequestURI(), "/")
		}
	}
	return all, nil
}

// getByName returns nil when there is none.
func (s service[O, B]) getByName(name string) (*O, error) {
	found, err := s.list("?" + url.Values{"name": {name}}.Encode())
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (s service[O, B]) one(id int) (string, error) {
	if id < 1 {
		return "", fmt.Errorf("id %d is less than 1", id)
	}
	return fmt.Sprintf("%s%d/", s.path, id), nil
}

func (s service[O, B]) getByID(id int) (*O, error) {
	path, err := s.one(id)
	if err != nil {
		return nil, err
	}
	var got O
	return &got, s.request(http.MethodGet, path, nil, &got)
}

func (s service[O, B]) create(body B) (*O, error) {
	var got O
	return &got, s.request(http.MethodPost, s.path, body, &got)
}

func (s service[O, B]) update(id int, body B) (*O, error) {
	path, err := s.one(id)
	if err != nil {
		return nil, err
	}
	var got O
	return &got, s.request(http.MethodPut, path, body, &got)
}

func (s service[O, B]) delete(id int) error {
	path, err := s.one(id)
	if err != nil {
		return err
	}
	return s.request(http.MethodDelete, path, nil, nil)
}

// must fails the test with the error of a call.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
