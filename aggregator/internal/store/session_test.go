// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	jane := w.account("jane", "viewer")
	c := must(w.CredentialsOf(ctx, "Jane"))(t)
	if c.Principal != jane.ID || c.PasswordHash != "hash" || c.Disabled {
		t.Fatalf("got %+v", c)
	}
	who := store.SignIn{Name: "jane", Address: "192.0.2.1"}
	open := func(secret string) {
		t.Helper()
		must(w.CreateSession(ctx, c, auth.DigestOf(secret), time.Hour, who))(t)
		if h := must(w.SessionByDigest(ctx, auth.DigestOf(secret)))(t); h.Principal.ID != jane.ID || !h.Principal.Can(auth.ReadInventory) {
			t.Fatalf("got %+v", h)
		}
	}
	over := func(secret, why string) {
		t.Helper()
		if _, err := w.SessionByDigest(ctx, auth.DigestOf(secret)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: got %v", why, err)
		}
	}
	open("a")
	if err := w.EndSession(ctx, auth.DigestOf("a")); err != nil {
		t.Fatal(err)
	}
	over("a", "signed out")
	open("b")
	w.exec("UPDATE session SET expires_at = now()")
	over("b", "expired")
	open("c")
	open("d")
	keep := auth.DigestOf("d")
	if err := w.SetPassword(ctx, jane.ID, "another", &keep); err != nil {
		t.Fatal(err)
	}
	over("c", "another password")
	must(w.SessionByDigest(ctx, keep))(t)
	if _, err := w.CreateSession(ctx, c, auth.DigestOf("e"), time.Hour, who); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the password changed while it was verified: got %v", err)
	}
	now := time.Now()
	jane.DisabledAt = &now
	must(w.PutAccount(ctx, jane))(t)
	over("d", "disabled")
	c = must(w.CredentialsOf(ctx, "jane"))(t)
	if _, err := w.CreateSession(ctx, c, auth.DigestOf("f"), time.Hour, who); !errors.Is(err, store.ErrNotFound) || !c.Disabled {
		t.Errorf("a disabled user: got %v", err)
	}
	var actors []string
	for _, e := range must(w.ListAudit(ctx, store.AuditFilter{Object: "session", Action: "created"}, 0, 10))(t) {
		actors = append(actors, e.ActorName)
	}
	if !slices.Equal(actors, []string{"jane", "jane", "jane", "jane"}) {
		t.Errorf("audit log: got %v", actors)
	}
}

func TestFailedSignInsMakeWait(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	attempt := func(name, address string) time.Duration {
		t.Helper()
		err := w.AttemptSignIn(ctx, store.SignIn{Name: name, Address: address})
		throttled, ok := errors.AsType[*store.ThrottledError](err)
		switch {
		case ok:
			return throttled.Wait
		case err != nil:
			t.Fatal(err)
		}
		return 0
	}
	later := func() {
		w.exec("UPDATE login_throttle SET blocked_until = blocked_until - (blocked_until - clock_timestamp()) WHERE blocked_until > clock_timestamp()")
	}
	for range 6 {
		if wait := attempt("jane", "192.0.2.1"); wait != 0 {
			t.Fatalf("too early: wait %s", wait)
		}
	}
	const minute = "UPDATE login_throttle SET blocked_until = blocked_until + interval '1 minute' WHERE blocked_until > last_at + interval '0.5 seconds'"
	w.exec(minute) // this machine may be slow
	if wait := attempt("JANE", "192.0.2.2"); wait <= 0 || wait > time.Minute+time.Second {
		t.Errorf("after the sixth: wait %s, want up to a second and the minute", wait)
	}
	if wait := attempt("bob", "192.0.2.1"); wait != 0 {
		t.Errorf("another name: wait %s", wait)
	}
	for range 20 {
		later()
		if wait := attempt("jane", "192.0.2.3"); wait != 0 {
			t.Fatalf("the wait is over: wait %s", wait)
		}
	}
	if wait := attempt("jane", "192.0.2.4"); wait < 14*time.Minute || wait > 15*time.Minute {
		t.Errorf("after many: wait %s, want 15 minutes", wait)
	}
	later()
	w.account("jane")
	c := must(w.CredentialsOf(ctx, "jane"))(t)
	must(w.CreateSession(ctx, c, auth.DigestOf("a"), time.Hour, store.SignIn{Name: "jane", Address: "192.0.2.3"}))(t)
	if wait := attempt("jane", "192.0.2.4"); wait != 0 {
		t.Errorf("after signing in: wait %s", wait)
	}
	for i := range 25 {
		attempt(string(rune('a'+i)), "198.51.100.1")
	}
	if wait := attempt("somebody", "198.51.100.1"); wait == 0 {
		t.Error("an address may try any number of names")
	}
	w.exec("UPDATE login_throttle SET blocked_until = blocked_until - interval '2 hours', last_at = last_at - interval '2 hours'")
	for range 6 {
		if wait := attempt("jane", "198.51.100.1"); wait != 0 {
			t.Fatalf("an hour later: wait %s", wait)
		}
	}
}

func TestAttemptsAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 14 { // so that the next one means minutes
		if err := w.AttemptSignIn(t.Context(), store.SignIn{Name: "jane", Address: "192.0.2.1"}); err != nil {
			t.Fatal(err)
		}
		w.exec("UPDATE login_throttle SET blocked_until = clock_timestamp()")
	}
	var let atomic.Int32
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			err := w.AttemptSignIn(t.Context(), store.SignIn{Name: "jane", Address: "192.0.2.1"})
			if err == nil {
				let.Add(1)
			} else if _, ok := errors.AsType[*store.ThrottledError](err); !ok {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if let.Load() != 1 {
		t.Errorf("%d of 30 were let through, want 1", let.Load())
	}
}

func TestAuditLogIsListedAndFiltered(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	begin := time.Now()
	bob := as(ctx, auth.Grant{Permissions: auth.Admin.Permissions()})
	var ids []string
	for _, name := range []string{"one", "two", "three"} {
		a := must(w.CreateAccount(bob, store.Account{Kind: auth.ServiceAccount, Name: name, Roles: []string{"viewer"}}, ""))(t)
		e := must(w.ListAudit(ctx, store.AuditFilter{}, 0, 1))(t)[0]
		if e.ObjectName != name || e.ActorName != "actor" || e.Before != nil || e.ActorKind != "user" {
			t.Errorf("got %+v", e)
		}
		ids = append(ids, e.ObjectID)
		must(w.PutAccount(ctx, store.Account{ID: a.ID, Kind: auth.ServiceAccount, Name: name}))(t)
	}
	tests := []struct {
		name   string
		filter store.AuditFilter
		want   int
	}{
		{"all", store.AuditFilter{}, 6},
		{"of one object", store.AuditFilter{Object: "service_account", ObjectID: ids[1]}, 2},
		{"of another sort", store.AuditFilter{Object: "user", ObjectID: ids[1]}, 0},
		{"by somebody", store.AuditFilter{Actor: "actor"}, 3},
		{"action", store.AuditFilter{Action: "updated"}, 3},
		{"since", store.AuditFilter{Since: begin.Add(-time.Minute)}, 6},
		{"until", store.AuditFilter{Until: begin.Add(-time.Minute)}, 0},
	}
	for _, tt := range tests {
		if got := must(w.ListAudit(ctx, tt.filter, 0, 10))(t); len(got) != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, len(got), tt.want)
		}
	}
	page := must(w.ListAudit(ctx, store.AuditFilter{}, 0, 4))(t)
	rest := must(w.ListAudit(ctx, store.AuditFilter{}, page[3].ID, 4))(t)
	if len(rest) != 2 || rest[0].ID >= page[3].ID || page[0].ID <= page[1].ID {
		t.Errorf("pages: got %d behind %d", len(rest), page[3].ID)
	}
}
