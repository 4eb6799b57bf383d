// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestMachinesWithoutAResultOfTheCurrentVersionArePending(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c")
	w.commit("S1", agentSource, report{"disks": {}}, statuses(store.Status{CheckID: check.ID, CheckVersion: 1, Status: compliance.StatusFailed}))
	w.commit("S2", agentSource, report{"disks": {}})
	w.commit("S3", agentSource, report{"disks": {}})
	must(w.Archive(ctx, []string{"S3"}))(t)
	list := func(f store.CheckMachineFilter) []store.CheckMachine {
		t.Helper()
		return must(w.CheckMachines(ctx, check.ID, f, "", 10))(t)
	}
	got := list(store.CheckMachineFilter{})
	if len(got) != 2 || got[0].Status != compliance.StatusFailed || got[0].Since == nil || got[0].At == nil || *got[0].Version != 1 ||
		got[1].Status != compliance.StatusPending || got[1].Previous != nil || got[1].Version != nil || got[1].Since != nil || got[1].At != nil {
		t.Errorf("got %+v", got)
	}
	pending := compliance.StatusPending
	if got := list(store.CheckMachineFilter{Status: &pending}); len(got) != 1 || got[0].SerialNumber != "S2" {
		t.Errorf("got %+v", got)
	}
	if got := must(w.CheckMachines(ctx, check.ID, store.CheckMachineFilter{}, "S1", 1))(t); len(got) != 1 || got[0].SerialNumber != "S2" {
		t.Errorf("behind S1: got %+v", got)
	}
	check.Expression = "other"
	if _, _, err := w.UpdateCheck(ctx, check); err != nil {
		t.Fatal(err)
	}
	got = list(store.CheckMachineFilter{Status: &pending})
	if len(got) != 2 || *got[0].Previous != compliance.StatusFailed || *got[0].Version != 1 || got[0].Since != nil {
		t.Errorf("after another version: got %+v", got)
	}
	check.Platforms = []string{"MACOS"}
	if _, _, err := w.UpdateCheck(ctx, check); err != nil {
		t.Fatal(err)
	}
	if got := list(store.CheckMachineFilter{}); len(got) != 0 {
		t.Errorf("of another platform: got %+v", got)
	}
}

// Statuses that few machines have are read in another way than the others.
func TestAStatusFindsTheSameMachinesEitherWay(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	check := w.check("c").ID
	all := []compliance.Status{compliance.StatusOK, compliance.StatusUnknown, compliance.StatusFailed}
	for i := range 12 {
		serial := fmt.Sprintf("S%02d", i)
		w.commit(serial, agentSource, report{"disks": {}}, statuses(result(check, all[i%3])))
		if i%4 == 0 {
			w.waive(check, serial)
		}
	}
	must(w.Archive(ctx, []string{"S01", "S02"}))(t)
	w.exec("UPDATE check_status SET check_version = 9 WHERE machine IN (SELECT id FROM machine WHERE serial_number IN ('S04', 'S05'))")
	yes, no := true, false
	for _, status := range all {
		for _, waived := range []*bool{nil, &yes, &no} {
			got := must(w.CheckMachines(ctx, check, store.CheckMachineFilter{Status: &status, Waived: waived}, "S03", 3))(t)
			want := slices.DeleteFunc(must(w.CheckMachines(ctx, check, store.CheckMachineFilter{}, "S03", 100))(t), func(m store.CheckMachine) bool {
				return m.Status != status || waived != nil && (m.Waiver != nil) != *waived
			})
			if want = want[:min(3, len(want))]; !reflect.DeepEqual(got, want) {
				t.Errorf("%v, waived %v: got %+v, want %+v", status, waived, got, want)
			}
		}
	}
}

func TestDefinitionsOfVersionsAreKept(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	tag := must(w.CreateTag(ctx, store.Tag{Name: "Blue", Color: "0079bf"}))(t)
	check := must(w.CreateCheck(ctx, compliance.Check{
		Name: "a", SourceName: "s", Expression: "x", Tags: []int64{tag.ID}, Severity: "low", Labels: []string{"CIS 1"},
	}))(t)
	change := func(c compliance.Check) {
		t.Helper()
		if _, _, err := w.UpdateCheck(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	check.Name = "b" // no new version
	change(check)
	check.Name, check.Expression, check.Severity = "c", "y", "high"
	change(check)
	if _, err := w.DeleteTag(ctx, tag.ID); err != nil { // raises the version
		t.Fatal(err)
	}
	keys := []store.CheckKey{{CheckID: check.ID, Version: 1}, {CheckID: check.ID, Version: 2}, {CheckID: check.ID, Version: 3}, {CheckID: check.ID, Version: 4}}
	got := must(w.CheckDefinitions(ctx, keys))(t)
	for i, want := range []struct {
		name, severity, expression string
		tags                       int
	}{{"b", "low", "x", 1}, {"c", "high", "y", 1}, {"c", "high", "y", 0}} {
		d := got[keys[i]]
		if d.Name != want.name || d.Severity != want.severity || d.Expression != want.expression || len(d.Tags) != want.tags || d.ComplianceCheckID != check.ComplianceCheckID {
			t.Errorf("version %d: got %+v", i+1, d)
		}
	}
	if len(got) != 3 || got[keys[0]].Tags[0].Name != "Blue" || got[keys[0]].Labels[0] != "CIS 1" {
		t.Errorf("got %+v", got)
	}
	if err := w.DeleteCheck(ctx, check.ID); err != nil {
		t.Fatal(err)
	}
	if got := must(w.CheckDefinitions(ctx, keys))(t); len(got) != 3 {
		t.Errorf("definitions went with the check: %+v", got)
	}
	if n := must(w.ForgetDefinitions(ctx, 30, 10))(t); n != 0 {
		t.Errorf("%d were forgotten on the same day", n)
	}
	w.exec("UPDATE check_definition SET deleted_at = now() - interval '31 days'")
	if n := must(w.ForgetDefinitions(ctx, 30, 2))(t); n != 2 {
		t.Errorf("%d were forgotten, want a batch of 2", n)
	}
}
