// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// site is an agent with a fake aggregator.
type site struct {
	*fake
	t      *testing.T
	server *httptest.Server
	dir    *state.Dir
	agent  *Syncer
}

func newSite(t *testing.T, transport string) *site {
	t.Helper()
	f := newFake()
	s := &site{fake: f, t: t, server: f.serve(t)}
	f.grpc = portOf(t, s.server)
	var err error
	if s.dir, err = state.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.start(transport)
	return s
}

// start starts an agent process on the state folder; one that ran before is gone as after a kill.
func (s *site) start(transport string) {
	s.t.Helper()
	log := slog.New(slog.DiscardHandler)
	client, err := New(Options{
		Server: s.server.URL, GRPCAddress: portOf(s.t, s.server), Transport: transport,
		Credential: s.credential, Version: "test", Log: log,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(client.Close)
	sp, err := spool.Open(s.dir, log)
	if err != nil {
		s.t.Fatal(err)
	}
	evidence := &syncv1.Evidence{HardwareSerial: "S1"}
	s.agent = NewSyncer(Syncer{
		Client: client, Spool: sp, Dir: s.dir, Evidence: evidence, Log: log,
		Identity: &identity.Enrolled{SerialNumber: "S1", Credential: s.credential, Server: s.server.URL, Evidence: evidence},
	})
}

// sync runs one Sync that must succeed, and returns the calls it made.
func (s *site) sync(p spool.Pending) (Outcome, []string) {
	s.t.Helper()
	s.calls = nil
	out, err := s.agent.Sync(context.Background(), p, Extras{})
	if err != nil {
		s.t.Fatalf("sync: %v (calls %v)", err, s.calls)
	}
	if root := s.root(); out.Root != root {
		s.t.Fatalf("roots differ: agent %s, aggregator %s", out.Root, root)
	}
	if left, _ := s.agent.source().Pending(); left != nil {
		s.t.Fatal("a committed snapshot is still pending")
	}
	return out, s.calls
}

func (s *site) expectCalls(got []string, want ...string) {
	s.t.Helper()
	if !slices.Equal(got, want) {
		s.t.Errorf("calls: got %v, want %v", got, want)
	}
}

func TestTheWholeWayOnBothTransports(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"grpc", "connect", "auto"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, transport)
			out, calls := s.sync(machine(200))
			s.expectCalls(calls, "CheckIn", "Missing", "PushSections")
			if !out.Committed || out.Interval != 5*time.Minute {
				t.Errorf("first: got %+v", out)
			}
			out, calls = s.sync(machine(200))
			s.expectCalls(calls, "CheckIn")
			if out.Committed {
				t.Error("unchanged: got a commit")
			}
			out, calls = s.sync(machine(201))
			s.expectCalls(calls, "PushDelta")
			if !slices.Equal(out.Changed, []string{"deb_packages"}) || len(s.deltas[0].GetSections()[0].GetAdded()) != 1 {
				t.Errorf("one package: got %v", out.Changed)
			}
			want := map[string]string{"grpc": "grpc", "connect": "connect", "auto": "grpc"}[transport]
			if got := s.agent.Client.Transport(); got != want {
				t.Errorf("transport: got %q, want %q", got, want)
			}
		})
	}
}

func TestKnownAssetsTravelAsIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	for _, a := range machine(300).Set["deb_packages"].Assets {
		s.dict[a.Digest.ID()] = a.Body
	}
	s.sync(machine(300))
	for _, part := range s.parts {
		if part.GetKind() == "deb_packages" && (len(part.GetBodies()) > 0 || !part.GetOffered()) {
			t.Errorf("got %d bodies, offered %t; want none and the held offer", len(part.GetBodies()), part.GetOffered())
		}
	}
}

func TestAPrunedHeadIsPushedAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	s.head = map[string][]asset.Digest{}
	_, calls := s.sync(machine(50))
	s.expectCalls(calls, "CheckIn", "CheckIn", "Missing", "PushSections")
}

func TestOneDivergedSectionDoesNotResendTheOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	s.head["disks"] = nil
	s.parts = nil
	_, calls := s.sync(machine(50))
	s.expectCalls(calls, "CheckIn", "CheckIn", "PushSections")
	if len(s.parts) != 1 || s.parts[0].GetKind() != "disks" {
		t.Errorf("got parts %v, want disks alone", s.parts)
	}
}

func TestALostSpoolCostsOneComparison(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	if err := s.agent.source().Forget(); err != nil {
		t.Fatal(err)
	}
	out, calls := s.sync(machine(50))
	s.expectCalls(calls, "CheckIn")
	if out.Committed || len(s.checkIns[len(s.checkIns)-1].GetSections()) != len(machine(50).Set) {
		t.Errorf("got %+v", out)
	}
	_, calls = s.sync(machine(51))
	s.expectCalls(calls, "PushDelta")
}

func TestKeptKindsStayAndDroppedOnesGo(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	kept := machine(50)
	delete(kept.Set, "deb_packages")
	kept.Keep["deb_packages"] = true
	_, calls := s.sync(kept)
	s.expectCalls(calls, "CheckIn")

	dropped := machine(50)
	delete(dropped.Set, "disks")
	out, _ := s.sync(dropped)
	if _, ok := s.head["disks"]; ok || !slices.Equal(out.Changed, []string{"disks"}) {
		t.Errorf("got %v changed, disks in head %t; want disks gone", out.Changed, ok)
	}
}

