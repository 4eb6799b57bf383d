// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestDatabaseDownIsNotTheAgentsBusiness(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		a := enrolled(t, c, "M-1")
		b := newAgent(t, c, "M-2")
		b.enroll(secret)
		w.aggregators[0].pool.Close()
		calls := map[string]func() error{
			"CheckIn":      func() error { _, err := c.CheckIn(a.ctx(), a.checkInRequest(true)); return err },
			"PushDelta":    func() error { _, err := c.PushDelta(a.ctx(), a.deltaRequest("disks", `{"name":"x"}`)); return err },
			"PushSections": func() error { _, err := c.PushAll(a.ctx(), a.messages(false)); return err },
			"Missing": func() error {
				_, err := c.Missing(a.ctx(), &syncv1.MissingRequest{Sections: []*syncv1.OfferedSection{
					{Kind: "deb_packages", Digest: make([]byte, 32), Ids: make([]byte, 16)},
				}})
				return err
			},
			"Goodbye":                func() error { _, err := c.Goodbye(a.ctx(), &syncv1.GoodbyeRequest{Stamp: a.stamp()}); return err },
			"Enroll":                 func() error { _, err := c.Enroll(context.Background(), b.enrollRequest(secret)); return err },
			"CheckIn of a new agent": func() error { _, err := c.CheckIn(b.ctx(), b.checkInRequest(false)); return err },
		}
		for name, call := range calls {
			got := wantRefusal(t, call(), connect.CodeUnavailable, "the database does not answer", isBusy)
			if got.message != "the database does not answer" || got.detail.GetRetryMilliseconds() == 0 {
				t.Errorf("%s: got %q, wait %d ms", name, got.message, got.detail.GetRetryMilliseconds())
			}
		}
		if log := w.aggregators[0].log.String(); !strings.Contains(log, "closed pool") || strings.Contains(log, a.credential) || strings.Contains(log, secret) {
			t.Errorf("the log should hold the cause and no secret: %s", log)
		}
	})
}

func TestCredentialRotates(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		a := enrolled(t, c, "M-1")
		if got := a.checkIn(false).GetCredential(); got != "" {
			t.Errorf("a young credential was replaced")
		}
		w.exec("UPDATE credential SET created_at = now() - interval '31 days'")
		w.start() // an aggregator that has not seen the credential
		a.client = connectTo(t, w.aggregators[1].http, false)
		fresh := a.checkIn(false).GetCredential()
		if err := auth.CheckMachineCredential(fresh); err != nil || fresh == a.credential {
			t.Fatalf("fresh credential: got %q, %v", fresh, err)
		}
		if again := a.checkIn(false).GetCredential(); again != "" {
			t.Errorf("replaced twice")
		}
		a.pushDelta("disks", `{"name":"x"}`) // the old one works on

		old := a.copied()
		old.instance, a.credential = a.instance, fresh
		a.current()
		old.counter = a.counter
		_, err := old.client.CheckIn(old.ctx(), old.checkInRequest(false))
		wantRefusal(t, err, connect.CodeUnauthenticated, "unknown or revoked machine credential", noReason)
		a.counter = old.counter
		a.current()

		// A replacement that was lost is replaced.
		w.exec("UPDATE credential SET created_at = now() - interval '31 days', used_at = now()")
		w.start()
		a.client = connectTo(t, w.aggregators[2].http, false)
		lost := a.checkIn(false).GetCredential()
		w.exec("UPDATE credential SET created_at = now() - interval '25 hours' WHERE digest = $1", digestOf(lost))
		if got := a.checkIn(false).GetCredential(); lost == "" || got == "" || got == lost {
			t.Errorf("got %q after %q", got, lost)
		}
		if n := conflicts(w) + w.count("SELECT count(*) - 1 FROM machine"); n != 0 {
			t.Errorf("rotation gave conflicts or machines: %d", n)
		}
	})
}

func digestOf(credential string) []byte {
	digest := auth.DigestOf(credential)
	return digest[:]
}

func TestManyAgentsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	const agents, rounds = 50, 6
	var group sync.WaitGroup
	for i := range agents {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			door := doors[i%len(doors)]
			clients := []client{door.open(t, w.aggregators[0]), door.open(t, w.aggregators[1])}
			a := newAgent(t, clients[0], fmt.Sprintf("M-%03d", i))
			a.enroll(secret)
			a.pushAll(false)
			for round := range rounds {
				a.client = clients[random.IntN(2)]
				a.pushDelta("deb_packages", fmt.Sprintf(`{"name":"common","version":"%d"}`, round), fmt.Sprintf(`{"name":"own","version":"%d"}`, i))
				a.client = clients[random.IntN(2)]
				a.current()
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	got := [3]int{w.count("SELECT count(*) FROM head"), w.count("SELECT count(*) FROM change"), conflicts(w)}
	if want := [3]int{agents, agents * (1 + rounds), 0}; got != want {
		t.Errorf("heads, changes, conflicts: got %v, want %v", got, want)
	}
	if n := w.count("SELECT min(commits) FROM head"); n != 1+2*rounds {
		t.Errorf("commits of a head: got %d, want %d", n, 1+2*rounds)
	}
	w.fsck()
}

func TestOneCredentialMakesFewCallsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, connectTo(t, w.aggregators[0].http, true), "M-1")
	tx := must(w.aggregators[0].pool.Begin(t.Context()))(t)
	must(tx.Exec(t.Context(), "LOCK head IN ACCESS EXCLUSIVE MODE"))(t)
	answers := make(chan error)
	const calls = 12
	for range calls {
		request := a.checkInRequest(true)
		go func() {
			_, err := a.client.CheckIn(a.ctx(), request)
			answers <- err
		}()
	}
	for range calls - 4 { // these are answered while the others wait for the lock
		got := wantRefusal(t, <-answers, connect.CodeResourceExhausted, "too many calls at once with this credential", isBusy)
		if got.detail.GetRetryMilliseconds() == 0 {
			t.Error("no time to wait")
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := <-answers; err != nil && refusalOf(err).detail.GetReason() != isStale {
			t.Error(err)
		}
	}
	a.current()
}
