// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	rows "github.com/rollcall-inventory/rollcall/proto/osquery"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// gathering collects what became of each statement. Several of them may feed one kind: one that failed keeps it.
type gathering struct {
	answers []map[string]string
	failed  map[string]bool // kinds that are kept
	kinds   []string        // all that may be there
	uptime  time.Time       // when it was told how long the machine runs
	report  collect.Report
}

func newGathering(queries []rows.Query) *gathering {
	g := &gathering{failed: map[string]bool{}}
	for _, q := range queries {
		if q.Kind != "" && !slices.Contains(g.kinds, q.Kind) {
			g.kinds = append(g.kinds, q.Kind)
		}
	}
	return g
}

// steady are kinds that no machine loses: no row of theirs says that osquery could not ask, as when the metadata service
// of a cloud does not answer for a while. A machine that never had one keeps nothing.
var steady = []string{"system_info", "os_version", "ec2_instance_metadata"}

// take takes the rows of a statement.
func (g *gathering) take(q rows.Query, answer []map[string]string, took time.Duration) {
	state := syncv1.CollectorState_COLLECTOR_STATE_COLLECTED
	if len(answer) == 0 {
		state = syncv1.CollectorState_COLLECTOR_STATE_ABSENT
		if slices.Contains(steady, q.Kind) || q.Kind == "ec2_instance_tags" && g.failed["ec2_instance_metadata"] {
			g.failed[q.Kind] = true
		}
	}
	if q.Name == "uptime" {
		g.uptime = time.Now()
	}
	g.answers = append(g.answers, answer...)
	g.book(q, state, took, len(answer))
}

// fail keeps the kind of a statement as it was.
func (g *gathering) fail(q rows.Query, took time.Duration, err error) {
	g.failed[q.Kind] = true
	g.report.Troubles = append(g.report.Troubles, collect.Trouble{Collector: q.Name, Err: err})
	g.book(q, syncv1.CollectorState_COLLECTOR_STATE_FAILED, took, 0)
}

// pass books a statement that was not asked.
func (g *gathering) pass(q rows.Query, state syncv1.CollectorState) { g.book(q, state, 0, 0) }

func (g *gathering) book(q rows.Query, state syncv1.CollectorState, took time.Duration, items int) {
	g.report.Runs = append(g.report.Runs, &syncv1.CollectorRun{
		Collector: q.Name, State: state, DurationMilliseconds: uint32(took.Milliseconds()), Items: uint32(items),
	})
}

// collection makes the report. A kind without a row is one that this machine has none of.
func (g *gathering) collection() Collection {
	facts := rows.FactsOf(g.answers)
	g.report.Snapshot = facts.Snapshot
	g.report.Sections = map[string]collect.State{}
	for _, kind := range g.kinds {
		g.report.Sections[kind] = g.state(kind)
	}
	g.report.Sections[snapshot.KindInstallTimes] = g.installTimes()
	byName := func(a, b *syncv1.CollectorRun) int { return strings.Compare(a.GetCollector(), b.GetCollector()) }
	slices.SortFunc(g.report.Runs, byName)
	slices.SortFunc(g.report.Troubles, func(a, b collect.Trouble) int { return strings.Compare(a.Collector, b.Collector) })
	return Collection{Report: g.report, Vitals: vitalsOf(facts.Uptime, g.uptime)}
}

// state settles one kind, and takes what is kept out of the snapshot.
func (g *gathering) state(kind string) collect.State {
	k, known := snapshot.KindOf(kind)
	switch {
	case !known:
		return collect.Keep
	case g.failed[kind]:
		g.report.Snapshot.ProtoReflect().Clear(k.Field)
		return collect.Keep
	case g.report.Snapshot.ProtoReflect().Has(k.Field):
		return collect.Set
	default:
		return collect.Drop
	}
}

// installTimes settles the kind that holds other kinds' times of installation: as long as one of them is kept, it can only
// be kept with them.
func (g *gathering) installTimes() collect.State {
	state := collect.Drop
	for kind, s := range g.report.Sections {
		k, _ := snapshot.KindOf(kind)
		if k.Fact == nil || asset.MembershipField(k.Fact) == nil {
			continue
		}
		if s == collect.Keep {
			return collect.Keep
		}
		if s == collect.Set {
			state = collect.Set
		}
	}
	return state
}

// vitalsOf tells when the machine booted.
func vitalsOf(uptime *int64, now time.Time) *syncv1.Vitals {
	if uptime == nil || *uptime > now.Unix() {
		return nil
	}
	return &syncv1.Vitals{UptimeSeconds: *uptime, BootTimeUnix: now.Unix() - *uptime}
}
