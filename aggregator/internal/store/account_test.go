// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// account stores a user with roles.
func (w *world) account(name string, roles ...string) store.Account {
	w.t.Helper()
	return must(w.CreateAccount(w.t.Context(), store.Account{Kind: auth.User, Name: name, Roles: roles}, "hash"))(w.t)
}

// as is the context of somebody with these grants.
func as(ctx context.Context, grants ...auth.Grant) context.Context {
	return auth.WithPrincipal(ctx, auth.Principal{Kind: auth.User, ID: 1 << 40, Name: "actor", Grants: grants})
}

func TestAccountsAreCreatedChangedAndDeleted(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	jane := w.account(" jane ", "viewer", "operator")
	if jane.Name != "jane" || !slices.Equal(jane.Roles, []string{"operator", "viewer"}) || !jane.HasPassword || jane.DisabledAt != nil {
		t.Errorf("created: got %+v", jane)
	}
	jane.Roles, jane.Email = []string{"viewer"}, "jane@example.com"
	changed := must(w.PutAccount(ctx, jane))(t)
	if !slices.Equal(changed.Roles, []string{"viewer"}) || changed.Email != "jane@example.com" || !changed.HasPassword {
		t.Errorf("changed: got %+v", changed)
	}
	if found := must(w.AccountNamed(ctx, auth.User, "JANE"))(t); found.ID != jane.ID {
		t.Errorf("by name: got %+v", found)
	}
	if _, err := w.Account(ctx, auth.ServiceAccount, jane.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a user as a service account: got %v", err)
	}
	bad := map[string]store.Account{
		"name":         {Name: "Jane"},
		"roles[0]":     {Name: "x", Roles: []string{"king"}},
		"email":        {Name: "x", Email: "nowhere"},
		"display_name": {Name: "x", DisplayName: "a\nb"},
	}
	for field, a := range bad {
		a.Kind = auth.User
		_, err := w.CreateAccount(ctx, a, "")
		if fields, ok := errors.AsType[compliance.FieldErrors](err); !ok || fields[field] == nil {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if err := w.DeleteAccount(ctx, auth.User, jane.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Account(ctx, auth.User, jane.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: got %v", err)
	}
	var actions []string
	for _, e := range must(w.ListAudit(ctx, store.AuditFilter{Object: "user"}, 0, 100))(t) {
		actions = append(actions, e.Action)
		if strings.Contains(string(e.Before)+string(e.After), "hash") {
			t.Errorf("the audit log holds the hash: %s", e.After)
		}
	}
	if want := []string{"deleted", "updated", "created"}; !slices.Equal(actions, want) {
		t.Errorf("audit log: got %v, want %v", actions, want)
	}
}

func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec("INSERT INTO tag (name, slug) VALUES ('one', 'one'), ('two', 'two')")
	tags := must(w.TagIDs(t.Context(), []string{"one", "two"}))(t)
	admin, viewer := w.account("root", "admin"), w.account("jane", "viewer")
	read := auth.SetOf(auth.ReadInventory)
	everywhere, inOne := as(t.Context(), auth.Grant{Permissions: read}), as(t.Context(), auth.Grant{Permissions: read, Scope: auth.TaggedWith(tags[0])})
	asAdmin := as(t.Context(), auth.Grant{Permissions: auth.Admin.Permissions()})
	role := func(ctx context.Context, permission auth.Permission, tags ...int64) func() error {
		return func() error {
			_, err := w.CreateRole(ctx, store.Role{Name: fmt.Sprint(time.Now().UnixNano()), Permissions: []string{string(permission)}, Tags: tags})
			return err
		}
	}
	account := func(ctx context.Context, change func(*store.Account), a store.Account) func() error {
		return func() error {
			change(&a)
			_, err := w.PutAccount(ctx, a)
			return err
		}
	}
	token := func(ctx context.Context, owner int64) func() error {
		return func() error {
			secret := auth.NewToken(auth.User)
			_, err := w.CreateToken(ctx, store.NewToken{Principal: owner, Name: secret, Digest: auth.DigestOf(secret)})
			return err
		}
	}
	tests := []struct {
		name    string
		do      func() error
		refused bool
	}{
		{"a role with one's own permission", role(everywhere, auth.ReadInventory), false},
		{"a role with another's", role(everywhere, auth.ReadChecks), true},
		{"one's own permission for fewer machines", role(everywhere, auth.ReadInventory, tags[0]), false},
		{"one's own permission for more machines", role(inOne, auth.ReadInventory), true},
		{"one's own permission for other machines", role(inOne, auth.ReadInventory, tags[1]), true},
		{"one's own permission for the same machines", role(inOne, auth.ReadInventory, tags[0]), false},
		{"make somebody admin", account(everywhere, func(a *store.Account) { a.Roles = []string{"admin"} }, w.account("new")), true},
		{"rename an admin", account(everywhere, func(a *store.Account) { a.DisplayName = "x" }, admin), true},
		{"take an admin's roles", account(everywhere, func(a *store.Account) { a.Roles = nil }, admin), true},
		{"rename an admin as an admin", account(asAdmin, func(a *store.Account) { a.DisplayName = "x" }, admin), false},
		{"an admin's token", token(everywhere, admin.ID), true},
		{"a viewer's token with less than a viewer has", token(everywhere, viewer.ID), true},
		{"a viewer's token as an admin", token(asAdmin, viewer.ID), false},
		{"an admin's password", func() error { return w.SetPassword(everywhere, admin.ID, "h", nil) }, true},
		{"delete an admin", func() error { return w.DeleteAccount(everywhere, auth.User, admin.ID) }, true},
		{"the program itself may", role(t.Context(), auth.ReadChecks), false},
		{"the command line may", role(auth.WithPrincipal(t.Context(), auth.Principal{Kind: auth.CommandLine}), auth.ReadChecks), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(); errors.Is(err, store.ErrBeyond) != tt.refused || !tt.refused && err != nil {
				t.Errorf("got %v, want refused: %v", err, tt.refused)
			}
		})
	}
}

func TestRolesAndTheirScope(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.exec("INSERT INTO tag (name, slug) VALUES ('one', 'one'), ('two', 'two')")
	tags := must(w.TagIDs(ctx, []string{"two", "one"}))(t)
	r := must(w.CreateRole(ctx, store.Role{Name: "berlin", Permissions: []string{"inventory.view_tag", "inventory.add_tag", "inventory.view_tag"}, Tags: tags}))(t)
	slices.Sort(tags)
	if !slices.Equal(r.Permissions, []string{"inventory.add_tag", "inventory.view_tag"}) || !slices.Equal(r.Tags, tags) || r.BuiltIn {
		t.Errorf("got %+v", r)
	}
	owner := must(w.CreateTokenAccount(ctx, store.NewToken{Name: "ci", Digest: auth.DigestOf("ci")}, "berlin"))(t)
	scope := func() (auth.Scope, bool) {
		return must(w.TokenByDigest(ctx, auth.DigestOf("ci")))(t).Principal.ScopeOf("inventory.add_tag")
	}
	if got, ok := scope(); !ok || !slices.Equal(got.Tags, tags) {
		t.Errorf("got %v, want %v", got, tags)
	}
	w.exec("DELETE FROM tag WHERE name = 'one'")
	if got, ok := scope(); !ok || got.All() || len(got.Tags) != 1 {
		t.Errorf("one tag deleted: got %v", got)
	}
	w.exec("DELETE FROM tag WHERE name = 'two'")
	if got, ok := scope(); !ok || got.All() || len(got.Tags) != 0 {
		t.Errorf("all tags deleted: got %v, want no machine", got)
	}
	if err := w.DeleteRole(ctx, r.ID); !errors.Is(err, store.ErrRoleInUse) {
		t.Errorf("delete a role in use: got %v", err)
	}
	if err := w.DeleteAccount(ctx, auth.ServiceAccount, owner.PrincipalID); err != nil {
		t.Fatal(err)
	}
	if err := w.DeleteRole(ctx, r.ID); err != nil {
		t.Error(err)
	}
	viewer := must(w.ListRoles(ctx, 0, 1))(t)[0]
	if viewer.Name != "viewer" || !viewer.BuiltIn || !slices.Contains(viewer.Permissions, "inventory.view_machinesnapshot") {
		t.Errorf("got %+v", viewer)
	}
	if err := w.DeleteRole(ctx, viewer.ID); !errors.Is(err, store.ErrBuiltIn) {
		t.Errorf("delete a built-in role: got %v", err)
	}
	for field, bad := range map[string]store.Role{
		"name":           {Name: "viewer"},
		"permissions[0]": {Name: "x", Permissions: []string{"*"}},
		"tags":           {Name: "x", Tags: []int64{}},
		"tags[0]":        {Name: "x", Tags: []int64{1 << 40}},
	} {
		_, err := w.CreateRole(ctx, bad)
		if fields, ok := errors.AsType[compliance.FieldErrors](err); !ok || fields[field] == nil {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestADeletedTagIsSaidToLeaveTheScopeOfRoles(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.exec("INSERT INTO tag (name, slug) VALUES ('one', 'one'), ('two', 'two')")
	tags := must(w.TagIDs(ctx, []string{"one", "two"}))(t)
	r := must(w.CreateRole(ctx, store.Role{Name: "berlin", Tags: tags}))(t)
	must(w.CreateRole(ctx, store.Role{Name: "paris", Tags: tags[1:]}))(t)
	must(w.DeleteTag(ctx, tags[0]))(t)
	entries := must(w.ListAudit(ctx, store.AuditFilter{Object: "role", Action: "updated"}, 0, 10))(t)
	if len(entries) != 1 || entries[0].ObjectName != "berlin" {
		t.Fatalf("got %+v", entries)
	}
	before, after := string(entries[0].Before), string(entries[0].After)
	if !strings.Contains(before, fmt.Sprintf(`"tags":[%d,%d]`, tags[0], tags[1])) || !strings.Contains(after, fmt.Sprintf(`"tags":[%d]`, tags[1])) {
		t.Errorf("got %s, then %s", before, after)
	}
	if got := must(w.Role(ctx, r.ID))(t); !slices.Equal(got.Tags, tags[1:]) {
		t.Errorf("the role has the tags %v", got.Tags)
	}
}

func TestATagThatIsBeingDeletedIsNoScope(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.exec("INSERT INTO tag (name, slug) VALUES ('one', 'one')")
	tags := must(w.TagIDs(ctx, []string{"one"}))(t)
	tx := must(w.pool.Begin(ctx))(t)
	must(tx.Exec(ctx, "DELETE FROM tag"))(t)
	created := make(chan error, 1)
	go func() {
		_, err := w.CreateRole(ctx, store.Role{Name: "berlin", Tags: tags})
		created <- err
	}()
	w.waitUntil("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO role_tag%'")
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	err := <-created
	if fields, ok := errors.AsType[compliance.FieldErrors](err); !ok || fields["tags[0]"] == nil {
		t.Errorf("got %v", err)
	}
}
