// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// frozenBy fails the test unless the agent's check-in is refused because its credential is frozen.
func frozenBy(t *testing.T, a *agent, why string) {
	t.Helper()
	_, err := a.client.CheckIn(a.ctx(), a.checkInRequest(false))
	wantRefusal(t, err, connect.CodePermissionDenied, "credential is frozen: "+why+": enrol again", isFrozen)
}

// conflicts counts the conflicts that readers see.
func conflicts(w *world) int {
	return w.count("SELECT count(*) FROM journal WHERE what = 'conflict'")
}

const twoAgents = "two agents use it at the same time"

func TestCopyOfAMachineGetsAnIdentityOfItsOwn(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		original := enrolled(t, c, "M-1")
		original.current()
		clone := original.copied()
		clone.current() // for all that anybody knows this is a restart
		clone.pushDelta("disks", `{"name":"clone"}`)

		frozenBy(t, original, twoAgents)
		frozenBy(t, clone, twoAgents)
		frozenBy(t, original, twoAgents)
		if n := conflicts(w); n != 1 {
			t.Errorf("conflicts: got %d, want 1", n)
		}
		_, err := c.PushAll(clone.ctx(), clone.messages(false))
		wantRefusal(t, err, connect.CodePermissionDenied, "enrol again", isFrozen)

		frozen := clone.credential
		clone.enroll("")
		original.enroll("")
		if original.serial != "M-1" || !strings.HasPrefix(clone.serial, "M-1~") || original.credential == frozen {
			t.Errorf("got %s for the original and %s for its copy", original.serial, clone.serial)
		}
		for _, a := range []*agent{original, clone} {
			a.pushAll(false)
			a.current()
		}
		// A copy that restarts before it was told is a copy all the same.
		late := clone.copied()
		late.credential = frozen
		if late.enroll(""); late.serial == "M-1" || late.serial == clone.serial {
			t.Errorf("another copy: got %s, want an identity of its own", late.serial)
		}
		if n := w.count("SELECT count(*) FROM head"); n != 2 || conflicts(w) != 1 {
			t.Errorf("got %d heads and %d conflicts, want 2 and 1", n, conflicts(w))
		}
		w.fsck()
	})
}

func TestCopyThatIsBehindMayBeARollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	one, two := dialGRPC(t, w.aggregators[0].grpc), connectTo(t, w.aggregators[1].http, false)
	original := enrolled(t, one, "M-1")
	clone := original.copied()
	clone.client = two
	for range 3 {
		original.current()
	}
	_, err := clone.client.CheckIn(clone.ctx(), clone.checkInRequest(false))
	got := wantRefusal(t, err, connect.CodeAborted, "counter is behind", isStale)
	clone.counter = got.detail.GetCounter()
	clone.instance = newInstance()
	clone.pushAll(true)

	frozenBy(t, original, twoAgents) // it is alive, so this was no rollback
	_, err = clone.client.PushAll(clone.ctx(), clone.messages(false))
	wantRefusal(t, err, connect.CodePermissionDenied, "enrol again", isFrozen)
	original.enroll("")
	clone.enroll("")
	if (original.serial == "M-1") == (clone.serial == "M-1") {
		t.Errorf("got %s and %s, want M-1 for one of them", original.serial, clone.serial)
	}
	for _, a := range []*agent{original, clone} {
		a.pushAll(false)
		a.current()
	}
	if n := conflicts(w); n != 1 {
		t.Errorf("conflicts: got %d, want 1", n)
	}
	w.fsck()
}

func TestRollbackIsAcceptedAfterWholeSections(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		a := enrolled(t, c, "M-1")
		earlier := a.copied()
		a.pushDelta("deb_packages", `{"name":"bash","version":"6"}`)
		a.current()

		// The machine is set back: the process of before, with its state of then, goes on.
		for _, instance := range [][]byte{a.instance, newInstance()} {
			back := earlier.copied()
			back.instance = instance
			_, err := c.PushDelta(back.ctx(), back.deltaRequest("disks", `{"name":"back"}`))
			got := wantRefusal(t, err, connect.CodeAborted, "counter is behind", isStale)
			back.counter, back.instance = got.detail.GetCounter(), newInstance()
			back.pushAll(true)
			back.current()
			back.pushDelta("disks", `{"name":"on"}`)
			back.current()
		}
		if n := conflicts(w) + w.count("SELECT count(*) FROM credential WHERE frozen_at IS NOT NULL"); n != 0 {
			t.Errorf("a rollback gave %d conflicts", n)
		}
		w.fsck()
	})
}

func TestChangedEvidenceFreezes(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		original := newAgent(t, c, "M-1")
		original.evidence.ProductUuid = uuidOne
		original.enroll(secret)
		original.pushAll(false)

		clone := original.copied()
		clone.evidence.ProductUuid, clone.evidence = uuidOne, newAgent(t, c, "M-1").evidence
		clone.evidence.ProductUuid = uuidTwo
		const why = "it was issued to a machine with other evidence"
		frozenBy(t, clone, why)
		frozenBy(t, original, why)
		if n := conflicts(w); n != 1 {
			t.Errorf("conflicts: got %d, want 1", n)
		}
		clone.enroll("")
		original.enroll("")
		if original.serial != "M-1" || clone.serial != uuidTwo {
			t.Errorf("got %s and %s, want M-1 and the UUID", original.serial, clone.serial)
		}
		for _, a := range []*agent{original, clone} {
			a.pushAll(false)
			a.current()
		}

		// One machine whose firmware tells more than before stays itself.
		original.evidence.MachineIdHash = strings.Repeat("ab", 32)
		frozenBy(t, original, why)
		if original.enroll(""); original.serial != "M-1" {
			t.Errorf("got %s, want M-1", original.serial)
		}
		original.current()
		w.fsck()
	})
}

func TestFrozenByAnotherAggregator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a := enrolled(t, dialGRPC(t, w.aggregators[0].grpc), "M-1")
	a.current()
	var credential store.Credential
	for _, c := range must(w.LatestCredentials(t.Context(), 1))(t) {
		credential = c
	}
	must(w.Freeze(t.Context(), credential.ID, store.Conflict{Why: "of an operator's doing"}))(t)
	_, err := a.client.PushDelta(a.ctx(), a.deltaRequest("disks", `{"name":"x"}`)) // the first aggregator has the caller cached
	wantRefusal(t, err, connect.CodePermissionDenied, "credential is frozen", isFrozen)
	a.client = connectTo(t, w.aggregators[1].http, false)
	frozenBy(t, a, "of an operator's doing")
}
