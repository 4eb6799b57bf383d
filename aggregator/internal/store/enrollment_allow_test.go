// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestEnrolmentLetsInOnlyTheMachinesItLists(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for name, n := range map[string]store.EnrollmentSettings{
		"serials": {SerialNumbers: []string{"A1", "B2"}, Quota: 1},
		"uuids":   {UDIDs: []string{"9D3B1A52-7F0E-4C55-8A2B-0C1D2E3F4A5B"}},
		"both":    {SerialNumbers: []string{"A1"}, UDIDs: []string{"9d3b1a52-7f0e-4c55-8a2b-0c1d2e3f4a5b"}},
	} {
		n.Name = name
		must(w.AddEnrollment(ctx, store.ForRollcall, n, name))(t)
	}
	const uuid = "9d3b1a52-7f0e-4c55-8a2b-0c1d2e3f4a5b"
	tests := []struct {
		secret, serial, udid string
		want                 error
	}{
		{"serials", "a1", "", store.ErrSerialNotAllowed}, // serial numbers are spelled exactly
		{"serials", "C3", uuid, store.ErrSerialNotAllowed},
		{"serials", "B2", "", nil},
		{"serials", "A1", "", store.ErrQuotaUsedUp},
		{"uuids", "anything", uuid, nil},
		{"uuids", "anything", "", store.ErrUDIDNotAllowed},
		{"both", "A1", "", store.ErrUDIDNotAllowed},
		{"both", "B2", uuid, store.ErrSerialNotAllowed},
		{"both", "A1", uuid, nil},
	}
	for i, test := range tests {
		credential := store.NewCredential{
			Digest: auth.DigestOf(fmt.Sprintf("credential %d", i)), Serial: test.serial, UDID: test.udid, Secret: auth.DigestOf(test.secret),
			Identity: json.RawMessage(`{}`),
		}
		if _, err := w.Issue(ctx, credential); !errors.Is(err, test.want) {
			t.Errorf("%s with %s, %s: got %v, want %v", test.secret, test.serial, test.udid, err, test.want)
		}
	}
}

// A clone that enrols again with the credential of its image gets an identity of its own, which a list does not have.
func TestAMachineThatMovesNeedsToBeAllowed(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	listed := must(w.AddEnrollment(ctx, store.ForRollcall, store.EnrollmentSettings{Name: "listed", SerialNumbers: []string{"A1"}}, "listed"))(t)
	for _, test := range []struct {
		serial string
		moved  bool
		want   error
	}{{"A1~00112233", true, store.ErrSerialNotAllowed}, {"A1~00112233", false, nil}, {"A1", true, nil}} {
		credential := store.NewCredential{
			Digest: auth.DigestOf(test.serial + " credential"), Serial: test.serial, Enrollment: listed.ID, Moved: test.moved,
			Identity: json.RawMessage(`{}`),
		}
		if _, err := w.Issue(ctx, credential); !errors.Is(err, test.want) {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}

func TestChangesOfEnrolmentsAreAuditedWithoutSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{Kind: auth.User, ID: 7, Name: "ada"})
	created := must(w.AddEnrollment(ctx, store.ForOsquery, store.EnrollmentSettings{}, "a secret of sixty-four characters"))(t)
	if created.Name != "osquery enrollment 1" || created.Secret != "a secret of sixty-four characters" || created.Version != 1 {
		t.Errorf("created: got %+v", created)
	}
	changed := must(w.UpdateEnrollment(ctx, store.ForOsquery, created.ID, func(n *store.EnrollmentSettings) error {
		n.Quota = 5
		return nil
	}))(t)
	if changed.Quota != 5 || changed.Version != 2 || !changed.UpdatedAt.After(changed.CreatedAt) {
		t.Errorf("changed: got %+v", changed)
	}
	for range 2 { // the second time changes nothing
		if err := w.RevokeEnrollmentByID(ctx, created.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.DeleteEnrollment(ctx, store.ForOsquery, created.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.count(`SELECT count(*) FROM audit WHERE object = 'enrollment' AND actor_name = 'ada'`); got != 4 {
		t.Errorf("%d entries, want created, updated, revoked, deleted", got)
	}
	if got := w.count(`SELECT count(*) FROM audit WHERE before::text || after::text LIKE '%sixty-four%'`); got != 0 {
		t.Errorf("%d entries have the secret", got)
	}
	if got := w.count(`SELECT count(*) FROM enrollment`); got != 0 {
		t.Errorf("%d enrolments, want it gone: nobody came through it", got)
	}
}

func TestADeletedEnrolmentKeepsItsMachinesAndLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	created := must(w.AddEnrollment(ctx, store.ForMunki, store.EnrollmentSettings{}, "munki"))(t)
	must(w.issue("A1", "credential", "munki"))(t)
	if got := must(w.Enrollment(ctx, "", created.ID))(t); got.Machines != 1 || got.RequestCount != 1 {
		t.Errorf("got %d machines and %d requests", got.Machines, got.RequestCount)
	}
	if err := w.DeleteEnrollment(ctx, store.ForOsquery, created.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted for another purpose: got %v", err)
	}
	if err := w.DeleteEnrollment(ctx, store.ForMunki, created.ID); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"read": errOf(w.Enrollment(ctx, store.ForMunki, created.ID)), "deleted again": w.DeleteEnrollment(ctx, store.ForMunki, created.ID),
		"revoked": w.RevokeEnrollmentByID(ctx, created.ID),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := errOf(w.issue("B2", "another", "munki")); !errors.Is(err, store.ErrEnrollmentRevoked) {
		t.Errorf("enrolled: got %v", err)
	}
	if err := errOf(w.CredentialByDigest(context.WithoutCancel(ctx), auth.DigestOf("credential"))); err != nil {
		t.Errorf("its machine: got %v", err)
	}
}

func errOf[T any](_ T, err error) error { return err }
