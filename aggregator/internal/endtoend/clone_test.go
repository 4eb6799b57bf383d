// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestClones takes real agents through what image copies, rollbacks and new credentials do to an identity.
func TestClones(t *testing.T) {
	t.Parallel()
	c := newCloning(t)
	for name, test := range map[string]func(*testing.T, cloning){
		"one state folder booted twice":        bootedTwice,
		"copy with firmware of its own":        copiedToOtherFirmware,
		"virtual machine that is set back":     setBack,
		"machine that is enrolled again":       enrolledAgain,
		"copy of a machine without any serial": copiedContainer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, cloning{&shop{battlefield: &battlefield{t: t, site: c.site}}, c.token, c.secret})
		})
	}
	t.Cleanup(func() { // before the site's own
		if out, err := c.site.run("fsck"); err != nil {
			t.Errorf("fsck: %v\n%s", err, out)
		}
	})
}

// bootedTwice boots a copy of a running machine, disk and firmware and all.
func bootedTwice(t *testing.T, c cloning) {
	original := newFirmwareEndpoint(t, "VMware-56 4d 0b 7e 11 22 33 44-55 66 77 88 99 aa bb 01", "564d0b7e-1122-4344-9566-778899aabb01")
	original.enroll(c.site.url, c.secret)
	serial := original.mustOnce().SerialNumber
	c.tag(serial, "hand-picked")
	original.install("before") // which says that it is up
	first := original.boot()
	c.settles(original)
	before := c.known(serial)

	clone := original.copied()
	original.install("only-original")
	clone.install("only-clone")
	second := clone.boot()
	err := wait(startLimit, func() (bool, error) { return c.conflicts(serial) == "1" && original.serial() != clone.serial(), nil })
	if err != nil {
		t.Fatalf("two identities: %v", err)
	}
	c.settles(original)
	c.settles(clone)
	for _, e := range []*endpoint{original, clone} { // and they go on side by side
		e.install("later")
		c.settles(e)
	}
	first()
	second()

	if original.serial() != serial || !strings.HasPrefix(clone.serial(), serial+"~") {
		t.Errorf("got %q for the original and %q for its copy, want the copy to leave %q", original.serial(), clone.serial(), serial)
	}
	if n := c.conflicts(serial); n != "1" {
		t.Errorf("conflicts: got %s, want 1", n)
	}
	kept, other := c.known(serial), c.known(clone.serial())
	if !slices.Equal(kept.tags, []string{"hand-picked"}) || kept.changes <= before.changes {
		t.Errorf("the original has tags %q and %d changes, had %d", kept.tags, kept.changes, before.changes)
	}
	if len(other.tags) != 0 || slices.Contains(other.packages, "only-original") || slices.Contains(kept.packages, "only-clone") {
		t.Errorf("data crossed: the copy has tags %q and %q, the original %q", other.tags, other.packages, kept.packages)
	}
}

// copiedToOtherFirmware is a copy that the hypervisor gave a UUID of its own: its first report says so.
func copiedToOtherFirmware(t *testing.T, c cloning) {
	const one, two = "7c1e8a52-63f4-4d0e-9b1f-0a2b3c4d5e01", "7c1e8a52-63f4-4d0e-9b1f-0a2b3c4d5e02"
	original := newFirmwareEndpoint(t, "None", one)
	original.enroll(c.site.url, c.secret)
	original.mustOnce()
	clone := original.copied()
	clone.write("sys/class/dmi/id/product_uuid", two+"\n")
	clone.install("only-clone")
	if got := clone.mustOnce(); got.SerialNumber != two || got.Outcome != "committed" {
		t.Errorf("the copy: got %+v, want it committed as %s", got, two)
	}
	if k := c.known(one); slices.Contains(k.packages, "only-clone") || k.changes != 1 {
		t.Errorf("the copy changed the original: %d changes, %q", k.changes, k.packages)
	}
	original.install("only-original")
	if got := original.mustOnce(); got.SerialNumber != one || got.Outcome != "committed" {
		t.Errorf("the original: got %+v, want it committed as %s", got, one)
	}
	if n := c.conflicts(one); n != "1" {
		t.Errorf("conflicts: got %s, want 1", n)
	}
	if k := c.known(one); k.changes != 2 {
		t.Errorf("the original has %d changes, want 2", k.changes)
	}
	for _, e := range []*endpoint{original, clone} {
		if got := e.mustOnce(); got.Outcome != "current" || !c.holds(e) {
			t.Errorf("got %+v, want it current", got)
		}
	}
}

// copiedContainer is a copy of a machine that drew its serial number: nothing tells the two apart but that both run.
func copiedContainer(t *testing.T, c cloning) {
	original := newEndpoint(t, 10)
	if err := os.Remove(filepath.Join(original.root, "etc", "machine-id")); err != nil {
		t.Fatal(err)
	}
	original.enroll(c.site.url, c.secret)
	serial := original.mustOnce().SerialNumber
	if !strings.HasPrefix(serial, "RND-") {
		t.Fatalf("got %s, want a serial number that was drawn", serial)
	}
	original.install("before") // which says that it is up
	first := original.boot()
	c.settles(original)
	clone := original.copied()
	clone.install("only-clone")
	second := clone.boot()
	if err := wait(startLimit, func() (bool, error) { return original.serial() != clone.serial(), nil }); err != nil {
		t.Fatalf("two identities: %v", err)
	}
	c.settles(original)
	c.settles(clone)
	first()
	second()
	if original.serial() != serial || c.conflicts(serial) != "1" {
		t.Errorf("got %s for the original and %s conflicts, want %s and 1", original.serial(), c.conflicts(serial), serial)
	}
}

