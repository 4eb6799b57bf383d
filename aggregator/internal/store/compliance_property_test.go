// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// anything does one thing after the other, at random, to a fleet of a few machines with two sources each.
type anything struct {
	*world
	random *rand.Rand
	checks []int64
	tag    int64
	heads  map[string]store.Written // by serial and source
	stamp  uint64
	done   []string
}

func TestOverallStatusesAreWhatTheStatusesMake(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			a := &anything{world: newWorld(t), random: rand.New(rand.NewPCG(seed, 7)), heads: map[string]store.Written{}} //nolint:gosec // repeatable
			must(a.TagMachines(t.Context(), []string{"A"}, []store.TagOperation{{Kind: store.AddTags, Names: []string{"web"}}}))(t)
			a.tag = must(a.Tags(t.Context()))(t)[0].ID
			for range 4 {
				a.addCheck()
			}
			for range 70 {
				a.step()
				computed := a.worst()
				stored, told := a.overall(), a.told()
				if !maps.Equal(stored, computed) || !maps.Equal(told, computed) {
					t.Fatalf("stored %v, the journal tells %v, want %v after\n%s", stored, told, computed, strings.Join(a.done, "\n"))
				}
			}
			if _, problems := a.fsck(); len(problems) > 0 {
				t.Errorf("fsck: %q", problems)
			}
		})
	}
}

func (a *anything) step() {
	a.t.Helper()
	ctx := a.t.Context()
	serial := string(rune('A' + a.random.IntN(3)))
	source := []string{agentSource, "other"}[a.random.IntN(2)]
	check := a.checks[a.random.IntN(len(a.checks))]
	var err error
	switch n := a.random.IntN(16); n {
	case 0, 1, 2, 3, 4:
		a.note("commit %s %s", serial, source)
		a.push(serial, source)
	case 5, 6:
		a.note("evaluate check %d for %s %s", check, serial, source)
		a.evaluate(check, serial, source)
	case 7:
		a.note("archive %s", serial)
		_, err = a.Archive(ctx, []string{serial})
	case 8:
		a.note("check-ins")
		err = a.checkIns()
	case 9:
		a.note("prune %s", serial)
		_, err = a.Prune(ctx, []string{serial})
		maps.DeleteFunc(a.heads, func(key string, _ store.Written) bool { return strings.HasPrefix(key, serial) })
	case 10, 11:
		a.note("waive check %d for %s", check, serial)
		_, err = a.CreateWaiver(ctx, store.Waiver{CheckID: check, SerialNumber: serial, Owner: "o", Reason: "r", ExpiresAt: tomorrow()})
		if _, refused := errors.AsType[compliance.FieldErrors](err); refused { // there is one, or no such machine
			err = nil
		}
	case 12:
		a.note("expire all waivers")
		a.expire()
	case 13:
		a.note("check %d is of another version", check)
		c := must(a.Check(ctx, check))(a.t)
		c.Expression += " "
		_, _, err = a.UpdateCheck(ctx, c)
		if err == nil && a.random.IntN(2) == 0 {
			err = a.DropOutdatedStatuses(ctx, check, c.Version+1)
		}
	case 14:
		a.note("tags of %s", serial)
		err = a.DropUntaggedStatuses(ctx, []int64{must(a.EnsureMachine(ctx, serial))(a.t)})
	case 15:
		a.note("check %d is deleted", check)
		err = a.DeleteCheck(ctx, check)
		a.checks = append(a.checks[:0:0], a.checks...)
		for i := range a.checks {
			if a.checks[i] == check {
				a.checks = append(a.checks[:i], a.checks[i+1:]...)
				break
			}
		}
		a.addCheck()
	}
	if err != nil {
		a.t.Fatalf("%v after\n%s", err, strings.Join(a.done, "\n"))
	}
}

func (a *anything) note(format string, args ...any) {
	a.done = append(a.done, fmt.Sprintf(format, args...))
}

// addCheck makes a check, one of two for machines that carry the tag.
func (a *anything) addCheck() {
	c := compliance.Check{Name: fmt.Sprint("check ", a.random.Uint64()), SourceName: agentSource, Expression: "a"}
	if len(a.checks)%2 == 1 {
		c.Tags = []int64{a.tag}
	}
	a.checks = append(a.checks, must(a.CreateCheck(a.t.Context(), c))(a.t).ID)
}

// push commits another snapshot, or the same again, with results of some checks; the others' may be cleared.
func (a *anything) push(serial, source string) {
	a.stamp++
	a.heads[serial+source] = a.commit(serial, source, size(a.random.IntN(3)), stamped(instanceA, a.stamp), func(c *store.Commit) {
		if c.State.ID != 0 && len(c.Kinds) == 0 {
			return // nothing is evaluated
		}
		for _, id := range a.checks {
			switch a.random.IntN(4) {
			case 0:
				c.Cleared = append(c.Cleared, id)
			case 1, 2:
				c.Statuses = append(c.Statuses, a.result(id))
			}
		}
	})
}

func (a *anything) result(check int64) store.Status {
	all := []compliance.Status{compliance.StatusOK, compliance.StatusOK, compliance.StatusUnknown, compliance.StatusFailed}
	version := must(a.Check(a.t.Context(), check))(a.t).Version
	return store.Status{CheckID: check, CheckVersion: version, Status: all[a.random.IntN(len(all))]}
}

func (a *anything) evaluate(check int64, serial, source string) {
	head, ok := a.heads[serial+source]
	if !ok {
		return
	}
	s := a.result(check)
	s.Machine, s.Head, s.HeadSeq = must(a.EnsureMachine(a.t.Context(), serial))(a.t), head.Head, head.Seq
	must(a.PutHeadStatuses(a.t.Context(), []store.Status{s}))(a.t)
}

// checkIns revives every head that is archived.
func (a *anything) checkIns() error {
	for _, head := range a.heads {
		a.stamp++
		_, err := a.TouchHead(a.t.Context(), store.CheckIn{Head: head.Head, Root: a.root(head.Head), Instance: instanceA, Counter: a.stamp})
		if err != nil {
			return err
		}
	}
	return nil
}
