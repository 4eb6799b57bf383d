// SPDX-License-Identifier: Apache-2.0

//go:build unix

package deployment_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// client sends what the provider's client sends: a token, JSON and a line feed behind the body. It reads moments in one
// layout only.
type client struct {
	*apitest.World
	t *testing.T
}

func newClient(t *testing.T, o apitest.Options) *client {
	t.Helper()
	o.Unindexed = true
	return &client{World: apitest.New(t, o), t: t}
}

func (c *client) send(method, path, body string) apitest.Answer {
	c.t.Helper()
	var content any
	if body != "" {
		content = body + "\n"
	}
	req := apitest.Request(c.t, method, path, content)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "terraform-provider-zentral/0.1 goztl/0.1")
	req.Header.Set("Authorization", "Token "+c.Tokens[auth.Admin])
	return c.Send(req)
}

// object sends a request and reads the object that comes back, without its moments.
func (c *client) object(method, path, body string, status int) map[string]any {
	c.t.Helper()
	object := c.send(method, path, body).Want(status).Object()
	c.takeMoments(object)
	return object
}

func (c *client) takeMoments(object map[string]any) {
	c.t.Helper()
	for _, key := range []string{"created_at", "updated_at"} {
		text, _ := object[key].(string)
		if _, err := time.Parse("2006-01-02T15:04:05.999999", text); err != nil {
			c.t.Errorf("%s: %v", key, err)
		}
		delete(object, key)
	}
}

func (c *client) list(path string) []map[string]any {
	c.t.Helper()
	var objects []map[string]any
	answer := c.send(http.MethodGet, path, "").Want(http.StatusOK)
	if err := json.Unmarshal(answer.Body, &objects); err != nil {
		c.t.Fatalf("%v: %s", err, answer.Body)
	}
	for _, object := range objects {
		c.takeMoments(object)
	}
	return objects
}

// wants fails the test when an object is another one than the JSON says.
func wants(t *testing.T, what string, got any, want string) {
	t.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plain, wanted) {
		t.Errorf("%s: got\n%s\nwant\n%s", what, raw, want)
	}
}

// list reads a bare list.
func list(a apitest.Answer) []any {
	var v []any
	_ = json.Unmarshal(a.Body, &v) // what is no list is not the one that is wanted
	return v
}
