// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	versions "github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// agrees holds every answer of the index against PostgreSQL's.
func (a *aggregator) agrees(when string) {
	a.t.Helper()
	a.machinesAgree(when)
	a.softwareAgrees(when)
	a.countsAgree(when)
	a.withAgrees(when)
	a.censusAgrees(when)
}

// machinesAgree compares lists of machines, page by page. last_seen is compared elsewhere: no journal tells it.
func (a *aggregator) machinesAgree(when string) {
	a.t.Helper()
	for _, q := range []struct {
		text string
		same store.MachineFilter
	}{
		{"", store.MachineFilter{}},
		{"m-1", store.MachineFilter{Query: "m-1"}},
		{"HÖST", store.MachineFilter{Query: "HÖST"}},
		{"nothing", store.MachineFilter{Query: "nothing"}},
		{"platform:LINUX", store.MachineFilter{Platform: "LINUX"}},
		{"platform:WINDOWS", store.MachineFilter{Platform: "WINDOWS"}},
		{"source:alpha", store.MachineFilter{Source: "alpha"}},
		{"source:beta AND platform:LINUX", store.MachineFilter{Source: "beta", Platform: "LINUX"}},
		{"source:nobody", store.MachineFilter{Source: "nobody"}},
		{"", store.MachineFilter{After: "m-15"}},
	} {
		f := q.same
		f.Limit = 7
		for {
			want := must(a.store.ListMachines(a.t.Context(), f))(a.t)
			got := a.find(q.text, f.After, f.Limit)
			if a.differ(when, "machines", f, withoutLastSeen(got), withoutLastSeen(want)) || len(want) < f.Limit {
				break
			}
			f.After = want[len(want)-1].SerialNumber
		}
	}
}

// find returns a page of the machines for which a filter is true.
func (a *aggregator) find(text, after string, limit int) []store.Machine {
	a.t.Helper()
	question := Question{Filter: must(filter.Parse(text))(a.t), Now: time.Now(), After: after, Limit: limit}
	return must(a.Find(question))(a.t).Machines
}

func withoutLastSeen(machines []store.Machine) []store.Machine {
	for i := range machines {
		machines[i].LastSeen = time.Time{}
	}
	return machines
}

func (a *aggregator) softwareAgrees(when string) {
	a.t.Helper()
	for _, kind := range []string{"deb_packages", "python_packages", "rpm_packages"} {
		for _, query := range []string{"", "A-1", "zlib"} {
			f := store.SoftwareFilter{Kind: kind, Query: query, Limit: 9}
			if kind == "rpm_packages" { // of which there are many
				f.Limit = 700
			}
			for {
				want := must(a.store.SoftwareCounts(a.t.Context(), f))(a.t)
				got := must(a.Software(f))(a.t)
				if a.differ(when, "software", f, got, want) || len(want) < f.Limit {
					break
				}
				f.After = &want[len(want)-1]
			}
		}
	}
}

func (a *aggregator) countsAgree(when string) {
	a.t.Helper()
	stats := must(a.store.Stats(a.t.Context()))(a.t)
	want := Counts{OSVersions: stats.OSVersions, Heads: int(stats.Heads), Archived: int(stats.ArchivedHeads), Assets: int(stats.Assets)}
	got := must(a.Counts())(a.t)
	got.Assets = want.Assets // PostgreSQL's count has assets that nobody ever had
	a.differ(when, "counts", nil, got, want)
	a.differ(when, "statuses", nil, must(a.CheckStatuses())(a.t), must(a.store.StatusCounts(a.t.Context()))(a.t))
}