// setBack puts a machine's disk back to an earlier day.
func setBack(t *testing.T, c cloning) {
	e := newFirmwareEndpoint(t, "PF2AB34C", "3f2a1b0c-9d8e-11b2-a85c-0123456789ab")
	e.enroll(c.site.url, c.secret)
	serial := e.mustOnce().SerialNumber
	backup := e.copied()
	for _, name := range []string{"one", "two", "three"} {
		e.install(name)
		e.mustOnce()
	}
	before := c.known(serial)
	if got := backup.mustOnce(); got.SerialNumber != serial || got.Outcome != "committed" {
		t.Errorf("set back: got %+v, want it committed as %s", got, serial)
	}
	after := c.known(serial)
	if after.changes != before.changes+1 || !c.holds(backup) {
		t.Errorf("set back: got %d changes and %q, had %d", after.changes, after.packages, before.changes)
	}
	backup.install("four")
	for _, want := range []string{"committed", "current"} {
		if got := backup.mustOnce(); got.Outcome != want || !c.holds(backup) {
			t.Errorf("it goes on: got %+v, want %s", got, want)
		}
	}
	if n := c.conflicts(serial); n != "0" {
		t.Errorf("conflicts: got %s, want none", n)
	}
}

// TestCredentialIsRenewed has an agent's credential replaced because of its age.
func TestCredentialIsRenewed(t *testing.T) {
	t.Parallel()
	c := newCloning(t)
	e := newFirmwareEndpoint(t, "CZC1234XYZ", "3f2a1b0c-9d8e-11b2-a85c-0123456789ac")
	e.enroll(c.site.url, c.secret)
	serial := e.mustOnce().SerialNumber
	old := e.copied() // for its credential alone: it never reports
	if aged := c.query("WITH old AS (UPDATE credential SET created_at = now() - interval '31 days' RETURNING 1) SELECT count(*)::text FROM old"); aged != "1" {
		t.Fatalf("%s credentials were aged, want 1", aged)
	}
	c.site.stop(syscall.SIGTERM) // it remembers how old the credential was
	if err := c.site.start(); err != nil {
		t.Fatal(err)
	}
	if got := e.mustOnce(); got.Outcome != "current" { // is given the new one, and has nothing to send with it
		t.Errorf("got %+v, want it current", got)
	}
	if out, code := doctorOf(t, old.state); code != 0 {
		t.Errorf("the old credential before the new one was used: got exit %d, %s", code, out)
	}
	e.install("later")
	for _, want := range []string{"committed", "current"} {
		if got := e.mustOnce(); got.SerialNumber != serial || got.Outcome != want {
			t.Errorf("with the new credential: got %+v, want %s", got, want)
		}
	}
	const notAuthorised = 5
	if out, code := doctorOf(t, old.state); code != notAuthorised {
		t.Errorf("the old credential after the new one was used: got exit %d, %s", code, out)
	}
	if out, code := doctorOf(t, e.state); code != 0 {
		t.Errorf("the new credential: got exit %d, %s", code, out)
	}
	if k := c.known(serial); k.changes != 2 || c.conflicts(serial) != "0" {
		t.Errorf("got %d changes and %s conflicts, want 2 and none", k.changes, c.conflicts(serial))
	}
}

// enrolledAgain gives a machine another credential, as after a loss of its state folder.
func enrolledAgain(t *testing.T, c cloning) {
	e := newFirmwareEndpoint(t, "5CG1234ABC", "3f2a1b0c-9d8e-11b2-a85c-0123456789ad")
	e.enroll(c.site.url, c.secret)
	serial := e.mustOnce().SerialNumber
	c.tag(serial, "kept")
	e.install("later")
	e.mustOnce()
	for what, again := range map[string]func(){
		"with its state folder": func() { e.enroll(c.site.url, c.secret, "--again") },
		"without": func() {
			if err := os.RemoveAll(e.state); err != nil {
				t.Fatal(err)
			}
			e.enroll(c.site.url, c.secret)
		},
	} {
		before := c.known(serial)
		again()
		e.install(strings.ReplaceAll(what, " ", "-"))
		if got := e.mustOnce(); got.SerialNumber != serial || got.Outcome != "committed" {
			t.Errorf("%s: got %+v, want it committed as %s", what, got, serial)
		}
		after := c.known(serial)
		if after.changes != before.changes+1 || !slices.Equal(after.tags, []string{"kept"}) {
			t.Errorf("%s: got %d changes, tags %q; had %d", what, after.changes, after.tags, before.changes)
		}
	}
	if n := c.conflicts(serial); n != "0" {
		t.Errorf("conflicts: got %s, want none", n)
	}
}
