// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"slices"
	"testing"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestLifeOfAMachine(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		a := newAgent(t, c, "SERIAL-1")
		a.enroll(secret)
		if a.serial != "SERIAL-1" {
			t.Errorf("serial number: got %s, want the firmware's", a.serial)
		}
		answer := a.checkIn(true)
		want := []string{"deb_packages?", "disks?", "system_info?"}
		if got := kindsOf(answer.GetBases()); answer.GetOutcome() != syncv1.CheckInOutcome_CHECK_IN_OUTCOME_PUSH || !slices.Equal(got, want) {
			t.Errorf("first check-in: got %v %v, want PUSH %v", answer.GetOutcome(), got, want)
		}

		missing := a.offer("deb_packages")
		if got := missing.GetSections()[0].GetPositions(); !missing.GetHeld() || !slices.Equal(got, []uint32{0, 1}) {
			t.Errorf("missing: got %v held %v, want both", got, missing.GetHeld())
		}
		messages := a.messages(false)
		packages := messages[1].GetSection()
		packages.Ids, packages.Offered = nil, true
		pushed := must(c.PushAll(a.ctx(), messages))(t)
		if root := a.root(); string(pushed.GetRoot()) != string(root[:]) {
			t.Errorf("root: got %x, want %s", pushed.GetRoot(), root)
		}
		a.current()

		a.pushDelta("deb_packages", `{"name":"bash","version":"5.3"}`, `{"name":"dash","version":"0.5"}`, `{"name":"zsh","version":"5"}`)
		a.current()
		a.pushDelta("deb_packages") // an empty section is one
		a.pushDelta("deb_packages", `{"name":"bash","version":"5.3"}`)
		if got := w.count("SELECT count(*) FROM change"); got != 4 {
			t.Errorf("changes: got %d, want the first snapshot and three", got)
		}

		drift(t, w, a)

		must(c.Goodbye(a.ctx(), &syncv1.GoodbyeRequest{Stamp: a.stamp(), Reason: "uninstalled"}))(t)
		if got := w.count("SELECT count(*) FROM head WHERE archived_at IS NOT NULL"); got != 1 {
			t.Errorf("archived heads: got %d, want 1", got)
		}
		_, err := c.CheckIn(a.ctx(), a.checkInRequest(false))
		wantRefusal(t, err, connect.CodeUnauthenticated, "unknown or revoked machine credential", noReason)

		a.enroll(secret)
		a.current()
		if got := w.count("SELECT count(*) FROM head WHERE archived_at IS NULL"); got != 1 {
			t.Errorf("heads after the machine came back: got %d live ones, want 1", got)
		}
		w.fsck()
	})
}

// drift lets the agent believe in another base of one section than the aggregator has.
func drift(t *testing.T, w *world, a *agent) {
	t.Helper()
	held := a.sections["deb_packages"]
	a.sections["deb_packages"] = []string{`{"name":"ed","version":"1"}`} // never pushed
	packages := a.deltaRequest("deb_packages", `{"name":"ed","version":"2"}`)
	disks := a.deltaRequest("disks", `{"name":"sdb","size":1}`)
	disks.Sections = append(packages.Sections, disks.Sections...)
	before := w.content()
	_, err := a.client.PushDelta(a.ctx(), disks)
	got := wantRefusal(t, err, connect.CodeFailedPrecondition, "base of deb_packages is not the head's section", baseUnknown)
	for _, base := range got.detail.GetBases() {
		if digest := section("deb_packages", held).Digest(); base.GetKind() == "deb_packages" && string(base.GetDigest()) != string(digest[:]) {
			t.Errorf("base of deb_packages: got %x, want %s", base.GetDigest(), digest)
		}
	}
	if after := w.content(); after != before {
		t.Errorf("the refused delta changed\n%s\ninto\n%s", before, after)
	}
	answer := a.checkIn(true)
	if got, want := kindsOf(answer.GetBases()), []string{"deb_packages", "disks"}; !slices.Equal(got, want) {
		t.Errorf("kinds that differ: got %v, want %v", got, want)
	}
	a.pushAll(false, "deb_packages", "disks")
	a.current()
}

func TestStatesOfKinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, dialGRPC(t, w.aggregators[0].grpc), "M-1")

	// Kept: the head's section counts for the root, whatever the agent thinks of it.
	disks := a.sections["disks"]
	messages := a.messages(false, "deb_packages")
	messages = append(messages, partOf(&syncv1.SectionPart{Kind: "disks", State: syncv1.SectionState_SECTION_STATE_KEEP}))
	must(a.client.PushAll(a.ctx(), messages))(t)
	a.current()

	// Dropped, by a delta and by whole sections.
	delete(a.sections, "disks")
	root := a.root()
	must(a.client.PushDelta(a.ctx(), &syncv1.PushDeltaRequest{Stamp: a.stamp(), Root: root[:], Sections: []*syncv1.SectionDelta{
		{Kind: "disks", State: syncv1.SectionState_SECTION_STATE_DROP},
	}}))(t)
	a.current()
	a.sections["disks"] = disks
	a.pushAll(false, "disks")
	delete(a.sections, "disks")
	messages = []*syncv1.PushSectionsRequest{a.header(false), partOf(&syncv1.SectionPart{Kind: "disks", State: syncv1.SectionState_SECTION_STATE_DROP})}
	must(a.client.PushAll(a.ctx(), messages))(t)
	a.current()

	// A section in parts.
	a.sections["disks"] = []string{`{"name":"sda"}`, `{"name":"sdb"}`, `{"name":"sdc"}`}
	part := whole("disks", a.sections["disks"])
	messages = []*syncv1.PushSectionsRequest{a.header(false)}
	for i, body := range part.GetBodies() {
		p := &syncv1.SectionPart{Kind: "disks", Bodies: [][]byte{body}}
		if i == 0 {
			p.Digest = part.GetDigest()
		}
		messages = append(messages, partOf(p))
	}
	must(a.client.PushAll(a.ctx(), messages))(t)
	a.current()
	w.fsck()
}

func TestOffersAreKeptForTheirMachineAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := dialGRPC(t, w.aggregators[0].grpc)
	a, b := enrolled(t, c, "M-1"), enrolled(t, c, "M-2")
	a.sections["deb_packages"] = []string{`{"name":"offered"}`}
	b.sections["deb_packages"] = a.sections["deb_packages"]
	a.offer("deb_packages")
	push := func(x *agent) error {
		messages := x.messages(false, "deb_packages")
		messages[1].GetSection().Ids, messages[1].GetSection().Offered = nil, true
		_, err := c.PushAll(x.ctx(), messages)
		return err
	}
	wantRefusal(t, push(b), connect.CodeFailedPrecondition, "the offer of its assets is not held any more", assetsMissing)
	if err := push(a); err != nil {
		t.Error(err)
	}
	a.current()

	// Known assets need no body; unknown ones do.
	b.sections["deb_packages"] = []string{`{"name":"offered"}`, `{"name":"new"}`}
	answer := b.offer("deb_packages")
	if got := answer.GetSections()[0].GetPositions(); len(got) != 1 {
		t.Errorf("missing: got %v, want one", got)
	}
	messages := b.messages(false, "deb_packages")
	messages[1].GetSection().Bodies = nil
	_, err := c.PushAll(b.ctx(), messages)
	wantRefusal(t, err, connect.CodeFailedPrecondition, "1 assets are named without a body and are not known", assetsMissing)
	b.pushAll(false, "deb_packages")
	b.current()
}
