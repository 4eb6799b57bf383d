// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestSmallDebChange installs and removes a package with dpkg itself, in a file tree of the test's own. Each time there
// is one change, the snapshots before and after differ by the package, and the push fits into a kilobyte on the wire.
func TestSmallDebChange(t *testing.T) {
	t.Parallel()
	needDpkg(t)
	wire := newProxy(t)
	s := newSite(t, "--grpc-advertise", wire.address)
	wire.to(s.grpc)
	token := s.must("token", "create", "--name", "test", "--role", "viewer")
	e := newEndpoint(t, 2000)
	e.enroll(s.url, s.must("enrollment", "create", "--name", "test"))
	first := e.mustOnce()
	t.Logf("first snapshot of 2000 unknown packages: %d bytes sent, %d received", first.BytesSent, first.BytesReceived)
	d := debTest{t: t, site: s, token: token, endpoint: e, wire: wire, serial: first.SerialNumber}
	d.seen = len(d.changes())
	if d.seen != 1 {
		t.Fatalf("after the first snapshot: %d changes, want 1", d.seen)
	}
	deb := buildDeb(t)

	d.step("install", true, e.dpkg("--install", deb))
	d.step("remove", false, e.dpkg("--remove", "rollcall-endtoend"))
	wire.take()
	second := e.mustOnce()
	sent, received := wire.take()
	t.Logf("unchanged: %d bytes sent, %d received", sent, received)
	if second.Outcome != "current" {
		t.Errorf("outcome %q when nothing changed, want current", second.Outcome)
	}
}

// debTest follows one machine.
type debTest struct {
	t        *testing.T
	site     *site
	token    string
	endpoint *endpoint
	wire     *proxy
	serial   string
	seen     int // changes so far
}

// changeView is what the test reads of a change.
type changeView struct {
	Seq      int64     `json:"seq"`
	At       time.Time `json:"at"`
	Kinds    []string  `json:"kinds"`
	Sections []struct {
		Kind    string           `json:"kind"`
		Added   []map[string]any `json:"added"`
		Removed []map[string]any `json:"removed"`
	} `json:"sections"`
}

// changes returns the history, the newest first.
func (d *debTest) changes() []changeView {
	d.t.Helper()
	var page struct {
		Changes []changeView `json:"changes"`
	}
	d.site.get(d.token, "/api/v1/machines/"+d.serial+"/changes", &page)
	return page.Changes
}

// packages returns the names of the packages at a moment; now for the zero time.
func (d *debTest) packages(at time.Time) []string {
	d.t.Helper()
	path := "/api/v1/machines/" + d.serial + "/snapshot"
	if !at.IsZero() {
		path += "?at=" + url.QueryEscape(at.UTC().Format(time.RFC3339Nano))
	}
	var tree struct {
		DebPackages []struct {
			Name string `json:"name"`
		} `json:"deb_packages"`
	}
	d.site.get(d.token, path, &tree)
	var names []string
	for _, p := range tree.DebPackages {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// step reports after dpkg did something, and checks what came of it.
func (d *debTest) step(what string, installed bool, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	before := time.Now()
	d.wire.take()
	c := d.endpoint.mustOnce()
	sent, received := d.wire.take()
	d.t.Logf("%s: %d bytes sent on the socket, %d received; calls %v", what, sent, received, c.Calls)
	if c.Outcome != "committed" || !slices.Contains(c.SectionsChanged, "deb_packages") {
		d.t.Errorf("%s: outcome %q, sections %q", what, c.Outcome, c.SectionsChanged)
	}
	const most = 1024
	if sent >= most || sent == 0 {
		d.t.Errorf("%s: %d bytes on the wire, want less than %d", what, sent, most)
	}
	if c.BytesSent != sent {
		d.t.Errorf("%s: the agent counts %d bytes sent, the socket %d", what, c.BytesSent, sent)
	}
	changes := d.changes()
	if len(changes) != d.seen+1 {
		d.t.Fatalf("%s: %d changes, want one more than %d", what, len(changes), d.seen)
	}
	d.seen = len(changes)
	for _, section := range changes[0].Sections {
		added, removed := len(section.Added), len(section.Removed)
		if section.Kind == "deb_packages" && (added+removed != 1 || (added == 1) != installed) {
			d.t.Errorf("%s: %d packages added, %d removed", what, added, removed)
		}
	}
	had, has := d.packages(before), d.packages(time.Time{})
	if installed {
		had, has = has, had
	}
	gone := slices.DeleteFunc(slices.Clone(had), func(name string) bool { return slices.Contains(has, name) })
	if !slices.Equal(gone, []string{"rollcall-endtoend"}) || len(had) != len(has)+1 {
		d.t.Errorf("%s: the snapshots before and after differ by %q, want the package alone", what, gone)
	}
}

// needDpkg skips where packages cannot be installed into a tree.
func needDpkg(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: installing a package into a file tree needs root")
	}
	for _, tool := range []string{"dpkg", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: no %s on this machine (Debian: apt-get install dpkg)", tool)
		}
	}
}

// dpkg runs dpkg on the endpoint's tree.
func (e *endpoint) dpkg(args ...string) error {
	if err := os.MkdirAll(filepath.Join(e.root, "var/lib/dpkg/info"), 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(e.root, "var/lib/dpkg/updates"), 0o755); err != nil {
		return err
	}
	cmd := exec.Command("dpkg", append([]string{"--root=" + e.root, "--log=/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/sbin:/usr/bin:/bin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Logf("dpkg %v:\n%s", args, out)
	}
	return err
}

// buildDeb makes a package with one file.
func buildDeb(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	control := "Package: rollcall-endtoend\nVersion: 1.2-3\nArchitecture: all\nMaintainer: Somebody <somebody@example.org>\n" +
		"Section: misc\nPriority: optional\nDescription: a package that comes and goes\n"
	for name, content := range map[string]string{"DEBIAN/control": control, "usr/share/rollcall-endtoend/file": "here\n"} {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil { //nolint:gosec // dpkg-deb wants it readable
			t.Fatal(err)
		}
	}
	deb := filepath.Join(dir, "small.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", tree, deb).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v\n%s", err, out)
	}
	return deb
}
