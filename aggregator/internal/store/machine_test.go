// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// fleet commits four machines, one of them archived and one seen by two sources.
func fleet(t *testing.T) *world {
	w := newWorld(t)
	disks := report{"disks": {`{"name":"sda","size":1}`}}
	w.commit("A1", agentSource, disks, summary(store.Summary{ComputerName: "Web-1", Platform: "LINUX", Type: "VM", OSVersion: "Debian 12"}))
	w.commit("B2", agentSource, disks, summary(store.Summary{Platform: "LINUX", OSVersion: "Debian 13"}))
	w.commit("B2", "jamf", disks, summary(store.Summary{ComputerName: "mac", Platform: "MACOS", Type: "LAPTOP", OSVersion: "macOS 26"}))
	w.commit("B2", "mdm", disks, summary(store.Summary{Platform: "MACOS"}))
	w.commit("C3", "jamf", disks, summary(store.Summary{ComputerName: "other", Platform: "MACOS"}))
	w.commit("D4", agentSource, disks, summary(store.Summary{ComputerName: "gone", Platform: "LINUX"}))
	must(w.Archive(t.Context(), []string{"D4"}))(t)
	must(w.EnsureMachine(t.Context(), "E5"))(t) // only mentioned
	return w
}

func TestListMachines(t *testing.T) {
	t.Parallel()
	w := fleet(t)
	tests := []struct {
		name   string
		filter store.MachineFilter
		want   []string
	}{
		{name: "all that are known", want: []string{"A1", "B2", "C3"}},
		{name: "part of a serial number", filter: store.MachineFilter{Query: "b"}, want: []string{"A1", "B2"}}, // Web-1 has one too
		{name: "part of a computer name", filter: store.MachineFilter{Query: "WEB"}, want: []string{"A1"}},
		{name: "a wildcard is a character", filter: store.MachineFilter{Query: "%"}},
		{name: "platform is what most sources say", filter: store.MachineFilter{Platform: "MACOS"}, want: []string{"B2", "C3"}},
		{name: "source", filter: store.MachineFilter{Source: "jamf"}, want: []string{"B2", "C3"}},
		{name: "unknown source", filter: store.MachineFilter{Source: "x"}},
		{name: "page", filter: store.MachineFilter{Limit: 1, After: "A1"}, want: []string{"B2"}},
		{name: "behind the last", filter: store.MachineFilter{After: "C3"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.filter.Limit == 0 {
				test.filter.Limit = 100
			}
			var got []string
			for _, m := range must(w.ListMachines(t.Context(), test.filter))(t) {
				got = append(got, m.SerialNumber)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMachineOfSeveralSources(t *testing.T) {
	t.Parallel()
	w, ctx := fleet(t), t.Context()
	m := must(w.ListMachines(ctx, store.MachineFilter{Limit: 1, After: "A1"}))(t)[0]
	if m.ComputerName != "mac" || m.Platform != "MACOS" || m.Type != "LAPTOP" || m.OSVersion != "Debian 13" || m.LastSeen.IsZero() {
		t.Errorf("got %+v", m)
	}
	var sources []string
	for _, source := range m.Sources {
		sources = append(sources, source.Name)
	}
	if want := []string{agentSource, "jamf", "mdm"}; !slices.Equal(sources, want) {
		t.Errorf("sources: got %v, want %v", sources, want)
	}
}

func TestMachineDetail(t *testing.T) {
	t.Parallel()
	w, ctx := fleet(t), t.Context()
	written := w.commit("A1", agentSource, report{"deb_packages": debs(1100), "certificates": {}})
	if err := w.PutVitals(ctx, written.Head, written.At, []byte(`{"uptime_seconds":1}`)); err != nil {
		t.Fatal(err)
	}
	d := must(w.Machine(ctx, "A1"))(t)
	if d.ComputerName != "Web-1" || len(d.Heads) != 1 || d.Heads[0].Seq != 2 || d.Heads[0].Vitals == nil || d.Heads[0].Health != nil {
		t.Fatalf("got %+v", d)
	}
	want := map[string]int{"certificates": 0, "deb_packages": 1100, "disks": 1}
	for _, s := range d.Heads[0].Sections {
		if n, ok := want[s.Kind]; !ok || n != s.Assets || s.Digest.IsZero() {
			t.Errorf("section: got %+v", s)
		}
		delete(want, s.Kind)
	}
	if len(want) > 0 {
		t.Errorf("sections missing: %v", want)
	}
	if d := must(w.Machine(ctx, "D4"))(t); d.Heads[0].ArchivedAt == nil || d.ComputerName != "gone" {
		t.Errorf("archived machine: got %+v", d)
	}
	if d := must(w.Machine(ctx, "E5"))(t); len(d.Heads) != 0 || d.SerialNumber != "E5" {
		t.Errorf("machine that was only mentioned: got %+v", d)
	}
	if _, err := w.Machine(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown machine: got %v", err)
	}
}

func TestFindHeadPrefersTheLiveOne(t *testing.T) {
	t.Parallel()
	w, ctx := fleet(t), t.Context()
	if h := must(w.FindHead(ctx, "B2", "jamf"))(t); h.Source.Name != "jamf" || h.Serial != "B2" || h.Seq != 1 {
		t.Errorf("by source: got %+v", h)
	}
	w.exec("UPDATE head SET archived_at = now() WHERE source = (SELECT id FROM source WHERE name = 'mdm')")
	if h := must(w.FindHead(ctx, "B2", ""))(t); h.Source.Name != "jamf" {
		t.Errorf("without a source: got %+v", h)
	}
	if h := must(w.FindHead(ctx, "D4", ""))(t); !h.Archived {
		t.Errorf("archived: got %+v", h)
	}
	for _, serial := range []string{"E5", "none"} {
		if _, err := w.FindHead(ctx, serial, ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: got %v", serial, err)
		}
	}
}

func TestStatsAgreeWithTheList(t *testing.T) {
	t.Parallel()
	w, ctx := fleet(t), t.Context()
	stats := must(w.Stats(ctx))(t)
	want := map[string]int64{}
	for _, m := range must(w.ListMachines(ctx, store.MachineFilter{Limit: 100}))(t) {
		want[m.Platform]++
	}
	for platform, n := range want {
		if stats.Platforms[platform] != n {
			t.Errorf("%s: got %d machines, want %d", platform, stats.Platforms[platform], n)
		}
	}
	if len(stats.Platforms) != len(want) || len(stats.OSVersions) != 3 {
		t.Errorf("got %v and %v", stats.Platforms, stats.OSVersions)
	}
	if stats.Heads != 5 || stats.ArchivedHeads != 1 || stats.PartitionsAhead != 2 || stats.JournalBytes == 0 || stats.DatabaseBytes == 0 {
		t.Errorf("got %+v", stats)
	}
}
