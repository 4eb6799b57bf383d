// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// deadlineOf returns how long a collector may take.
func (o *Options) deadlineOf(name string) time.Duration {
	if limit := o.Deadlines[name]; limit > 0 {
		return limit
	}
	if o.Deadline > 0 {
		return o.Deadline
	}
	return defaultDeadline
}

// book notes what a run came to and cost.
func (r *Report) book(res result, state syncv1.CollectorState) {
	run := &syncv1.CollectorRun{
		Collector:            res.collector.Name,
		State:                state,
		DurationMilliseconds: uint32(min(res.took.Milliseconds(), math.MaxUint32)),
		BytesRead:            uint64(max(res.read, 0)),
	}
	if state == syncv1.CollectorState_COLLECTOR_STATE_COLLECTED || state == syncv1.CollectorState_COLLECTOR_STATE_PARTIAL {
		run.Items = items(res.snap, res.collector.Kinds)
	}
	r.Runs = append(r.Runs, run)
}

// items counts the facts of kinds.
func items(snap *inventoryv1.Snapshot, kinds []string) uint32 {
	n := 0
	for _, kind := range kinds {
		f := fieldOf(kind)
		switch {
		case !snap.ProtoReflect().Has(f):
		case f.IsList():
			n += snap.ProtoReflect().Get(f).List().Len()
		default:
			n++
		}
	}
	return uint32(n)
}

// switchOff drops the kinds that are switched off by their own name.
func (r *Report) switchOff(disabled []string) {
	for _, kind := range disabled {
		if _, collected := r.Sections[kind]; collected {
			r.drop(kind)
		}
	}
}

// keepFacts leaves of the custom facts those with the given keys; nil keeps all of them.
func (r *Report) keepFacts(keys []string) {
	if keys == nil || r.Snapshot.ExtraFacts == nil {
		return
	}
	kept := factsWith(r.Snapshot.GetExtraFacts(), keys)
	if kept == "" {
		r.drop("extra_facts")
		return
	}
	r.Snapshot.ExtraFacts = &kept
}

// factsWith returns the members of a JSON object that have one of the keys, "" when there are none.
func factsWith(object string, keys []string) string {
	all, kept := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if json.Unmarshal([]byte(object), &all) != nil {
		return "" // its collector made it; what cannot be looked into stays here
	}
	for _, key := range keys {
		if value, ok := all[key]; ok {
			kept[key] = value
		}
	}
	raw, err := json.Marshal(kept)
	if err == nil {
		raw, err = asset.CanonicalJSON(raw)
	}
	if err != nil || len(kept) == 0 {
		return ""
	}
	return string(raw)
}

// drop takes a kind out of the report.
func (r *Report) drop(kind string) {
	r.Sections[kind] = Drop
	r.Snapshot.ProtoReflect().Clear(fieldOf(kind))
}

// sort puts everything into an order of its own.
func (r *Report) sort() {
	slices.SortFunc(r.Troubles, func(a, b Trouble) int { return strings.Compare(a.Collector, b.Collector) })
	slices.SortFunc(r.Runs, func(a, b *syncv1.CollectorRun) int { return strings.Compare(a.GetCollector(), b.GetCollector()) })
}
