// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// Two product UUIDs that no vendor ships.
const (
	uuidOne = "9d3b1a52-7f0e-4c55-8a2b-0c1d2e3f4a5b"
	uuidTwo = "1c2d3e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5"
)

func TestEnrolmentIsRefused(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		past := time.Now().Add(-time.Minute)
		w.enrollment(store.NewEnrollment{Name: "expired", SecretDigest: auth.DigestOf("expired"), ExpiresAt: &past})
		w.enrollment(store.NewEnrollment{Name: "revoked", SecretDigest: auth.DigestOf("revoked")})
		w.enrollment(store.NewEnrollment{Name: "one", SecretDigest: auth.DigestOf("one"), Quota: 1})
		if err := w.RevokeEnrollment(t.Context(), "revoked"); err != nil {
			t.Fatal(err)
		}
		newAgent(t, c, "FIRST").enroll("one")
		tests := []struct {
			name, secret, credential string
			change                   func(*syncv1.EnrollRequest)
			code                     connect.Code
			message                  string
		}{
			{name: "unknown secret", secret: "guess", code: connect.CodeUnauthenticated, message: "unknown enrolment secret"},
			{name: "revoked", secret: "revoked", code: connect.CodeUnauthenticated, message: "the enrolment is revoked"},
			{name: "expired", secret: "expired", code: connect.CodeUnauthenticated, message: "the enrolment is expired"},
			{name: "quota", secret: "one", code: connect.CodeUnauthenticated, message: "the quota of the enrolment is used up"},
			{name: "nothing to show", code: connect.CodeUnauthenticated, message: "an enrolment secret or a live machine credential is needed"},
			{
				name: "dead credential", credential: auth.NewMachineCredential(),
				code: connect.CodeUnauthenticated, message: "an enrolment secret or a live machine credential is needed",
			},
			{
				name: "no identity", secret: secret, code: connect.CodeInvalidArgument, message: "evidence names no identity",
				change: func(r *syncv1.EnrollRequest) { r.Evidence = &syncv1.Evidence{HardwareSerial: "To be filled by O.E.M."} },
			},
			{
				name: "NUL in the serial number", secret: secret, code: connect.CodeInvalidArgument, message: "evidence names no identity",
				change: func(r *syncv1.EnrollRequest) { r.Evidence = &syncv1.Evidence{HardwareSerial: "A\x00B"} },
			},
			{
				name: "endless evidence", secret: secret, code: connect.CodeInvalidArgument, message: "a value of the evidence has 513 bytes, the limit is 512",
				change: func(r *syncv1.EnrollRequest) { r.Evidence.MachineIdHash = strings.Repeat("a", 513) },
			},
			{
				name: "no instance", secret: secret, code: connect.CodeInvalidArgument, message: "stamp.instance has 0 bytes, want 16",
				change: func(r *syncv1.EnrollRequest) { r.Stamp.Instance = nil },
			},
		}
		before := w.withoutRefusals()
		for _, test := range append(tests, tests...) { // only once do the journal and its readers hear of each
			request := newAgent(t, c, "NOBODY").enrollRequest(test.secret)
			if test.change != nil {
				test.change(request)
			}
			_, err := c.Enroll(withCredential(context.Background(), test.credential), request)
			t.Run(test.name, func(t *testing.T) { wantRefusal(t, err, test.code, test.message, noReason) })
		}
		if after := w.withoutRefusals(); after != before {
			t.Errorf("refused enrolments changed\n%s\ninto\n%s", before, after)
		}
		for _, reason := range []string{"unknown secret", "revoked", "expired", "quota used up"} {
			if n := strings.Count(w.content(), `""status"":""failure"",""reason"":""`+reason+`""`); n != 1 {
				t.Errorf("%s: recorded %d times, want once", reason, n)
			}
		}
		newAgent(t, c, "WITH-DEAD-CREDENTIAL").enroll(secret)
	})
}

// withoutRefusals is the content but for what tells of refused enrolments.
func (w *world) withoutRefusals() string {
	w.t.Helper()
	lines := slices.DeleteFunc(strings.Split(w.content(), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "journal ") && strings.Contains(line, `""status"":""failure""`)
	})
	return strings.Join(lines, "\n")
}

