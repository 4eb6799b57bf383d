// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestTenThousandSerialNumbersAreTaggedAtOnce(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	serials := make([]string, 10_000)
	for i := range serials {
		serials[i] = fmt.Sprint("S", i)
	}
	w.commit("S0", agentSource, report{"disks": {}})
	generation := w.count("SELECT generation FROM check_generation")
	set := []store.TagOperation{{Kind: store.SetTags, Taxonomy: "Site", Names: []string{"Hamburg"}}}
	got := must(w.TagMachines(ctx, append(serials, serials[:5]...), set))(t)
	if got.Machines != 10_000 || got.Added != 10_000 || got.Removed != 0 || len(got.Changed) != 10_000 {
		t.Errorf("got %d machines, %d added, %d removed, %d changed", got.Machines, got.Added, got.Removed, len(got.Changed))
	}
	if n := w.count("SELECT count(*) FROM machine_tag"); n != 10_000 {
		t.Errorf("%d tags of machines are stored", n)
	}
	if n := w.count("SELECT generation FROM check_generation") - generation; n != 1 {
		t.Errorf("the generation rose by %d, want 1: one machine reports", n)
	}
	if again := must(w.TagMachines(ctx, serials, set))(t); again.Added != 0 || len(again.Changed) != 0 {
		t.Errorf("again: got %d added, %d changed", again.Added, len(again.Changed))
	}
}

// TestTagsChangeAtOnce lets everybody who changes tags of machines do it at the same time.
func TestTagsChangeAtOnce(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	serials := make([]string, 40)
	for i := range serials {
		serials[i] = fmt.Sprint("S", i)
		w.commit(serials[i], agentSource, report{"disks": {}})
	}
	backwards := slices.Clone(serials)
	slices.Reverse(backwards)
	must(w.CreateEnrollment(ctx, store.NewEnrollment{Name: "e", SecretDigest: auth.DigestOf("e"), Tags: []string{"t1", "t3"}}))(t)
	var group errgroup.Group
	for i := range 12 {
		group.Go(func() error {
			list := serials
			if i%2 == 0 {
				list = backwards
			}
			_, err := w.TagMachines(ctx, list, []store.TagOperation{
				{Kind: store.SetTags, Taxonomy: "T", Names: []string{fmt.Sprint("t", i%4)}},
				{Kind: store.AddTags, Names: []string{fmt.Sprint("a", i)}},
				{Kind: store.RemoveTags, Names: []string{fmt.Sprint("a", i-1)}},
			})
			return err
		})
		group.Go(func() error { _, err := w.issue(serials[i], fmt.Sprint("credential", i), "e"); return err })
		group.Go(func() error {
			if i%3 != 0 {
				return nil
			}
			tags, err := w.ListTags(ctx, fmt.Sprint("t", i%4))
			if err != nil || len(tags) == 0 {
				return err
			}
			if _, err := w.DeleteTag(ctx, tags[0].ID); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestMachinesAreFoundByWhoUsesThem(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	user := func(id, name string) func(*store.Commit) {
		return func(c *store.Commit) { c.User = &store.PrincipalUser{UniqueID: id, PrincipalName: name} }
	}
	fact := func(id, name string) report {
		return report{store.KindPrincipalUser: {fmt.Sprintf(`{"principal_name":%q,"unique_id":%q}`, name, id)}}
	}
	w.commit("A", agentSource, fact("1", "jane"), user("1", "jane"))
	w.commit("A", "mdm", fact("1", "jane"), user("1", "jane"))
	w.commit("B", agentSource, fact("2", "john"), user("2", "john"))
	w.commit("C", agentSource, fact("3", "jane"), user("3", "jane"))
	w.commit("C", agentSource, report{store.KindPrincipalUser: nil}, user("", ""))
	w.commit("D", agentSource, fact("4", "jane"), user("4", "jane"))
	must(w.Archive(ctx, []string{"D"}))(t)
	find := func(want ...string) {
		t.Helper()
		if got := must(w.MachinesOfUsers(ctx, []string{"2", "jane"}, []string{"jane", "JOHN"}))(t); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	find("A", "B")

	// As it is after an upgrade: the rows are not there, and what a commit wrote since stays.
	w.exec("DELETE FROM head_principal_user")
	w.exec("INSERT INTO principal_user_backfill (after) VALUES (0)")
	w.commit("B", agentSource, fact("5", "jim"), user("5", "jim"))
	find()
	w.exec("DELETE FROM journal")
	read := 0
	for n := -1; n != 0; read += n {
		n = must(w.BackfillPrincipalUsers(ctx, 2))(t)
	}
	if heads := w.count("SELECT count(*) FROM head"); read != heads {
		t.Errorf("read %d heads, want %d", read, heads)
	}
	if n := w.count("SELECT count(DISTINCT machine) FROM journal WHERE what = 'machine'"); n != 3 { // A, B and D
		t.Errorf("the journal tells of %d machines that have users now, want 3", n)
	}
	find("A")
	if got := must(w.MachinesOfUsers(ctx, []string{"5"}, nil))(t); !slices.Equal(got, []string{"B"}) {
		t.Errorf("got %v, want B", got)
	}
	if n := w.count("SELECT count(*) FROM principal_user_backfill"); n != 0 {
		t.Error("the backfill does not end")
	}
}

func TestNobodyTagsMachinesIntoTheirReach(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	add := func(name string) []store.TagOperation {
		return []store.TagOperation{{Kind: store.AddTags, Names: []string{name}}}
	}
	must(w.TagMachines(ctx, []string{"S"}, add("theirs")))(t)
	must(w.TagMachines(ctx, []string{"T"}, add("mine")))(t)
	mine := must(w.TagIDs(ctx, []string{"mine"}))(t)
	tagger := as(ctx, auth.Grant{Permissions: auth.SetOf("inventory.add_machinetag")},
		auth.Grant{Permissions: auth.SetOf(auth.ReadInventory), Scope: auth.TaggedWith(mine...)})
	if _, err := w.TagMachines(tagger, []string{"S"}, add("mine")); !errors.Is(err, store.ErrBeyond) {
		t.Errorf("into reach: got %v, want %v", err, store.ErrBeyond)
	}
	if n := w.count("SELECT count(*) FROM machine_tag"); n != 2 {
		t.Errorf("%d tags of machines, want 2", n)
	}
	if got := must(w.TagMachines(tagger, []string{"S", "T"}, add("new")))(t); got.Added != 2 {
		t.Errorf("any other tag: got %d added, want 2", got.Added)
	}
}
