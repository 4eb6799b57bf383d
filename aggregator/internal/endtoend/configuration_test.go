// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// send writes JSON to the API and reads the answer into v.
func (s *site) send(token, method, path string, body, v any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("%s %s: %s, %v: %s", method, path, response.Status, err, answer)
	}
	if err := json.Unmarshal(answer, v); err != nil {
		s.t.Fatal(err)
	}
}

// TestTheCentreDecidesWhatIsCollected switches a section of a real agent off and on through the API.
func TestTheCentreDecidesWhatIsCollected(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.must("token", "create", "--name", "test", "--role", "admin")
	var created struct {
		ID      int64 `json:"id"`
		Version int64 `json:"version"`
	}
	// The configuration is there before the machine: what it switches off never leaves the machine.
	s.send(token, http.MethodPost, "/api/v1/configurations", map[string]any{
		"name": "web", "collectors": map[string]any{"deb_packages": map[string]any{"enabled": false}},
	}, &created)
	e := newEndpoint(t, 20)
	e.enroll(s.url, s.must("enrollment", "create", "--name", "test", "--configuration", "web"))
	first := e.mustOnce()
	if first.Outcome != "committed" || slices.Contains(first.SectionsChanged, "deb_packages") {
		t.Errorf("got %+v, want no packages", first)
	}

	change := func(enabled bool) cycle {
		t.Helper()
		path := "/api/v1/configurations/" + jsonText(t, created.ID)
		s.send(token, http.MethodPut, path, map[string]any{
			"name": "web", "interval_seconds": 60, "collectors": map[string]any{"deb_packages": map[string]any{"enabled": enabled}},
		}, &created)
		return e.mustOnce()
	}
	if on := change(true); on.Outcome != "committed" || !slices.Contains(on.SectionsChanged, "deb_packages") || on.Packages != 20 {
		t.Errorf("switched on: got %+v", on)
	}
	off := change(false)
	if off.Outcome != "committed" || !slices.Contains(off.SectionsChanged, "deb_packages") {
		t.Errorf("switched off: got %+v", off)
	}
	var tree map[string]json.RawMessage
	s.get(token, "/api/v1/machines/"+off.SerialNumber+"/snapshot", &tree)
	if _, there := tree["deb_packages"]; there {
		t.Errorf("the section is still there: %s", tree["deb_packages"])
	}

	var report struct {
		ConfigurationVersion int64 `json:"configuration_version"`
		Collectors           []struct {
			Collector string `json:"collector"`
			State     string `json:"state"`
			Items     int    `json:"items"`
			BytesRead int    `json:"bytes_read"`
		} `json:"collectors"`
	}
	s.get(token, "/api/v1/machines/"+off.SerialNumber+"/collectors", &report)
	states := map[string]string{}
	read := 0
	for _, c := range report.Collectors {
		states[c.Collector] = c.State
		read += c.BytesRead
	}
	if report.ConfigurationVersion != created.Version || states["deb_packages"] != "disabled" || states["os_version"] != "collected" || read == 0 {
		t.Errorf("got %+v, want version %d", report, created.Version)
	}
	calls := func(c cycle) string {
		var names []string
		for _, call := range c.Calls {
			names = append(names, call.Call)
		}
		return strings.Join(names, " ")
	}
	if quiet := e.mustOnce(); quiet.Outcome != "current" || calls(quiet) != "CheckIn" {
		t.Errorf("nothing changed: got %+v", quiet)
	}
}

// jsonText is a number as a path has it.
func jsonText(t *testing.T, n int64) string {
	t.Helper()
	raw, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
