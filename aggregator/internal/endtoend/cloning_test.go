// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// cloning is a site on which machines are copied, set back and enrolled again.
type cloning struct {
	*shop  // for its database
	token  string
	secret string
}

// newCloning starts a site.
func newCloning(t *testing.T) cloning {
	t.Helper()
	s := newSite(t, "--checkin-interval", "1s")
	return cloning{
		shop:   &shop{battlefield: &battlefield{t: t, site: s}},
		token:  s.must("token", "create", "--name", "test", "--role", "viewer"),
		secret: s.must("enrollment", "create", "--name", "test"),
	}
}

// known is what the aggregator shows of a machine.
type known struct {
	root     string
	tags     []string
	packages []string
	changes  int // in its history
}

func (c cloning) known(serial string) known {
	c.t.Helper()
	var machine struct {
		Tags []struct {
			Name string `json:"name"`
		} `json:"tags"`
		Sources []struct {
			Root string `json:"root"`
		} `json:"sources"`
	}
	c.site.get(c.token, "/api/v1/machines/"+serial, &machine)
	d := debTest{t: c.t, site: c.site, token: c.token, serial: serial}
	k := known{packages: d.packages(time.Time{}), changes: len(d.changes())}
	for _, tag := range machine.Tags {
		k.tags = append(k.tags, tag.Name)
	}
	if len(machine.Sources) == 1 {
		k.root = machine.Sources[0].Root
	}
	return k
}

// conflicts counts the rows of the journal that say that a machine's credential was used by two. Events are made of them.
func (c cloning) conflicts(serial string) string {
	c.t.Helper()
	return c.query(fmt.Sprintf(
		"SELECT count(*)::text FROM journal j JOIN machine m ON m.id = j.machine WHERE j.what = 'conflict' AND m.serial_number = '%s'", serial))
}

// tag tags a machine, as an administrator would.
func (c cloning) tag(serial, name string) {
	c.t.Helper()
	c.query(fmt.Sprintf("WITH t AS (INSERT INTO tag (name) VALUES ('%s') RETURNING id), "+
		"m AS (INSERT INTO machine_tag (machine, tag) SELECT machine.id, t.id FROM machine, t WHERE serial_number = '%s' RETURNING 1) "+
		"SELECT count(*)::text FROM m", name, serial))
}

// copied copies an endpoint, state folder and all.
func (e *endpoint) copied() *endpoint {
	e.t.Helper()
	dir := e.t.TempDir()
	c := &endpoint{t: e.t, root: filepath.Join(dir, "root"), state: filepath.Join(dir, "state"), debs: map[string]int{}}
	for name, version := range e.debs {
		c.debs[name] = version
	}
	for from, to := range map[string]string{e.root: c.root, e.state: c.state} {
		if err := copyLive(to, from); err != nil {
			e.t.Fatal(err)
		}
	}
	return c
}

// copyLive copies a folder in which a program may be replacing files: one that was renamed since the folder was listed
// makes it begin anew.
func copyLive(to, from string) error {
	return wait(startLimit, func() (bool, error) {
		err := os.CopyFS(to, os.DirFS(from))
		if errors.Is(err, fs.ErrNotExist) {
			return false, os.RemoveAll(to)
		}
		return err == nil, err
	})
}

// install adds a package to the endpoint.
func (e *endpoint) install(name string) {
	e.debs[name] = 1
	e.writeStatus()
}

// serial is the serial number that the endpoint's agent goes by.
func (e *endpoint) serial() string {
	e.t.Helper()
	raw, err := os.ReadFile(filepath.Join(e.state, "identity.json"))
	var identity struct {
		SerialNumber string `json:"serial_number"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &identity)
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return identity.SerialNumber
}

// boot starts the endpoint's agent, which runs until the returned function is called.
func (e *endpoint) boot() (shutDown func()) {
	e.t.Helper()
	cmd := command(program(e.t, "rollcall-agent"), "run", "--root", e.root, "--state-dir", e.state, "--interval", "1s")
	said := &output{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	over := false
	shutDown = func() {
		if over {
			return
		}
		over = true
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	}
	e.t.Cleanup(func() {
		shutDown()
		if e.t.Failed() {
			e.t.Logf("the last words of the agent of %s:\n%s", e.state, said.tail())
		}
	})
	return shutDown
}

// settles waits until the aggregator shows exactly the endpoint's packages under its serial number.
func (c cloning) settles(e *endpoint) {
	c.t.Helper()
	err := wait(startLimit, func() (bool, error) { return c.holds(e), nil })
	if err != nil {
		c.t.Errorf("%s does not settle: %v", e.serial(), err)
	}
}

func (c cloning) holds(e *endpoint) bool {
	c.t.Helper()
	if c.status(c.token, "/api/v1/machines/"+e.serial()) != http.StatusOK {
		return false // just enrolled: no snapshot yet
	}
	packages := c.known(e.serial()).packages
	return len(packages) == len(e.debs) && !slices.ContainsFunc(packages, func(p string) bool { return e.debs[p] == 0 })
}

// newFirmwareEndpoint is newEndpoint for a machine whose firmware counts.
func newFirmwareEndpoint(t *testing.T, serial, uuid string) *endpoint {
	t.Helper()
	e := newEndpoint(t, 10)
	if err := os.Remove(filepath.Join(e.root, ".dockerenv")); err != nil {
		t.Fatal(err)
	}
	e.write("sys/class/dmi/id/product_serial", serial+"\n")
	e.write("sys/class/dmi/id/product_uuid", uuid+"\n")
	return e
}

// doctorOf asks the doctor about a state folder.
func doctorOf(t *testing.T, state string) (string, int) {
	t.Helper()
	out, err := runProgram(t, nil, "rollcall-agent", "doctor", "--state-dir", state)
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.stdout, exit.code
	}
	return out, 0
}
