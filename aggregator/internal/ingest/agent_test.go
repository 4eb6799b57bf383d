// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// agent is a machine with an agent that does what its test tells it, right or wrong.
type agent struct {
	t          *testing.T
	client     client
	evidence   *syncv1.Evidence
	serial     string
	credential string
	instance   []byte
	counter    uint64
	sections   map[string][]string // canonical bodies by kind
}

func newAgent(t *testing.T, c client, serial string) *agent {
	return &agent{
		t: t, client: c, instance: newInstance(),
		evidence: &syncv1.Evidence{HardwareSerial: serial},
		sections: map[string][]string{
			"system_info":  {`{"computer_name":"` + strings.ToLower(serial) + `"}`},
			"deb_packages": {`{"name":"bash","version":"5.2"}`, `{"name":"dash","version":"0.5"}`},
			"disks":        {`{"name":"sda","size":1000}`},
		},
	}
}

func newInstance() []byte { return []byte(rand.Text())[:16] }

// enrolled returns an agent that is enrolled and has pushed everything.
func enrolled(t *testing.T, c client, serial string) *agent {
	t.Helper()
	a := newAgent(t, c, serial)
	a.enroll(secret)
	a.pushAll(false)
	return a
}

// copied returns what a copy of the machine's disk would run: another process with the same state.
func (a *agent) copied() *agent {
	b := *a
	b.instance = newInstance()
	b.sections = maps.Clone(a.sections)
	return &b
}

func (a *agent) ctx() context.Context { return withCredential(context.Background(), a.credential) }

// stamp returns the stamp of the next request.
func (a *agent) stamp() *syncv1.Stamp {
	a.counter++
	return &syncv1.Stamp{Instance: a.instance, Counter: a.counter, Evidence: normal.EvidenceDigest(a.evidence)}
}

func (a *agent) enrollRequest(secret string) *syncv1.EnrollRequest {
	return &syncv1.EnrollRequest{Secret: secret, Evidence: a.evidence, Stamp: a.stamp(), AgentVersion: "test", Hostname: "host"}
}

// enroll enrols with a secret, or with the credential in use when the secret is empty.
func (a *agent) enroll(secret string) {
	a.t.Helper()
	answer := must(a.client.Enroll(a.ctx(), a.enrollRequest(secret)))(a.t)
	a.credential, a.serial = answer.GetCredential(), answer.GetSerialNumber()
}

func section(kind string, bodies []string) *snapshot.Section {
	raw := make([][]byte, len(bodies))
	for i, body := range bodies {
		raw[i] = []byte(body)
	}
	return snapshot.NewSection(kind, raw)
}

func (a *agent) digests() map[string]asset.Digest {
	digests := map[string]asset.Digest{}
	for kind, bodies := range a.sections {
		digests[kind] = section(kind, bodies).Digest()
	}
	return digests
}

func (a *agent) root() asset.Digest { return snapshot.Root(a.digests()) }

// checkInRequest offers the root and, when asked to, all sections.
func (a *agent) checkInRequest(sections bool) *syncv1.CheckInRequest {
	root := a.root()
	request := &syncv1.CheckInRequest{Stamp: a.stamp(), Root: root[:]}
	digests := a.digests()
	for _, kind := range slices.Sorted(maps.Keys(digests)) {
		if digest := digests[kind]; sections {
			request.Sections = append(request.Sections, &syncv1.SectionDigest{Kind: kind, Digest: digest[:]})
		}
	}
	return request
}

func (a *agent) checkIn(sections bool) *syncv1.CheckInResponse {
	a.t.Helper()
	return must(a.client.CheckIn(a.ctx(), a.checkInRequest(sections)))(a.t)
}

// current fails the test unless the aggregator holds the agent's snapshot.
func (a *agent) current() {
	a.t.Helper()
	if got := a.checkIn(false); got.GetOutcome() != syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		a.t.Fatalf("check-in of %s: got %v with %v, want CURRENT", a.serial, got.GetOutcome(), kindsOf(got.GetBases()))
	}
}

// kindsOf lists the kinds of section digests; one without a digest has a question mark.
func kindsOf(digests []*syncv1.SectionDigest) []string {
	var kinds []string
	for _, d := range digests {
		if len(d.GetDigest()) == 0 {
			kinds = append(kinds, d.GetKind()+"?")
			continue
		}
		kinds = append(kinds, d.GetKind())
	}
	return kinds
}

