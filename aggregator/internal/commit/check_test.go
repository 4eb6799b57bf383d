// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// check stores a check on what the test's agents report.
func (w *world) check(name, expression string, scope ...func(*compliance.Check)) compliance.Check {
	w.t.Helper()
	c := compliance.Check{Name: name, SourceName: "Rollcall", Expression: expression}
	for _, f := range scope {
		f(&c)
	}
	return must(w.store.CreateCheck(w.t.Context(), c))(w.t)
}

// status is a stored status and the change that it was computed at.
type status struct {
	Status compliance.Status
	Seq    int64
}

func (w *world) statuses() map[string]status {
	w.t.Helper()
	rows := must(w.pool.Query(w.t.Context(), `SELECT c.name, s.status, s.head_seq FROM check_status s JOIN jmespath_check c ON c.id = s.check_id`))(w.t)
	out := map[string]status{}
	for rows.Next() {
		var name string
		var s status
		if err := rows.Scan(&name, &s.Status, &s.Seq); err != nil {
			w.t.Fatal(err)
		}
		out[name] = s
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) hasStatuses(step string, want map[string]status) {
	w.t.Helper()
	if got := w.statuses(); !maps.Equal(got, want) {
		w.t.Errorf("%s: got %v, want %v", step, got, want)
	}
}

const (
	ok      = compliance.StatusOK
	failed  = compliance.StatusFailed
	unknown = compliance.StatusUnknown
)

func TestOnlyAffectedChecksAreEvaluatedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check("bash", "length(deb_packages[?name=='bash']) > `0`")
	w.check("disks", "length(disks) == `1`")
	w.check("platform", "platform == 'LINUX'")
	w.check("address", "public_ip_address == '192.0.2.1'")
	w.check("all", "length(keys(@)) > `0`")
	w.check("odd", "deb_packages[0].name")
	a := w.agent("S1")
	a.added.PublicIP = "192.0.2.1"
	a.becomes(linux())
	w.hasStatuses("first", map[string]status{
		"bash": {ok, 1}, "disks": {ok, 1}, "platform": {ok, 1}, "address": {ok, 1}, "all": {ok, 1}, "odd": {unknown, 1},
	})
	a.becomes(linux())
	w.hasStatuses("unchanged", map[string]status{
		"bash": {ok, 1}, "disks": {ok, 1}, "platform": {ok, 1}, "address": {ok, 1}, "all": {ok, 1}, "odd": {unknown, 1},
	})
	a.becomes(linux().with(facts{"deb_packages": {deb("curl", "8.0")}}))
	w.hasStatuses("packages", map[string]status{
		"bash": {failed, 2}, "disks": {ok, 1}, "platform": {ok, 1}, "address": {ok, 1}, "all": {ok, 2}, "odd": {unknown, 2},
	})
	a.added.PublicIP = "192.0.2.9"
	a.becomes(a.now)
	w.hasStatuses("address", map[string]status{
		"bash": {failed, 2}, "disks": {ok, 1}, "platform": {ok, 1}, "address": {failed, 3}, "all": {ok, 3}, "odd": {unknown, 2},
	})
	w.check("later", "length(disks) == `1`")
	a.becomes(a.now.with(facts{"disks": {}}))
	w.hasStatuses("disks", map[string]status{
		"bash": {failed, 2}, "disks": {unknown, 4}, "platform": {ok, 1}, "address": {failed, 3}, "all": {ok, 4}, "odd": {unknown, 2},
		"later": {unknown, 4},
	})
}

// Install times travel in a section of their own, but a check finds them in the rows.
func TestAnInstallTimeChangesTheRowsThatItBelongsTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check("fresh", "deb_packages[0].install_time == '2026-03-01T12:30:00'")
	w.check("other", "length(rpm_packages || `[]`) == `0`")
	a := w.agent("S1")
	at := func(seconds int64) facts {
		pkg := snapshot.NewSection("deb_packages", [][]byte{[]byte(deb("bash", "5.2"))})
		return facts{
			"deb_packages":            {deb("bash", "5.2")},
			snapshot.KindInstallTimes: {fmt.Sprintf(`{"bucket":"%02x","kind":"deb_packages","times":[%d]}`, pkg.Assets[0].Digest[0], seconds)},
		}
	}
	a.becomes(at(1))
	w.hasStatuses("another time", map[string]status{"fresh": {failed, 1}, "other": {ok, 1}})
	a.becomes(at(1772368200))
	w.hasStatuses("the time", map[string]status{"fresh": {ok, 2}, "other": {ok, 1}})
}

func TestChecksApplyByPlatformAndTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec("INSERT INTO tag (name) VALUES ('mine'), ('other')")
	w.exec("INSERT INTO machine_tag (machine, tag) SELECT $1, id FROM tag WHERE name = 'mine'", w.agent("S1").machine)
	tag := func(name string) int64 { return value[int64](w, "SELECT id FROM tag WHERE name = $1", name) }
	const expression = "length(disks) == `1`"
	w.check("everywhere", expression)
	w.check("linux", expression, func(c *compliance.Check) { c.Platforms = []string{"LINUX"} })
	w.check("macos", expression, func(c *compliance.Check) { c.Platforms = []string{"MACOS", "IOS"} })
	w.check("tagged", expression, func(c *compliance.Check) { c.Tags = []int64{tag("mine"), tag("other")} })
	w.check("tagged otherwise", expression, func(c *compliance.Check) { c.Tags = []int64{tag("other")} })
	w.check("other source", expression, func(c *compliance.Check) { c.SourceName = "osquery" })
	a := w.agent("S1")
	a.becomes(linux())
	w.hasStatuses("linux", map[string]status{"everywhere": {ok, 1}, "linux": {ok, 1}, "tagged": {ok, 1}})
	a.becomes(linux().with(facts{"os_version": {`{"name":"macOS"}`}}))
	w.hasStatuses("macos", map[string]status{"everywhere": {ok, 2}, "macos": {ok, 2}, "tagged": {ok, 2}})
	a.becomes(linux().without("os_version"))
	w.hasStatuses("no platform", map[string]status{"everywhere": {ok, 3}, "tagged": {ok, 3}})
}

func TestANewCheckIsEvaluatedOnTheFleet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.agent("S1"), w.agent("S2")
	a.becomes(linux())
	b.becomes(linux().with(facts{"disks": {}}))
	a.becomes(linux().with(facts{"users": {}}))
	must(w.Submit(t.Context(), w.tree(`{"source":{"module":"test","name":"other"},"serial_number":"S3"}`)))(t)
	check := w.check("disks", "length(disks || `[]`) == `1`")
	if err := w.EvaluateCheck(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	stored := must(w.store.ListStatuses(t.Context(), check.ID, "", 10))(t)
	if len(stored) != 2 || stored[0].Status != ok || stored[1].Status != failed {
		t.Errorf("got %+v", stored)
	}
	if err := w.EvaluateCheck(t.Context(), compliance.Check{Expression: "deb_packages["}); err == nil {
		t.Error("an invalid expression: got no error")
	}
}

// Commits and the evaluation of a new check race; whoever comes last, every status belongs to the final tree.
func TestAnEvaluationThatRacesPushesLeavesNoOldStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const machines, rounds = 3, 10
	states := []facts{linux(), linux().with(facts{"disks": {}})}
	var pushes sync.WaitGroup
	agents := make([]*agent, machines)
	committers := []*commit.Committer{w.Committer, w.second(), w.second()}
	errs := make(chan error, machines)
	for i := range agents {
		agents[i] = w.agent(fmt.Sprint("S", i))
	}
	for i, a := range agents {
		pushes.Go(func() {
			for n := range rounds + i {
				to := states[(n+i)%2]
				if _, err := committers[i].Push(context.WithoutCancel(t.Context()), a.whole(to)); err != nil {
					errs <- err
					return
				}
				a.now = to
			}
		})
	}
	var names []string
	for i := range 4 {
		name := fmt.Sprint("check ", i)
		names = append(names, name)
		check := w.check(name, "length(disks || `[]`) == `1`")
		if err := w.EvaluateCheck(t.Context(), check); err != nil {
			t.Fatal(err)
		}
	}
	pushes.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	for _, a := range agents {
		want := ok
		if len(a.now["disks"]) == 0 {
			want = failed
		}
		got := value[[]string](w, `SELECT array_agg(c.name || ' ' || s.status ORDER BY c.name) FROM check_status s
			JOIN jmespath_check c ON c.id = s.check_id WHERE s.machine = $1`, a.machine)
		var all []string
		for _, name := range names {
			all = append(all, fmt.Sprint(name, " ", int(want)))
		}
		if !slices.Equal(got, all) {
			t.Errorf("%s: got %v, want %v", a.serial, got, all)
		}
	}
	w.fsck()
}

func TestACheckThatDoesNotCompileStopsNoCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check("broken", "disks")
	w.check("fine", "length(disks) == `1`")
	w.exec("UPDATE jmespath_check SET jmespath_expression = 'disks[' WHERE name = 'broken'")
	w.exec("UPDATE check_generation SET generation = generation + 1")
	w.agent("S1").becomes(linux())
	w.hasStatuses("first", map[string]status{"fine": {ok, 1}})
}