func TestAKeptKindWithoutASpoolIsTheAggregators(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	if err := s.agent.source().Forget(); err != nil {
		t.Fatal(err)
	}
	kept := machine(50)
	delete(kept.Set, "deb_packages")
	kept.Keep["deb_packages"] = true
	out, _ := s.sync(kept)
	if out.Committed || len(s.head["deb_packages"]) != 50 {
		t.Errorf("got %+v with %d packages, want nothing changed", out, len(s.head["deb_packages"]))
	}
}

func TestAnIssuedCredentialTakesThePlaceOfTheOld(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(5))
	s.answer = func(answer *syncv1.CheckInResponse) {
		answer.Credential, s.credential, s.answer = "rcm_next", "rcm_next", nil
	}
	s.sync(machine(5))
	s.sync(machine(5))
	if saved, err := identity.Load(s.dir); err != nil || saved.Credential != "rcm_next" {
		t.Errorf("got %+v, %v, want the new credential on disk", saved, err)
	}
}

func TestLargeSectionsTravelInParts(t *testing.T) {
	t.Parallel()
	s := newSite(t, "connect")
	s.noHolding = true
	s.sync(machine(30_000))
	count := 0
	for _, part := range s.parts {
		size := len(part.GetIds())
		for _, body := range part.GetBodies() {
			size += len(body)
		}
		if size > 1<<20 {
			t.Errorf("a part of %s has %d bytes", part.GetKind(), size)
		}
		if part.GetKind() == "deb_packages" {
			count++
		}
	}
	if count < 2 {
		t.Errorf("got %d parts of deb_packages, want several", count)
	}
}

func TestARestoredAggregatorIsMetWithTheCredentialBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	first := s.credential
	s.answer = func(answer *syncv1.CheckInResponse) {
		answer.Credential, s.credential, s.answer = "rcm_next", "rcm_next", nil
	}
	s.sync(machine(50))
	s.sync(machine(50))
	s.credential = first // the database is of before the renewal
	s.sync(machine(50))
	if saved, err := identity.Load(s.dir); err != nil || saved.Credential != first || saved.Previous != "rcm_next" {
		t.Errorf("got %+v, %v, want the first credential in use", saved, err)
	}
	s.credential = "rcm_other" // and now it knows neither
	if _, err := s.agent.Sync(t.Context(), machine(50), Extras{}); !errors.Is(err, ErrNotAuthorised) {
		t.Errorf("got %v, want ErrNotAuthorised", err)
	}
}

func TestAWrongCredentialIsNotAuthorised(t *testing.T) {
	t.Parallel()
	s := newSite(t, "auto")
	s.agent.Client.SetCredential("rcm_wrong")
	if _, err := s.agent.Sync(context.Background(), machine(5), Extras{}); !errors.Is(err, ErrNotAuthorised) {
		t.Errorf("got %v, want ErrNotAuthorised", err)
	}
}

func TestAnUnchangedCheckInAndASmallChangeAreSmallOnTheWire(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(2000))
	s.sync(machine(2000))
	sent, received := s.agent.Client.Bytes()
	s.sync(machine(2000))
	after, answered := s.agent.Client.Bytes()
	t.Logf("unchanged check-in: %d bytes sent, %d received", after-sent, answered-received)
	if after-sent > 400 || answered-received > 400 {
		t.Errorf("unchanged check-in: %d sent, %d received, want at most 400 each", after-sent, answered-received)
	}
	s.sync(machine(2001))
	last, _ := s.agent.Client.Bytes()
	t.Logf("one package more: %d bytes sent", last-after)
	if last-after > 1024 {
		t.Errorf("one package more: %d bytes sent, want at most 1024", last-after)
	}
}

func TestVitalsAreRepeatedUntilThereIsAHeadToKeepThem(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	extras := Extras{Vitals: &syncv1.Vitals{UptimeSeconds: 1}, Health: &syncv1.Health{AgentVersion: "test"}}
	if _, err := s.agent.Sync(context.Background(), machine(5), extras); err != nil {
		t.Fatal(err)
	}
	if last := s.headers[0]; last.GetVitals() == nil || last.GetHealth() == nil {
		t.Errorf("got header %v, want vitals and health", last)
	}
	if _, err := s.agent.Sync(context.Background(), machine(6), extras); err != nil {
		t.Fatal(err)
	}
	if last := s.deltas[0]; last.GetVitals() == nil || last.GetHealth() == nil {
		t.Errorf("got delta %v, want vitals and health", last)
	}
}

// machine is a snapshot with n packages.
func machine(n int) spool.Pending {
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = fmt.Appendf(nil, `{"name":"package-%d","version":"1.%d"}`, i, i)
	}
	disk := [][]byte{[]byte(`{"name":"sda","size":1000}`)}
	return spool.Pending{
		Set: snapshot.Sections{
			"deb_packages": snapshot.NewSection("deb_packages", bodies),
			"disks":        snapshot.NewSection("disks", disk),
			"rpm_packages": snapshot.NewSection("rpm_packages", nil),
		},
		Keep: map[string]bool{},
	}
}

// portOf returns the server's address as an aggregator announces it: the port alone.
func portOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("", u.Port())
}
