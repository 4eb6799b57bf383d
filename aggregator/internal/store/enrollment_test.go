// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestEnrollmentMakesItsBusinessUnitAndTagsOnce(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for _, name := range []string{"a", "b"} {
		created := must(w.CreateEnrollment(ctx, store.NewEnrollment{
			Name: name, SecretDigest: auth.DigestOf(name), BusinessUnit: "Hamburg", Tags: []string{"web", "blue"}, Quota: 3,
		}))(t)
		if created.BusinessUnit == nil || created.BusinessUnit.Name != "Hamburg" || !slices.Equal(created.Tags, []string{"blue", "web"}) || created.Quota != 3 {
			t.Errorf("created: got %+v", created)
		}
	}
	if units, tags := w.count("SELECT count(*) FROM meta_business_unit"), len(must(w.Tags(ctx))(t)); units != 1 || tags != 2 {
		t.Errorf("got %d business units and %d tags, want 1 and 2", units, tags)
	}
	if _, err := w.CreateEnrollment(ctx, store.NewEnrollment{Name: "a", SecretDigest: auth.DigestOf("x")}); !errors.Is(err, store.ErrExists) {
		t.Errorf("second enrolment of that name: got %v", err)
	}
	if list := must(w.ListEnrollments(ctx))(t); len(list) != 2 || list[0].Name != "a" || list[0].BusinessUnit.ID != list[1].BusinessUnit.ID {
		t.Errorf("list: got %+v", list)
	}
}

func TestEnrollmentSecretSaysWhyItIsRefused(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	past := time.Now().Add(-time.Minute)
	for _, n := range []store.NewEnrollment{
		{Name: "good"}, {Name: "revoked"}, {Name: "expired", ExpiresAt: &past}, {Name: "used up", Quota: 1},
	} {
		n.SecretDigest = auth.DigestOf(n.Name)
		must(w.CreateEnrollment(ctx, n))(t)
	}
	if err := w.RevokeEnrollment(ctx, "revoked"); err != nil {
		t.Fatal(err)
	}
	must(w.issue("M-0", "used up before", "used up"))(t)
	tests := map[string]error{
		"good": nil, "unknown": store.ErrUnknownSecret, "revoked": store.ErrEnrollmentRevoked,
		"expired": store.ErrEnrollmentExpired, "used up": store.ErrQuotaUsedUp,
	}
	for secret, want := range tests {
		if _, err := w.issue("M-1", secret, secret); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", secret, err, want)
		}
	}
	if err := w.RevokeEnrollment(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoke an unknown enrolment: got %v", err)
	}
}

// issue issues a credential with the secret of an enrolment; an empty secret uses none.
func (w *world) issue(serial, credential, secret string) (store.Credential, error) {
	n := store.NewCredential{
		Digest: auth.DigestOf(credential), Serial: serial, Modules: []string{"rollcall.agent"}, Evidence: 1<<63 + 5,
		Identity: json.RawMessage(`{"hardware_serial": "` + serial + `"}`), Instance: []byte("instance"),
	}
	if secret != "" {
		n.Secret = auth.DigestOf(secret)
	}
	return w.Issue(w.t.Context(), n)
}

func TestIssuedCredentialKnowsItsMachineAndBusinessUnit(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	must(w.CreateEnrollment(ctx, store.NewEnrollment{Name: "e", SecretDigest: auth.DigestOf("e"), BusinessUnit: "B", Tags: []string{"web"}}))(t)
	issued := must(w.issue("S1", "c1", "e"))(t)
	c := must(w.CredentialByDigest(ctx, auth.DigestOf("c1")))(t)
	if c.ID != issued.ID || c.Serial != "S1" || c.Evidence != 1<<63+5 || string(c.Identity) != `{"hardware_serial": "S1"}` ||
		c.BusinessUnit == nil || c.BusinessUnit.Name != "B" || c.Frozen || c.UsedAt != nil || string(c.Instance) != "instance" {
		t.Errorf("credential: got %+v", c)
	}
	if tags := must(w.Machine(ctx, "S1"))(t).Tags; len(tags) != 1 || tags[0].Name != "web" {
		t.Errorf("tags: got %+v", tags)
	}
	if _, err := w.CredentialByDigest(ctx, auth.DigestOf("none")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown credential: got %v", err)
	}
}

func TestRefusedEnrolmentStoresNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.issue("S1", "c1", "unknown"); !errors.Is(err, store.ErrUnknownSecret) {
		t.Errorf("got %v", err)
	}
	if n := w.count("SELECT count(*) FROM machine") + w.count("SELECT count(*) FROM credential"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestFirstUseOfACredentialEndsTheOlderOnes(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	first, frozen, second, third := must(w.issue("S", "c1", ""))(t), must(w.issue("S", "c2", ""))(t), must(w.issue("S", "c3", ""))(t), must(w.issue("S", "c4", ""))(t)
	must(w.issue("OTHER", "c5", ""))(t)
	must(w.Freeze(ctx, frozen.ID, store.Conflict{Why: "two machines"}))(t)
	for i, want := range []int{1, 0} { // the second use changes nothing
		ended := must(w.UseCredential(ctx, second.ID))(t)
		if len(ended) != want || (want == 1 && ended[0] != auth.DigestOf("c1")) {
			t.Errorf("use %d ended %d credentials, want %d: that of c1", i, len(ended), want)
		}
	}
	if !must(w.CredentialRevoked(ctx, auth.DigestOf("c1")))(t) || must(w.CredentialRevoked(ctx, auth.DigestOf("c3")))(t) {
		t.Error("c1 is revoked and c3 is not: CredentialRevoked says otherwise")
	}
	var left []int64
	for _, c := range must(w.LatestCredentials(ctx, first.Machine))(t) {
		left = append(left, c.ID)
	}
	if want := []int64{third.ID, second.ID, frozen.ID}; !slices.Equal(left, want) {
		t.Errorf("left: got %v, want %v", left, want)
	}
	must(w.CredentialByDigest(ctx, auth.DigestOf("c5")))(t)
	if err := w.RevokeCredential(ctx, third.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CredentialByDigest(ctx, auth.DigestOf("c4")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoked credential: got %v", err)
	}
}

func TestConflictIsWrittenOnce(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	c := must(w.issue("S", "c", ""))(t)
	for i, want := range []bool{true, false} {
		if froze := must(w.Freeze(ctx, c.ID, store.Conflict{Why: "two machines", Newcomer: []byte("newcomer")}))(t); froze != want {
			t.Errorf("call %d: got %v, want %v", i, froze, want)
		}
	}
	if c = must(w.CredentialByDigest(ctx, auth.DigestOf("c")))(t); !c.Frozen || c.FrozenWhy != "two machines" || string(c.Newcomer) != "newcomer" {
		t.Errorf("credential: got %+v", c)
	}
	if n := w.count("SELECT count(*) FROM journal WHERE what = 'conflict' AND machine = $1 AND detail = 'two machines'", c.Machine); n != 1 {
		t.Errorf("conflicts in the journal: got %d", n)
	}
}
