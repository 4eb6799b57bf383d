// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Tags go while checks begin to name them and machines get them: what comes too late is refused, and nothing names a tag
// that is gone in the end.
func TestTagsMayBeDeletedWhileTheyAreUsed(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	const workers, rounds = 4, 12
	machine := must(w.EnsureMachine(ctx, "S"))(t)
	check := w.check("shared")
	var group errgroup.Group
	for n := range workers {
		group.Go(func() error {
			for round := range rounds {
				taxonomy, err := w.CreateTaxonomy(ctx, store.Taxonomy{Name: fmt.Sprintf("taxonomy %d %d", n, round)})
				if err != nil {
					return err
				}
				tag, err := w.CreateTag(ctx, store.Tag{Name: fmt.Sprintf("tag %d %d", n, round), Color: "000000", Taxonomy: &taxonomy.ID})
				if err != nil {
					return err
				}
				if err := w.useAndDelete(ctx, machine, check, tag); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for what, sql := range map[string]string{
		"tags":     "SELECT count(*) FROM tag",
		"machines": "SELECT count(*) FROM machine_tag",
		"checks":   "SELECT count(*) FROM jmespath_check WHERE tags <> '{}'",
	} {
		if left := w.count(sql); left != 0 {
			t.Errorf("%d %s are left with a tag", left, what)
		}
	}
}

// useAndDelete deletes the taxonomy of a tag while a machine gets the tag, a check is made for it, and one that others
// change as well is limited to it.
func (w *world) useAndDelete(ctx context.Context, machine int64, shared compliance.Check, tag store.Tag) error {
	var group errgroup.Group
	group.Go(func() error {
		_, err := w.pool.Exec(ctx, "INSERT INTO machine_tag (machine, tag) SELECT $1, id FROM tag WHERE id = $2 FOR KEY SHARE", machine, tag.ID)
		return err
	})
	group.Go(func() error {
		_, err := w.CreateCheck(ctx, compliance.Check{Name: tag.Name, SourceName: "s", Expression: "ok", Tags: []int64{tag.ID}})
		return tooLate(err)
	})
	group.Go(func() error {
		shared.Tags = []int64{tag.ID}
		_, _, err := w.UpdateCheck(ctx, shared)
		return tooLate(err)
	})
	group.Go(func() error {
		_, err := w.DeleteTaxonomy(ctx, *tag.Taxonomy)
		return err
	})
	return group.Wait()
}

// tooLate drops the refusal of a check whose tag is gone.
func tooLate(err error) error {
	if _, refused := errors.AsType[compliance.FieldErrors](err); refused {
		return nil
	}
	return err
}

// Whoever takes the tag off machines meanwhile may have begun at the other end. A third makes sure that it is the
// deletion which closes the circle, and so is ended.
func TestATagIsDeletedAlsoWhenPostgreSQLEndsADeadlock(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	tag := must(w.CreateTag(ctx, store.Tag{Name: "t", Color: "000000"}))(t)
	var machines [3]int64
	for i := range machines { // as they are met
		machines[i] = must(w.EnsureMachine(ctx, fmt.Sprint("S", i)))(t)
		w.exec("INSERT INTO machine_tag (machine, tag) VALUES ($1, $2)", machines[i], tag.ID)
	}
	begin := func(holds int64) (untag func(int64) error, end func()) {
		tx := must(w.pool.Begin(ctx))(t)
		untag = func(machine int64) error {
			_, err := tx.Exec(ctx, "DELETE FROM machine_tag WHERE machine = $1", machine)
			return err
		}
		if _, err := tx.Exec(ctx, "SET LOCAL deadlock_timeout = '1h'"); err != nil {
			t.Fatal(err)
		}
		if err := untag(holds); err != nil {
			t.Fatal(err)
		}
		return untag, func() { _ = tx.Rollback(context.WithoutCancel(ctx)) } // of no use the second time
	}
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%DELETE FROM machine_tag WHERE "
	untag, end := begin(machines[2])
	defer end()
	_, letGo := begin(machines[1])
	defer letGo()
	var group errgroup.Group
	group.Go(func() error {
		_, err := w.DeleteTag(ctx, tag.ID)
		return err
	})
	w.waitUntil(waiting + "tag%'")
	group.Go(func() error {
		defer end()
		return untag(machines[0])
	})
	w.waitUntil(waiting + "machine = $1'")
	letGo()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if left := w.count("SELECT count(*) FROM tag"); left != 0 {
		t.Errorf("%d tags are left", left)
	}
}

func TestATaxonomyThatIsDeletedWhileATagComesIntoItIsMadeAgain(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	gone := must(w.CreateTaxonomy(ctx, store.Taxonomy{Name: "T"}))(t)
	tx := must(w.pool.Begin(ctx))(t)
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing to do after Commit
	if _, err := tx.Exec(ctx, "DELETE FROM taxonomy WHERE id = $1", gone.ID); err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error {
		_, err := w.TagMachines(ctx, []string{"S"}, []store.TagOperation{{Kind: store.SetTags, Taxonomy: "T", Names: []string{"t"}}})
		return err
	})
	w.waitUntil("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO tag%'")
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if tagged := w.count("SELECT count(*) FROM machine_tag m JOIN tag g ON g.id = m.tag JOIN taxonomy x ON x.id = g.taxonomy WHERE x.name = 'T'"); tagged != 1 {
		t.Errorf("got %d tags in the taxonomy on machines, want 1", tagged)
	}
}