func TestEnrolmentGivesTagsAndBusinessUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.enrollment(store.NewEnrollment{
		Name: "servers", SecretDigest: auth.DigestOf("servers"), BusinessUnit: "Paris", Tags: []string{"blue", "prod"},
	})
	a := newAgent(t, connectTo(t, w.aggregators[0].http, false), "M-1")
	a.enroll("servers")
	a.pushAll(false)
	a.current()
	machine := must(w.Machine(t.Context(), "M-1"))(t)
	var tags []string
	for _, tag := range machine.Tags {
		tags = append(tags, tag.Name)
	}
	if slices.Sort(tags); !slices.Equal(tags, []string{"blue", "prod"}) {
		t.Errorf("tags: got %v", tags)
	}
	head := must(w.FindHead(t.Context(), "M-1", "rollcall"))(t)
	at := must(w.SectionsAt(t.Context(), head.ID, time.Now().Add(time.Minute)))(t)
	added := commit.AddedOf(at.Sections)
	if unit := added.BusinessUnit; unit.GetReference() != "MBU1" || unit.GetSource().GetModule() != "zentral.contrib.inventory" || added.PublicIP != "127.0.0.1" {
		t.Errorf("keys of the aggregator: got %+v", added)
	}

	// Enrolling again, and rotation, do not bring back a tag that somebody took away.
	w.exec("DELETE FROM machine_tag")
	a.enroll("")
	a.current()
	if n := w.count("SELECT count(*) FROM machine_tag"); n != 0 {
		t.Errorf("%d tags came back", n)
	}
}

func TestOldCredentialEndsWithTheFirstUseOfTheNewOne(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		a := enrolled(t, c, "M-1")
		old := a.copied()
		old.instance = a.instance
		a.enroll(secret)
		if a.serial != "M-1" || a.credential == old.credential {
			t.Errorf("enrolled again: got %s, a new credential: %v", a.serial, a.credential != old.credential)
		}
		old.current() // the new one was not used yet
		a.counter = old.counter
		a.current()
		_, err := c.CheckIn(old.ctx(), old.checkInRequest(false))
		wantRefusal(t, err, connect.CodeUnauthenticated, "unknown or revoked machine credential: enrol again", noReason)
		a.counter = old.counter
		a.current()
		if n := w.count("SELECT count(*) FROM machine"); n != 1 {
			t.Errorf("machines: got %d, want 1", n)
		}
	})
}

func TestTwoMachinesWithOneVendorSerial(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := dialGRPC(t, w.aggregators[0].grpc)
	a, b := newAgent(t, c, "VENDOR-1"), newAgent(t, c, "VENDOR-1")
	a.evidence.ProductUuid, b.evidence.ProductUuid = uuidOne, uuidTwo
	a.enroll(secret)
	b.enroll(secret)
	if a.serial != "VENDOR-1" || b.serial != uuidTwo {
		t.Errorf("got %s and %s, want the serial number and the UUID", a.serial, b.serial)
	}
	a.pushAll(false)
	b.pushAll(false)
	a.current()
	b.current()
	for _, x := range []*agent{a, b} {
		was := x.serial
		if x.enroll(secret); x.serial != was {
			t.Errorf("enrolled again: got %s, want %s", x.serial, was)
		}
	}
	// A machine that said goodbye leaves its serial number to nobody else.
	must(c.Goodbye(a.ctx(), &syncv1.GoodbyeRequest{Stamp: a.stamp()}))(t)
	if b.enroll(secret); b.serial != uuidTwo {
		t.Errorf("after the other's goodbye: got %s, want %s", b.serial, uuidTwo)
	}
	// A new operating system is the same machine.
	a.evidence.MachineIdHash = strings.Repeat("ab", 32)
	if a.enroll(secret); a.serial != "VENDOR-1" {
		t.Errorf("with another machine id: got %s, want VENDOR-1", a.serial)
	}
}

func TestTwinsThatEnrolAtOnceGetTwoIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	uuids := []string{uuidOne, uuidTwo}
	for round := range 8 {
		serial := "TWIN-" + string(rune('A'+round))
		twins := make([]*agent, len(uuids))
		var group sync.WaitGroup
		for i := range twins {
			twins[i] = newAgent(t, dialGRPC(t, w.aggregators[i].grpc), serial)
			twins[i].evidence.ProductUuid = strconv.Itoa(round) + uuids[i][1:]
			group.Go(func() { twins[i].enroll(secret) })
		}
		group.Wait()
		if twins[0].serial == twins[1].serial {
			t.Errorf("round %d: both are %s", round, twins[0].serial)
		}
	}
	if used := w.count("SELECT request_count FROM enrollment WHERE name = 'world'"); used != 16 {
		t.Errorf("the enrolment was used %d times, want 16: a second try is not counted", used)
	}
}

func TestCredentialGivesNobodyElsesIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := dialGRPC(t, w.aggregators[0].grpc)
	victim, thief := enrolled(t, c, "VICTIM"), enrolled(t, c, "THIEF")
	thief.evidence = &syncv1.Evidence{HardwareSerial: "VICTIM", ProductUuid: uuidOne}
	victim.evidence.ProductUuid = uuidTwo
	victim.enroll(secret)
	if thief.enroll(""); thief.serial == "VICTIM" {
		t.Errorf("the thief got the victim's identity")
	}
	victim.current()
}
