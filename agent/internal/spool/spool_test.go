// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

var errCrash = errors.New("crash")

func TestCountersRiseOverRestartsAndCrashes(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	var last uint64
	for life := range 5 {
		s, dir := openSpool(t, path)
		if life == 3 {
			if err := s.Raise(10_000); err != nil {
				t.Fatal(err)
			}
			last = 10_000
		}
		for range block + 3 {
			n, err := s.Next()
			if err != nil || n <= last {
				t.Fatalf("life %d: got %d, %v after %d", life, n, err, last)
			}
			last = n
		}
		dir.Close() // no farewell: a killed process has none either
	}
}

func TestACounterThatIsNotOnDiskIsNotHandedOut(t *testing.T) {
	t.Parallel()
	s, dir := openSpool(t, t.TempDir())
	dir.Fault = func(string, string) error { return errCrash }
	if n, err := s.Next(); !errors.Is(err, errCrash) {
		t.Fatalf("got %d, %v, want the error of the disk", n, err)
	}
	dir.Fault = nil
	if n, err := s.Next(); err != nil || n != 1 {
		t.Errorf("afterwards: got %d, %v, want 1", n, err)
	}
}

func TestMostCountersTouchNoDisk(t *testing.T) {
	t.Parallel()
	s, dir := openSpool(t, t.TempDir())
	writes := 0
	dir.Fault = func(step, _ string) error {
		if step == "rename" {
			writes++
		}
		return nil
	}
	for range 10 * block {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if writes != 10 {
		t.Errorf("got %d writes for %d counters, want 10", writes, 10*block)
	}
}

func TestWhatIsStoredComesBack(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	s, dir := openSpool(t, path)
	source := s.Source("rollcall")
	pending := samplePending(3)
	want := sampleAcknowledged(3)
	want.Sections["disks"] = Held{Digest: asset.Of("x", nil)}
	if err := errors.Join(source.SetPending(pending), source.Acknowledge(want)); err != nil {
		t.Fatal(err)
	}
	dir.Close()

	s, _ = openSpool(t, path)
	source = s.Source("rollcall")
	got, err := source.Acknowledged()
	if err != nil || got.Root() != want.Root() || got.Sections["disks"].Known {
		t.Errorf("acknowledged: got root %s, %v, want %s", got.Root(), err, want.Root())
	}
	if held := got.Sections["deb_packages"]; !held.Known || len(held.IDs) != 3 {
		t.Errorf("acknowledged packages: got %+v, want 3 known ids", held)
	}
	back, err := source.Pending()
	if err != nil || back == nil {
		t.Fatalf("pending: got %v, %v", back, err)
	}
	if snapshot.Root(back.Set.Digests()) != snapshot.Root(pending.Set.Digests()) || !maps.Equal(back.Keep, pending.Keep) {
		t.Errorf("pending: got %v, want %v", back, pending)
	}
	if err := errors.Join(source.ClearPending(), source.Forget()); err != nil {
		t.Fatal(err)
	}
	back, _ = source.Pending()
	got, _ = source.Acknowledged()
	if back != nil || !got.Root().IsZero() {
		t.Errorf("after forgetting: got %v and %v, want nothing", back, got)
	}
}

func TestADamagedFileCountsAsMissing(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	s, _ := openSpool(t, path)
	source := s.Source("rollcall")
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(source.SetPending(samplePending(2)), source.Acknowledge(sampleAcknowledged(2))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"counter", "rollcall.acknowledged", "rollcall.pending"} {
		file := filepath.Join(path, "spool", name)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(whole) {
			expectNothing(t, path, name, fmt.Sprintf("cut at %d", cut), whole[:cut])
			flipped := append([]byte(nil), whole...)
			flipped[cut] ^= 1
			expectNothing(t, path, name, fmt.Sprintf("bit of byte %d", cut), flipped)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// expectNothing puts content into a file of the spool and expects that it reads as missing.
func expectNothing(t *testing.T, path, name, how string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path, "spool", name), content, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("%s %s: %v", name, how, err)
	}
	source := s.Source("rollcall")
	held, heldErr := source.Acknowledged()
	pending, pendingErr := source.Pending()
	switch {
	case heldErr != nil || pendingErr != nil:
		t.Fatalf("%s %s: %v, %v", name, how, heldErr, pendingErr)
	case name == "counter" && s.last != 0,
		name == "rollcall.acknowledged" && len(held.Sections) != 0,
		name == "rollcall.pending" && pending != nil:
		t.Fatalf("%s %s: content came back", name, how)
	}
}

// TestAKillAtAnyStepLosesNothingAcknowledged runs one commit again and again, killed one step later each time.
func TestAKillAtAnyStepLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	for kill := 0; ; kill++ {
		path := t.TempDir()
		s, dir := openSpool(t, path)
		if err := s.Source("rollcall").Acknowledge(sampleAcknowledged(1)); err != nil {
			t.Fatal(err)
		}
		steps := 0
		dir.Fault = func(string, string) error {
			if steps++; steps > kill {
				return errCrash
			}
			return nil
		}
		counter, reached := commitOnce(s)
		dir.Close()
		expectConsistent(t, path, kill, counter, reached)
		if reached == "cleared" {
			if kill < 10 {
				t.Errorf("only %d steps were tried", kill)
			}
			return
		}
	}
}

// commitOnce does what a push does and returns the counter it got and how far it came.
func commitOnce(s *Spool) (counter uint64, reached string) {
	source := s.Source("rollcall")
	if source.SetPending(samplePending(2)) != nil {
		return 0, ""
	}
	counter, err := s.Next()
	if err != nil {
		return 0, "pending"
	}
	if source.Acknowledge(sampleAcknowledged(2)) != nil {
		return counter, "pending"
	}
	if source.ClearPending() != nil {
		return counter, "acknowledged"
	}
	return counter, "cleared"
}

func expectConsistent(t *testing.T, path string, kill int, counter uint64, reached string) {
	t.Helper()
	s, _ := openSpool(t, path)
	source := s.Source("rollcall")
	held, err := source.Acknowledged()
	if err != nil {
		t.Fatal(err)
	}
	pending, err := source.Pending()
	if err != nil {
		t.Fatal(err)
	}
	before, after := sampleAcknowledged(1).Root(), sampleAcknowledged(2).Root()
	switch {
	case held.Root() != before && held.Root() != after:
		t.Errorf("kill %d: acknowledged is neither the old nor the new one", kill)
	case (reached == "acknowledged" || reached == "cleared") && held.Root() != after:
		t.Errorf("kill %d: the stored acknowledgement is gone", kill)
	case reached == "pending" && held.Root() == before && pending == nil:
		t.Errorf("kill %d: the pending snapshot is gone", kill)
	}
	if n, err := s.Next(); err != nil || n <= counter {
		t.Errorf("kill %d: counter %d, %v after %d", kill, n, err, counter)
	}
}

func TestAKeptKindComesFromTheEarlierPendingSnapshot(t *testing.T) {
	t.Parallel()
	earlier := samplePending(2)
	newer := Pending{Set: snapshot.Sections{}, Keep: map[string]bool{"deb_packages": true, "users": true}}
	got := newer.After(&earlier)
	if got.Set["deb_packages"] == nil || got.Keep["deb_packages"] || !got.Keep["users"] {
		t.Errorf("got %v, want the earlier packages and users kept", got)
	}
	if same := samplePending(2); !earlier.Equal(&same) || earlier.Equal(&newer) || earlier.Equal(nil) {
		t.Error("Equal holds for different snapshots or not for equal ones")
	}
	if newer.Set["deb_packages"] != nil || !newer.Keep["deb_packages"] {
		t.Error("After changed its receiver")
	}
}

func FuzzDecode(f *testing.F) {
	content, _ := encodePending(samplePending(2))
	f.Add(content)
	content, _ = encodeAcknowledged(sampleAcknowledged(2))
	f.Add(content)
	f.Fuzz(func(_ *testing.T, payload []byte) {
		_, _ = decodePending(payload) // must not panic; a payload has passed its checksum
		_, _ = decodeAcknowledged(payload)
	})
}

func samplePending(n int) Pending {
	var bodies [][]byte
	for i := range n {
		bodies = append(bodies, fmt.Appendf(nil, `{"name":"p%d"}`, i))
	}
	return Pending{
		Set: snapshot.Sections{
			"deb_packages": snapshot.NewSection("deb_packages", bodies),
			"rpm_packages": snapshot.NewSection("rpm_packages", nil),
		},
		Keep: map[string]bool{"disks": true},
	}
}

func sampleAcknowledged(n int) Acknowledged {
	a := Acknowledged{Sections: map[string]Held{}}
	for kind, section := range samplePending(n).Set {
		a.Sections[kind] = HeldOf(section)
	}
	return a
}

func openSpool(t *testing.T, path string) (*Spool, *state.Dir) {
	t.Helper()
	dir, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Lock(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}
