// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"fmt"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// censusKinds are counted in every way that there is.
var censusKinds = map[string][]string{"deb_packages": {"a-1", "a-2", "a-7"}, "python_packages": {"p-0", "p-1"}}

// censusAgrees compares a census with what is counted in the trees and rows of the store. An index that runs by itself may
// not have heard when machines were seen: there the ages are left out.
func (a *aggregator) censusAgrees(when string) {
	a.t.Helper()
	if a.byHand {
		if err := a.seen(a.t.Context(), a.current(), true); err != nil {
			a.t.Fatal(err)
		}
	}
	now := time.Now()
	c := must(a.Census(now))(a.t)
	sources := must(c.Sources([]string{"ALPHA", "gamma"}))(a.t)
	n := a.countedNaively(sources, now)
	for kind, names := range censusKinds {
		rows := must(c.Versions(kind, names, sources, true))(a.t)
		a.sameCounts(when, kind+" by machine", rows, n.versions[kind], func(r Counted) []any { return []any{r.Source.ID, r.Name, r.Version, r.Type} })
		rows = must(c.Instances(kind, names, sources))(a.t)
		a.sameCounts(when, kind, rows, n.instances[kind], func(r Counted) []any { return []any{r.Source.ID, r.Name, r.Version} })
	}
	rows := must(c.Active(sources))(a.t)
	a.sameCounts(when, "active", rows, n.active, func(r Counted) []any { return []any{r.Source.ID, r.Platform, r.Type} })
	rows = must(c.Assets(n.ids, sources, true))(a.t)
	a.sameCounts(when, "assets", rows, n.assets, func(r Counted) []any { return []any{r.Source.ID, r.Asset, r.Platform} })
	a.tagsAgree(when, c)
	a.checksAgree(when, c)
}

// naiveCensus counts by what fmt makes of the labels.
type naiveCensus struct {
	versions, instances map[string]map[string]Ages
	active, assets      map[string]Ages
	ids                 []int64
}

