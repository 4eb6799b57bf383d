// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestAMachineIsPendingWhereItIsInScopeAndNotEvaluated(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	must(w.TagMachines(ctx, []string{"S", "T"}, []store.TagOperation{{Kind: store.AddTags, Names: []string{"web"}}}))(t)
	must(w.TagMachines(ctx, []string{"T"}, []store.TagOperation{{Kind: store.AddTags, Names: []string{"db"}}}))(t)
	tags := map[string]int64{}
	for _, tag := range must(w.Tags(ctx))(t) {
		tags[tag.Name] = tag.ID
	}
	ids := map[string]int64{}
	for _, c := range []compliance.Check{
		{Name: "evaluated"},
		{Name: "former version"},
		{Name: "another case", SourceName: "ROLLCALL"},
		{Name: "platform", Platforms: []string{"MACOS", "LINUX"}},
		{Name: "tag", Tags: []int64{tags["db"], tags["web"]}},
		{Name: "another source", SourceName: "munki"},
		{Name: "another platform", Platforms: []string{"MACOS"}},
		{Name: "another tag", Tags: []int64{tags["db"]}},
		{Name: "archived head", SourceName: "gone"},
	} {
		c.Expression = "a"
		if c.SourceName == "" {
			c.SourceName = agentSource
		}
		ids[c.Name] = must(w.CreateCheck(ctx, c))(t).ID
	}
	w.commit("S", "gone", size(1))
	w.exec("UPDATE head SET archived_at = now()")
	w.commit("S", agentSource, size(1), summary(store.Summary{Platform: "LINUX"}),
		statuses(result(ids["evaluated"], compliance.StatusFailed), result(ids["former version"], compliance.StatusFailed)))
	w.exec("UPDATE jmespath_check SET version = 2 WHERE id = $1", ids["former version"])
	w.waive(ids["evaluated"], "S")
	machine := must(w.EnsureMachine(ctx, "S"))(t)

	var got []string
	for after := int64(0); ; {
		page := must(w.MachineStatuses(ctx, machine, after, 2))(t)
		for _, s := range page {
			got = append(got, fmt.Sprint(s.CheckName, ": ", s.Status))
			after = s.CheckID
			if waived := s.CheckName == "evaluated"; (s.Waiver != nil) != waived || waived && s.Waiver.Owner != "o" {
				t.Errorf("%s: waiver %+v", s.CheckName, s.Waiver)
			}
			if pending := s.Status == compliance.StatusPending; pending != (s.Since == nil) || pending != (s.At == nil) {
				t.Errorf("%s: since %v, at %v", s.CheckName, s.Since, s.At)
			}
			if former := s.CheckName == "former version"; former && (s.Version == nil || *s.Version != 1 || s.Previous == nil) {
				t.Errorf("%s: version %v, previous %v", s.CheckName, s.Version, s.Previous)
			}
			if s.Severity != "medium" || s.SerialNumber != "S" {
				t.Errorf("got %+v", s)
			}
		}
		if len(page) < 2 {
			break
		}
	}
	want := []string{"evaluated: FAILED", "former version: PENDING", "another case: PENDING", "platform: PENDING", "tag: PENDING"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	listed := must(w.ListStatuses(ctx, ids["evaluated"], "", 10))(t)
	if len(listed) != 1 || listed[0].Waiver == nil || listed[0].Waiver.Reason != "r" {
		t.Errorf("list of the check: got %+v", listed)
	}
	must(w.Archive(ctx, []string{"S"}))(t)
	if left := must(w.MachineStatuses(ctx, machine, 0, 10))(t); len(left) > 0 {
		t.Errorf("archived: got %+v", left)
	}
}

func TestFsckFindsAnOverallStatusThatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check := w.check("c").ID
	for _, serial := range []string{"A", "B", "C", "D"} {
		w.commit(serial, agentSource, size(1), statuses(result(check, compliance.StatusFailed)))
	}
	w.waive(check, "D")
	w.exec("UPDATE waiver SET expires_at = now()") // nobody has noticed
	if _, problems := w.fsck(); len(problems) > 0 {
		t.Fatalf("sound: %q", problems)
	}
	w.exec("UPDATE machine_compliance SET status = 0 WHERE machine = (SELECT id FROM machine WHERE serial_number = 'A')")
	w.exec("DELETE FROM machine_compliance WHERE machine = (SELECT id FROM machine WHERE serial_number = 'B')")
	_, problems := w.fsck()
	want := []string{
		"overall status of machine A: OK, its statuses make FAILED",
		"overall status of machine B: none, its statuses make FAILED",
	}
	if !slices.Equal(problems, want) {
		t.Errorf("got %q, want %q", problems, want)
	}
}

func TestMachinesOfTheOldSchemaGetTheirOverallStatus(t *testing.T) {
	t.Parallel()
	conn := upgraded(t, "0013", `
INSERT INTO source (module, name) VALUES ('a', 'a'), ('b', 'b');
INSERT INTO machine (serial_number) VALUES ('bad'), ('half archived'), ('archived'), ('not evaluated');
INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen, archived_at)
SELECT m, s, decode(repeat('00', 32), 'hex'), 1, 1, now(), now(), now(), CASE WHEN m = 3 OR m = 2 AND s = 2 THEN now() END
FROM generate_series(1, 4) m, generate_series(1, 2) s;
INSERT INTO jmespath_check (name, source_name, jmespath_expression) VALUES ('one', 'a', 'a'), ('two', 'b', 'a');
INSERT INTO check_status (check_id, machine, head, check_version, head_seq, status)
SELECT source, machine, id, 1, 1, CASE source WHEN 1 THEN 200 ELSE 300 END FROM head WHERE machine < 4`)
	const now = `SELECT string_agg(m.serial_number || ' ' || c.status, ', ' ORDER BY m.id) FROM machine_compliance c JOIN machine m ON m.id = c.machine`
	var got string
	if err := conn.QueryRow(t.Context(), now).Scan(&got); err != nil || got != "bad 300, half archived 200" {
		t.Errorf("got %q, %v", got, err)
	}
}