// deltaRequest makes the agent's section that of bodies and returns the delta that says so.
func (a *agent) deltaRequest(kind string, bodies ...string) *syncv1.PushDeltaRequest {
	before := section(kind, a.sections[kind])
	delta := &syncv1.SectionDelta{Kind: kind}
	if _, ok := a.sections[kind]; ok {
		digest := before.Digest()
		delta.Base = digest[:16]
	}
	a.sections[kind] = bodies
	after := section(kind, bodies)
	digest := after.Digest()
	delta.Digest = digest[:16]
	added, removed := snapshot.Diff(before.Digests(), after.Digests())
	for _, d := range removed {
		delta.Removed = append(delta.Removed, d[:16]...)
	}
	for _, d := range added {
		i := slices.Index(after.Digests(), d)
		delta.Added = append(delta.Added, after.Assets[i].Body)
	}
	root := a.root()
	return &syncv1.PushDeltaRequest{Stamp: a.stamp(), Root: root[:], Sections: []*syncv1.SectionDelta{delta}}
}

func (a *agent) pushDelta(kind string, bodies ...string) {
	a.t.Helper()
	must(a.client.PushDelta(a.ctx(), a.deltaRequest(kind, bodies...)))(a.t)
}

// header opens a push of whole sections.
func (a *agent) header(resync bool) *syncv1.PushSectionsRequest {
	root := a.root()
	return &syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Header{
		Header: &syncv1.PushHeader{Stamp: a.stamp(), Root: root[:], Resync: resync},
	}}
}

func partOf(p *syncv1.SectionPart) *syncv1.PushSectionsRequest {
	return &syncv1.PushSectionsRequest{Part: &syncv1.PushSectionsRequest_Section{Section: p}}
}

// whole returns all of a section: ids and bodies.
func whole(kind string, bodies []string) *syncv1.SectionPart {
	s := section(kind, bodies)
	digest := s.Digest()
	part := &syncv1.SectionPart{Kind: kind, State: syncv1.SectionState_SECTION_STATE_SET, Digest: digest[:16]}
	k, _ := snapshot.KindOf(kind)
	for i := range s.Assets {
		if k.Shared {
			part.Ids = append(part.Ids, s.Assets[i].Digest[:16]...)
		}
		part.Bodies = append(part.Bodies, s.Assets[i].Body)
	}
	return part
}

// messages are the stream that pushes the given kinds as whole sections; all of them when none is given.
func (a *agent) messages(resync bool, kinds ...string) []*syncv1.PushSectionsRequest {
	if len(kinds) == 0 {
		kinds = slices.Sorted(maps.Keys(a.sections))
	}
	out := []*syncv1.PushSectionsRequest{a.header(resync)}
	for _, kind := range kinds {
		out = append(out, partOf(whole(kind, a.sections[kind])))
	}
	return out
}

func (a *agent) pushAll(resync bool, kinds ...string) {
	a.t.Helper()
	must(a.client.PushAll(a.ctx(), a.messages(resync, kinds...)))(a.t)
}

// offer asks what the aggregator lacks of shared kinds.
func (a *agent) offer(kinds ...string) *syncv1.MissingResponse {
	a.t.Helper()
	request := &syncv1.MissingRequest{}
	for _, kind := range kinds {
		part, digest := whole(kind, a.sections[kind]), section(kind, a.sections[kind]).Digest()
		request.Sections = append(request.Sections, &syncv1.OfferedSection{Kind: kind, Digest: digest[:], Ids: part.GetIds()})
	}
	return must(a.client.Missing(a.ctx(), request))(a.t)
}

// wantRefusal fails the test unless err refuses with that code, a text that holds message, and that reason.
func wantRefusal(t *testing.T, err error, code connect.Code, message string, reason syncv1.RefusalReason) refusal {
	t.Helper()
	got := refusalOf(err)
	if err == nil || got.code != code || !strings.Contains(got.message, message) || got.detail.GetReason() != reason {
		t.Errorf("got %v %q %v, want %v %q %v", got.code, got.message, got.detail.GetReason(), code, message, reason)
	}
	return got
}

// Reasons, shorter.
const (
	noReason      = syncv1.RefusalReason_REFUSAL_REASON_UNSPECIFIED
	baseUnknown   = syncv1.RefusalReason_REFUSAL_REASON_BASE_UNKNOWN
	isStale       = syncv1.RefusalReason_REFUSAL_REASON_STALE
	isFrozen      = syncv1.RefusalReason_REFUSAL_REASON_FROZEN
	assetsMissing = syncv1.RefusalReason_REFUSAL_REASON_ASSETS_MISSING
	kindUnknown   = syncv1.RefusalReason_REFUSAL_REASON_KIND_UNKNOWN
	isBusy        = syncv1.RefusalReason_REFUSAL_REASON_BUSY
)