// countedNaively reads the tree of every live head.
func (a *aggregator) countedNaively(sources []store.Source, now time.Time) naiveCensus {
	a.t.Helper()
	n := naiveCensus{map[string]map[string]Ages{}, map[string]map[string]Ages{}, map[string]Ages{}, map[string]Ages{}, nil}
	wanted := map[int32]bool{}
	for _, s := range sources {
		wanted[s.ID] = true
	}
	known := map[int64]bool{}
	count := func(of map[string]Ages, seen time.Time, labels ...any) {
		ages := of[fmt.Sprintln(labels...)]
		for i, days := range []float64{1, 7, 14, 30, 45, 90} {
			if now.Sub(seen).Hours()/24 < days {
				ages[i]++
			}
		}
		ages[6]++
		of[fmt.Sprintln(labels...)] = ages
	}
	err := a.store.StreamHeads(a.t.Context(), store.StreamFilter{}, func(h store.FleetHead) error {
		if !wanted[h.Source.ID] {
			return nil
		}
		count(n.active, h.LastSeen, h.Source.ID, h.Summary.Platform, h.Summary.Type)
		for kind, names := range censusKinds {
			if n.versions[kind] == nil {
				n.versions[kind], n.instances[kind] = map[string]Ages{}, map[string]Ages{}
			}
			if h.Sections[kind] == nil {
				continue
			}
			assets, err := a.store.BodiesOf(a.t.Context(), h.Sections[kind].IDs)
			if err != nil {
				return err
			}
			once := map[string]bool{}
			for id, asset := range assets {
				if !known[id] && len(n.ids) < 20 {
					known[id], n.ids = true, append(n.ids, id)
				}
				for _, name := range names {
					if asset.Name != name {
						continue
					}
					count(n.instances[kind], h.LastSeen, h.Source.ID, name, asset.Version)
					if version := name + " " + asset.Version; !once[version] {
						once[version] = true
						count(n.versions[kind], h.LastSeen, h.Source.ID, name, asset.Version, h.Summary.Type)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.countAssets(&n, wanted, count)
	return n
}

// countAssets counts the chosen assets once they are known.
func (a *aggregator) countAssets(n *naiveCensus, wanted map[int32]bool, count func(map[string]Ages, time.Time, ...any)) {
	a.t.Helper()
	chosen := map[int64]bool{}
	for _, id := range n.ids {
		chosen[id] = true
	}
	err := a.store.StreamHeads(a.t.Context(), store.StreamFilter{}, func(h store.FleetHead) error {
		for kind := range censusKinds {
			if !wanted[h.Source.ID] || h.Sections[kind] == nil {
				continue
			}
			for _, id := range h.Sections[kind].IDs {
				if chosen[id] {
					count(n.assets, h.LastSeen, h.Source.ID, id, h.Summary.Platform)
				}
			}
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *aggregator) sameCounts(when, what string, rows []Counted, want map[string]Ages, labels func(Counted) []any) {
	a.t.Helper()
	got := map[string]Ages{}
	for _, r := range rows {
		key := fmt.Sprintln(labels(r)...)
		if _, twice := got[key]; twice {
			a.t.Errorf("%s: %s: %s comes twice", when, what, key)
		}
		got[key] = r.Ages
	}
	if !a.byHand {
		for _, of := range []map[string]Ages{got, want} {
			for key, ages := range of {
				of[key] = Ages{len(ageDays): ages.All()}
			}
		}
	}
	a.differ(when, what, nil, got, want)
}

func (a *aggregator) tagsAgree(when string, c *Census) {
	a.t.Helper()
	want := map[int64]int{}
	for _, t := range must(a.store.TagUses(a.t.Context()))(a.t) {
		if n := a.number(`SELECT count(*) FROM machine_tag WHERE tag = $1`, t.ID) - int(t.Unreported); n > 0 {
			want[t.ID] = n
		}
	}
	a.differ(when, "tags", nil, must(c.Tags())(a.t), want)
}

// number runs a query that counts.
func (a *aggregator) number(sql string, args ...any) int {
	a.t.Helper()
	var n int
	if err := a.pool.QueryRow(a.t.Context(), sql, args...).Scan(&n); err != nil {
		a.t.Fatal(err)
	}
	return n
}

// checksAgree compares with statuses and waivers as they are stored.
func (a *aggregator) checksAgree(when string, c *Census) {
	a.t.Helper()
	waived := must(a.store.WaivedMachines(a.t.Context()))(a.t)
	var judged []Judged
	var want []CheckCount
	for _, m := range must(a.store.AllChecks(a.t.Context()))(a.t) {
		judged = append(judged, Judged{Check: m, Partly: true, Waived: waived[m.ID], Current: must(a.store.JudgedMachines(a.t.Context(), m.ID, m.Version))(a.t)})
		stored := func(status compliance.Status, waived bool) int {
			return a.number(`SELECT count(*) FROM check_status s JOIN head h ON h.id = s.head AND h.archived_at IS NULL
				WHERE s.check_id = $1 AND s.check_version = $2 AND s.status = $3
				AND $4 = EXISTS (SELECT FROM waiver w WHERE w.check_id = s.check_id AND w.machine = s.machine)`, m.ID, m.Version, int(status), waived)
		}
		n := CheckCount{
			OK:      stored(compliance.StatusOK, true) + stored(compliance.StatusOK, false),
			Unknown: stored(compliance.StatusUnknown, false), Failed: stored(compliance.StatusFailed, false),
			Waived: stored(compliance.StatusUnknown, true) + stored(compliance.StatusFailed, true),
		}
		n.Pending = a.number(`SELECT count(DISTINCT h.machine) FROM head h JOIN source o ON o.id = h.source JOIN head_summary u ON u.head = h.id
			WHERE h.archived_at IS NULL AND lower(o.name) = lower($1) AND (cardinality($2::text[]) = 0 OR u.platform = ANY ($2))
			AND NOT EXISTS (SELECT FROM check_status s JOIN head l ON l.id = s.head AND l.archived_at IS NULL
				WHERE s.machine = h.machine AND s.check_id = $3 AND s.check_version = $4)`,
			m.SourceName, m.Platforms, m.ID, m.Version)
		want = append(want, n)
	}
	got := must(c.Checks(judged))(a.t)
	for i := range got {
		got[i].Statuses = nil
	}
	a.differ(when, "checks", nil, got, want)
	of := func(status compliance.Status) int {
		return a.number(`SELECT count(*) FROM (SELECT max(CASE WHEN EXISTS (SELECT FROM waiver w
				WHERE w.check_id = s.check_id AND w.machine = s.machine) THEN 0 ELSE s.status END) AS worst
			FROM check_status s JOIN head h ON h.id = s.head AND h.archived_at IS NULL GROUP BY s.machine) o WHERE worst = $1`, int(status))
	}
	whole := Overall{OK: of(compliance.StatusOK), Unknown: of(compliance.StatusUnknown), Failed: of(compliance.StatusFailed)}
	whole.None = a.number(`SELECT count(DISTINCT machine) FROM head WHERE archived_at IS NULL`) - whole.OK - whole.Unknown - whole.Failed
	a.differ(when, "overall", nil, must(c.Compliance())(a.t).All, whole)
}
