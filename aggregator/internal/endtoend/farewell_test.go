// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAMachineThatComesBackKeepsItsHistory takes leave with a real agent, asks the doctor, and enrols again.
func TestAMachineThatComesBackKeepsItsHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.must("token", "create", "--name", "test", "--role", "viewer")
	secret := s.must("enrollment", "create", "--name", "test")
	e := newEndpoint(t, 20)
	e.enroll(s.url, secret)
	first := e.mustOnce()
	doctor := func(state string) (string, int) {
		t.Helper()
		out, err := runProgram(t, nil, "rollcall-agent", "doctor", "--state-dir", state, "--server", s.url)
		var exit *exitError
		if errors.As(err, &exit) {
			return exit.stdout, exit.code
		}
		return out, 0
	}
	if out, code := doctor(e.state); code != 0 || !strings.Contains(out, "the credential is accepted") {
		t.Errorf("doctor: got exit %d, %s", code, out)
	}
	copied := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(copied, os.DirFS(e.state)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.agent(nil, "goodbye", "--reason", "test"); err != nil {
		t.Fatal(err)
	}
	var machine struct {
		Archived bool `json:"archived"`
	}
	s.get(token, "/api/v1/machines/"+first.SerialNumber, &machine)
	if !machine.Archived {
		t.Error("the machine is not archived")
	}
	if out, code := doctor(copied); code != 5 || !strings.Contains(out, "enroll --again") {
		t.Errorf("doctor with the revoked credential: got exit %d, %s", code, out)
	}

	e.enroll(s.url, secret)
	e.debs["later"] = 1
	e.writeStatus()
	again := e.mustOnce()
	if again.SerialNumber != first.SerialNumber || again.Outcome != "committed" {
		t.Errorf("got %+v, want the machine of %s", again, first.SerialNumber)
	}
	var page struct {
		Changes []struct{} `json:"changes"`
	}
	s.get(token, "/api/v1/machines/"+first.SerialNumber+"/changes", &page)
	s.get(token, "/api/v1/machines/"+first.SerialNumber, &machine)
	if len(page.Changes) != 2 || machine.Archived {
		t.Errorf("got %d changes, archived %t; want the one before and the new one, live", len(page.Changes), machine.Archived)
	}
}