// withAgrees compares with what the sections of all live heads say.
func (a *aggregator) withAgrees(when string) {
	a.t.Helper()
	for _, w := range []Wanted{
		{Kind: "deb_packages", Name: "a-1"},
		{Kind: "deb_packages", Name: "a-1", LT: "1.10"},
		{Kind: "deb_packages", Name: "a-2", GE: "1.9", LE: "1.10"},
		{Kind: "deb_packages", Name: "a-3", GT: "1.9", Platform: "LINUX"},
		{Kind: "deb_packages", Name: "a-1", Version: "1.10", Source: "alpha"},
		{Kind: "python_packages", Name: "p-1", Type: "SERVER"},
		{Kind: "deb_packages", Name: "nobody has it"},
	} {
		want := a.scan(w)
		w.Limit = 1000
		found := must(a.With(w))(a.t)
		got := map[string][]string{}
		for _, holder := range found.Holders {
			got[holder.Machine.SerialNumber] = holder.Versions
		}
		a.differ(when, "with", w, got, want)
		sorted := slices.IsSortedFunc(found.Holders, func(x, y Holder) int { return cmp.Compare(x.Machine.SerialNumber, y.Machine.SerialNumber) })
		if found.Total != len(want) || !sorted {
			a.t.Errorf("%s: with %+v: total %d, want %d; sorted: %v", when, w, found.Total, len(want), sorted)
		}
		w.Limit = 2
		for page := must(a.With(w))(a.t); len(page.Holders) > 0; page = must(a.With(w))(a.t) {
			for _, holder := range page.Holders {
				delete(got, holder.Machine.SerialNumber)
			}
			w.After = page.Holders[len(page.Holders)-1].Machine.SerialNumber
		}
		if len(got) > 0 {
			a.t.Errorf("%s: with %+v: pages lack %v", when, w, got)
		}
	}
}

// scan answers With the slow way.
func (a *aggregator) scan(w Wanted) map[string][]string {
	a.t.Helper()
	facts := map[string]store.Machine{}
	for _, m := range must(a.store.ListMachines(a.t.Context(), store.MachineFilter{Limit: 1000}))(a.t) {
		facts[m.SerialNumber] = m
	}
	found := map[string][]string{}
	err := a.store.StreamHeads(a.t.Context(), store.StreamFilter{Kinds: []string{w.Kind}}, func(h store.FleetHead) error {
		m := facts[h.Serial]
		if h.Sections[w.Kind] == nil || w.Platform != "" && m.Platform != w.Platform || w.Type != "" && m.Type != w.Type ||
			w.Source != "" && h.Source.Name != w.Source {
			return nil
		}
		assets, err := a.store.BodiesOf(a.t.Context(), h.Sections[w.Kind].IDs)
		for _, asset := range assets {
			if asset.Name == w.Name && w.has(asset.Version) {
				found[h.Serial] = append(found[h.Serial], asset.Version)
			}
		}
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	for serial, list := range found {
		slices.Sort(list)
		found[serial] = slices.Compact(list)
	}
	return found
}

// has compares a version with the bounds once more.
func (w Wanted) has(version string) bool {
	order := func(bound string) int {
		n, err := versions.Compare(w.Kind, version, bound)
		if err != nil {
			return 99
		}
		return n
	}
	return (w.Version == "" || version == w.Version) && (w.LT == "" || order(w.LT) == -1) && (w.LE == "" || order(w.LE) <= 0) &&
		(w.GT == "" || order(w.GT) == 1) && (w.GE == "" || order(w.GE) == 0 || order(w.GE) == 1)
}

// differ fails the test when two answers do.
func (a *aggregator) differ(when, what string, question, got, want any) bool {
	a.t.Helper()
	if reflect.DeepEqual(got, want) || empty(got) && empty(want) {
		return false
	}
	a.t.Errorf("%s: %s %+v:\n got %+v\nwant %+v", when, what, question, got, want)
	return true
}

func empty(v any) bool {
	of := reflect.ValueOf(v)
	return (of.Kind() == reflect.Slice || of.Kind() == reflect.Map) && of.Len() == 0
}

// serials are the machines that an index knows.
func (a *aggregator) serials() []string {
	a.t.Helper()
	found := map[string]bool{}
	for _, m := range a.find("", "", 1000) {
		found[m.SerialNumber] = true
	}
	return slices.Sorted(maps.Keys(found))
}
