// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestSoftwareIsCountedByMachines(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	i386 := `{"arch":"i386","name":"libc6","version":"2"}`
	w.commit("A", agentSource, report{"deb_packages": {deb("bash", "5"), deb("libc6", "2"), i386}}) // two builds count once
	w.commit("A", "osquery", report{"deb_packages": {deb("bash", "5"), deb("zsh", "1")}})           // two sources count once
	w.commit("B", agentSource, report{"deb_packages": append(debs(1100), deb("bash", "5"), deb("bash", "6"))})
	w.commit("C", agentSource, report{"deb_packages": {deb("bash", "5"), deb("gone", "1")}})
	must(w.Archive(ctx, []string{"C"}))(t)
	for i := range 60 { // more than a batch
		w.commit(fmt.Sprintf("M%02d", i), agentSource, report{"deb_packages": {deb("zsh", "1")}})
	}
	bash5, bash6 := store.Software{Name: "bash", Version: "5", Machines: 2}, store.Software{Name: "bash", Version: "6", Machines: 1}
	libc, zsh := store.Software{Name: "libc6", Version: "2", Machines: 1}, store.Software{Name: "zsh", Version: "1", Machines: 61}
	tests := []struct {
		name   string
		filter store.SoftwareFilter
		want   []store.Software
	}{
		{name: "part of a name", filter: store.SoftwareFilter{Query: "BAS"}, want: []store.Software{bash5, bash6}},
		{name: "first page", filter: store.SoftwareFilter{Limit: 1}, want: []store.Software{bash5}},
		{name: "next page", filter: store.SoftwareFilter{Limit: 2, After: &bash5}, want: []store.Software{bash6, libc}},
		{name: "last page", filter: store.SoftwareFilter{After: &store.Software{Name: "package-9999"}}, want: []store.Software{zsh}},
		{name: "nobody has it any more", filter: store.SoftwareFilter{Query: "gone"}},
		{name: "another kind", filter: store.SoftwareFilter{Kind: "rpm_packages"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.filter.Kind == "" {
				test.filter.Kind = "deb_packages"
			}
			if test.filter.Limit == 0 {
				test.filter.Limit = 100
			}
			if got := must(w.SoftwareCounts(t.Context(), test.filter))(t); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestStreamIsSortedBySourceAndSerial(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	linux := summary(store.Summary{Platform: "LINUX", ComputerName: "pc"})
	var want []string
	for i := range 110 { // more than two batches
		serial := fmt.Sprintf("S%03d", 109-i)
		w.commit(serial, "Zed", report{"deb_packages": {deb("bash", "5")}, "disks": {`{"name":"sda","size":1}`}}, linux)
		want = append(want, "Zed/"+serial)
	}
	w.commit("S000", "alpha", report{"deb_packages": debs(1100), "install_times": {`{"bucket":"00","kind":"deb_packages","times":[1]}`}})
	w.commit("S999", "alpha", report{"disks": {}})
	must(w.Archive(ctx, []string{"S999"}))(t)
	want = append(want, "alpha/S000")
	slices.Sort(want)

	var got []string
	f := store.StreamFilter{Kinds: []string{"deb_packages", "install_times"}}
	err := w.StreamHeads(ctx, f, func(h store.FleetHead) error {
		got = append(got, h.Source.Name+"/"+h.Serial)
		if h.Sections["deb_packages"] == nil || h.Sections["disks"] != nil || h.LastSeen.IsZero() || h.Seq != 1 {
			t.Errorf("%s: got %+v", h.Serial, h)
		}
		if h.Source.Name == "alpha" && (len(h.Sections["deb_packages"].IDs) != 1100 || len(h.Sections["install_times"].Facts) != 1) {
			t.Errorf("alpha: got %+v", h.Sections)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}

	got = nil
	stop := errors.New("enough")
	f = store.StreamFilter{Source: "ZED", Platforms: []string{"LINUX"}}
	err = w.StreamHeads(ctx, f, func(h store.FleetHead) error {
		got = append(got, h.Serial)
		if h.Summary.ComputerName != "pc" || len(h.Sections) != 2 {
			t.Errorf("%s: got %+v", h.Serial, h)
		}
		return stop
	})
	if !errors.Is(err, stop) || !slices.Equal(got, []string{"S000"}) {
		t.Errorf("got %v, %v", got, err)
	}
	f.Platforms = []string{"MACOS"}
	if err := w.StreamHeads(ctx, f, func(store.FleetHead) error { return stop }); err != nil {
		t.Errorf("no head of that platform: got %v", err)
	}
}

func TestHeadsOfASourceWaitForCommitsUnderWay(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	w.commit("A", agentSource, report{"disks": {}})
	w.commit("B", "other", report{"disks": {}})
	tx := must(w.pool.Begin(ctx))(t)
	const insert = `INSERT INTO head (machine, source, root, seq, commits, first_at, changed_at, last_seen)
		SELECT $1, source, root, 1, 1, now(), now(), now() FROM head LIMIT 1`
	late := must(w.EnsureMachine(ctx, "LATE"))(t)
	if _, err := tx.Exec(ctx, insert, late); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- w.AwaitCommits(ctx) }()
	w.waitUntil("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_snapshot_xmin%' AND pid <> pg_backend_pid()")
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	sources := must(w.SourcesNamed(ctx, "ROLLCALL"))(t)
	var got []string
	for _, h := range must(w.HeadsToEvaluate(ctx, &store.HeadFilter{Sources: sources}, 0, 10))(t) {
		got = append(got, h.Serial)
	}
	if want := []string{"A", "LATE"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
