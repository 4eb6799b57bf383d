// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// comeback is a site with one machine that a real agent reports.
type comeback struct {
	*site
	t      *testing.T
	token  string
	serial string
	agent  *endpoint
	first  cycle
}

func newComeback(t *testing.T) *comeback {
	t.Helper()
	s := newSite(t)
	c := &comeback{site: s, t: t, token: s.must("token", "create", "--name", "test", "--role", "admin"), agent: newEndpoint(t, 20)}
	c.agent.enroll(s.url, s.must("enrollment", "create", "--name", "test"))
	c.first = c.agent.mustOnce()
	c.serial = c.first.SerialNumber
	c.agent.debs["later"] = 1
	c.agent.writeStatus()
	c.agent.mustOnce()
	if got := c.post("/api/v1/checks", `{"name":"c","source_name":"rollcall","jmespath_expression":"os_version.name != null"}`); !strings.Contains(got, `"version":1`) {
		t.Fatalf("check: %s", got)
	}
	c.post("/api/inventory/machines/tags/", `{"serial_numbers":["`+c.serial+`"],"operations":[{"kind":"ADD","names":["kept"]}]}`)
	c.shown(true)
	return c
}

// post sends JSON and returns the answer.
func (c *comeback) post(path, body string) string {
	c.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.url+path, bytes.NewBufferString(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		c.t.Fatalf("POST %s: %s %v: %s", path, response.Status, err, got)
	}
	return string(got)
}

// shown waits until the machine is everywhere where machines are shown, or nowhere: the index follows after a moment.
func (c *comeback) shown(want bool) {
	c.t.Helper()
	for _, path := range []string{
		"/api/v1/machines", "/api/v1/software?kind=deb_packages", "/api/v1/software/machines?kind=deb_packages&name=later",
		"/api/v1/checks/1/statuses", "/api/v1/exports/deb_packages.csv",
	} {
		var got string
		err := wait(startLimit, func() (bool, error) {
			got = c.text(path)
			return strings.Contains(got, c.serial) == want || path == "/api/v1/software?kind=deb_packages" && strings.Contains(got, "later") == want, nil
		})
		if err != nil {
			c.t.Errorf("%s: shown should be %t: %v: %s", path, want, err, got)
		}
	}
	if status, _ := c.answer("/api/inventory/machines/" + c.serial + "/meta/"); (status == http.StatusOK) != want {
		c.t.Errorf("meta: got %d, shown should be %t", status, want)
	}
}

func (c *comeback) text(path string) string {
	_, body := c.answer(path)
	return body
}

// answer asks the API.
func (c *comeback) answer(path string) (int, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+c.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// changes returns how many changes of the machine are kept.
func (c *comeback) changes() int {
	c.t.Helper()
	var page struct {
		Changes []json.RawMessage `json:"changes"`
	}
	c.get(c.token, "/api/v1/machines/"+c.serial+"/changes", &page)
	return len(page.Changes)
}

func TestAnArchivedMachineComesBackByAMereCheckIn(t *testing.T) {
	t.Parallel()
	c := newComeback(t)
	if got := c.post("/api/inventory/machines/archive/", `{"serial_numbers":["`+c.serial+`"]}`); strings.TrimSpace(got) != `{"current_machine_snapshots":1}` {
		t.Errorf("got %s", got)
	}
	c.shown(false)
	again := c.agent.mustOnce()
	if again.Outcome != "current" || len(again.Calls) != 1 || again.Calls[0].Call != "CheckIn" {
		t.Errorf("got %+v, want one check-in that finds everything current", again)
	}
	c.shown(true)
	if n := c.changes(); n != 2 {
		t.Errorf("got %d changes, want the two from before", n)
	}
}

func TestAPrunedMachineBeginsANewHistory(t *testing.T) {
	t.Parallel()
	c := newComeback(t)
	if got := c.post("/api/inventory/machines/prune/", `{"serial_numbers":["`+c.serial+`"]}`); !strings.Contains(got, `"current_machine_snapshots":1,`) || !strings.Contains(got, `"machine_snapshots":2}`) {
		t.Errorf("got %s", got)
	}
	c.shown(false)
	again := c.agent.mustOnce()
	if again.Outcome != "committed" || again.Packages != 21 {
		t.Errorf("got %+v, want a full push", again)
	}
	c.shown(true)
	if n := c.changes(); n != 1 {
		t.Errorf("got %d changes, want one of a new history", n)
	}
	var machine struct {
		Tags []struct {
			Name string `json:"name"`
		} `json:"tags"`
	}
	if err := json.Unmarshal([]byte(c.text("/api/inventory/machines/"+c.serial+"/meta/")), &machine); err != nil {
		t.Fatal(err)
	}
	if len(machine.Tags) != 1 || machine.Tags[0].Name != "kept" {
		t.Errorf("got tags %v, want the one from before", machine.Tags)
	}
}
