// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestAnEnrolmentLetsInOnlyTheMachinesThatItLists(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		for _, n := range []store.EnrollmentSettings{
			{Name: "serials", SerialNumbers: []string{"M-1"}}, {Name: "uuids", UDIDs: []string{strings.ToUpper(uuidOne)}},
		} {
			must(w.AddEnrollment(t.Context(), store.ForRollcall, n, n.Name))(t)
		}
		const otherSerial, otherUUID = "the enrolment is for other serial numbers than this machine's", "the enrolment is for machines with other UUIDs than this one's"
		for _, test := range []struct{ serial, uuid, secret, refused string }{
			{"M-2", "", "serials", otherSerial},
			{"M-3", uuidTwo, "uuids", otherUUID},
			{"M-3", "", "uuids", otherUUID},
			{"M-1", "", "serials", ""},
			{"M-4", uuidOne, "uuids", ""},
		} {
			a := newAgent(t, c, test.serial)
			a.evidence.ProductUuid = test.uuid
			_, err := c.Enroll(a.ctx(), a.enrollRequest(test.secret))
			switch {
			case test.refused != "":
				wantRefusal(t, err, connect.CodeUnauthenticated, test.refused, noReason)
			case err != nil:
				t.Errorf("%s: %v", test.serial, err)
			}
		}
		if got := w.count("SELECT count(*) FROM machine WHERE serial_number IN ('M-2', 'M-3')"); got != 0 {
			t.Errorf("%d machines were made for those that were refused", got)
		}
	})
}

// A machine that claims a listed serial number which another one has already is not that machine.
func TestAClaimantOfAListedSerialNumberIsNotLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := connectTo(t, w.aggregators[0].http, false)
	must(w.AddEnrollment(t.Context(), store.ForRollcall, store.EnrollmentSettings{Name: "listed", SerialNumbers: []string{"M-1"}}, "listed"))(t)
	first, second := newAgent(t, c, "M-1"), newAgent(t, c, "M-1")
	first.evidence.ProductUuid, second.evidence.ProductUuid = uuidOne, uuidTwo
	first.enroll("listed")
	_, err := c.Enroll(second.ctx(), second.enrollRequest("listed"))
	wantRefusal(t, err, connect.CodeUnauthenticated, "the enrolment is for other serial numbers than this machine's", noReason)
	if first.enroll(""); first.serial != "M-1" { // the machine itself goes on, whatever becomes of the list
		t.Errorf("enrolled again as %s", first.serial)
	}
}

func TestAnotherBusinessUnitIsInTheTreeWithTheNextCheckIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	here := connectTo(t, w.aggregators[0].http, false)
	paris := must(w.CreateEnrollment(t.Context(), store.NewEnrollment{Name: "servers", SecretDigest: auth.DigestOf("servers"), BusinessUnit: "Paris"}))(t)
	lyon := must(w.CreateEnrollment(t.Context(), store.NewEnrollment{Name: "others", SecretDigest: auth.DigestOf("others"), BusinessUnit: "Lyon"}))(t)
	a := newAgent(t, here, "M-1")
	a.enroll("servers")
	a.pushAll(false)
	if got := unitOf(w, "M-1"); got != paris.BusinessUnit.ID {
		t.Fatalf("unit: got %d, want Paris", got)
	}
	must(w.UpdateEnrollment(t.Context(), "", paris.ID, func(n *store.EnrollmentSettings) error {
		n.MetaBusinessUnit = &lyon.BusinessUnit.ID
		return nil
	}))(t)
	if err := w.aggregators[0].service.Reconfigure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.checkIn(false).GetOutcome(); got != syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT {
		t.Errorf("an unchanged check-in: got %v", got)
	}
	if got := unitOf(w, "M-1"); got != lyon.BusinessUnit.ID {
		t.Errorf("unit after the check-in: got %d, want Lyon", got)
	}
	a.current()
	if n := w.count("SELECT count(*) FROM change"); n != 2 {
		t.Errorf("%d changes, want the first snapshot and the unit", n)
	}
}

// unitOf returns the meta business unit of a machine as exports see it.
func unitOf(w *world, serial string) int64 {
	w.t.Helper()
	var unit int64
	err := w.StreamHeads(w.t.Context(), store.StreamFilter{}, func(h store.FleetHead) error {
		if h.Serial == serial {
			unit = h.MetaBusinessUnit
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return unit
}
