// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// sectionChange is what came to and went from one key of the tree. Install times belong to rows that stay; a row
// whose time alone moved is in neither list.
type sectionChange struct {
	Kind    string            `json:"kind"`
	Added   []json.RawMessage `json:"added"`
	Removed []json.RawMessage `json:"removed"`
}

// diff is the difference between two moments of one source.
type diff struct {
	SerialNumber string          `json:"serial_number"`
	Source       source          `json:"source"`
	From         point           `json:"from"`
	To           point           `json:"to"`
	Sections     []sectionChange `json:"sections"`
}

// point is the snapshot that held at a moment.
type point struct {
	Seq  int64      `json:"seq"`
	At   *time.Time `json:"at"`   // since when; null when that is no longer known
	Root *string    `json:"root"` // null when that is no longer known
}

// getDiff compares two moments, without to the second one is now; or two sources.
func (a *API) getDiff(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "source", "from", "to", "against", "at")
	if err != nil {
		return err
	}
	if q.Text("against") != "" {
		return a.compareSources(w, r, q)
	}
	if q.Text("at") != "" {
		return api.Refuse(http.StatusBadRequest, "at: only together with against; otherwise from and to are the moments")
	}
	from, err := q.Time("from")
	if err != nil {
		return err
	}
	if from.IsZero() {
		return api.Refuse(http.StatusBadRequest, "from: needed, a moment like 2026-03-04T05:06:07Z")
	}
	to, err := q.Time("to")
	if err != nil {
		return err
	}
	d, h, err := a.head(r, q)
	if err != nil {
		return err
	}
	before, err := a.moment(r.Context(), h, from)
	if err != nil {
		return err
	}
	after, err := a.moment(r.Context(), h, to)
	if err != nil {
		return err
	}
	sections, err := a.sectionChanges(r.Context(), deltasOf(before.Sections, after.Sections))
	if err != nil {
		return err
	}
	return answerJSON(w, r, diff{
		SerialNumber: d.SerialNumber, Source: sourceOf(h.Source), From: pointOf(before), To: pointOf(after), Sections: sections,
	})
}

func pointOf(m store.Moment) point {
	p := point{Seq: m.Seq, At: moment(m.At)}
	if !m.Root.IsZero() {
		p.Root = optional(m.Root.String())
	}
	return p
}

// deltasOf compares all sections, in the order of their kinds.
func deltasOf(before, after pack.Sections) []pack.Delta {
	kinds := slices.Collect(maps.Keys(before))
	for kind := range after {
		if before[kind] == nil {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	var deltas []pack.Delta
	for _, kind := range kinds {
		if d := pack.Diff(before[kind], after[kind]); !d.Empty() {
			deltas = append(deltas, d)
		}
	}
	return deltas
}

// sectionChanges expands deltas into bodies, by kind.
func (a *API) sectionChanges(ctx context.Context, deltas []pack.Delta) ([]sectionChange, error) {
	out := []sectionChange{}
	for i := range deltas {
		d := &deltas[i]
		switch d.Kind {
		case snapshot.KindInstallTimes:
			continue
		case pack.KindAdded:
			out = append(out, addedChanges(d)...)
			continue
		}
		c := sectionChange{Kind: d.Kind}
		var err error
		if c.Added, err = a.bodies(ctx, d, d.AddedIDs, d.Added); err != nil {
			return nil, err
		}
		if c.Removed, err = a.bodies(ctx, d, d.RemovedIDs, d.Removed); err != nil {
			return nil, err
		}
		if len(c.Added)+len(c.Removed) > 0 { // not so where a section came up empty, and in the first change
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b sectionChange) int { return compareText(a.Kind, b.Kind) })
	return out, nil
}

// bodies returns the bodies of one side of a delta, in the order of their text, which is stable.
func (a *API) bodies(ctx context.Context, d *pack.Delta, ids []int64, facts []snapshot.Asset) ([]json.RawMessage, error) {
	section, err := a.store.LoadSection(ctx, &pack.Section{Kind: d.Kind, Shared: d.Shared, IDs: ids, Facts: facts})
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", d.Kind, err)
	}
	out := make([]json.RawMessage, 0, len(section.Assets))
	for _, asset := range section.Assets {
		out = append(out, asset.Body)
	}
	slices.SortFunc(out, func(a, b json.RawMessage) int { return compareText(string(a), string(b)) })
	return out, nil
}

// addedChanges shows the keys that the aggregator adds as if each were a section.
func addedChanges(d *pack.Delta) []sectionChange {
	removed, added := keysOf(d.Removed), keysOf(d.Added)
	var out []sectionChange
	for _, key := range slices.Sorted(maps.Keys(union(removed, added))) {
		if string(removed[key]) == string(added[key]) {
			continue
		}
		out = append(out, sectionChange{Kind: key, Added: values(added[key]), Removed: values(removed[key])})
	}
	return out
}

func keysOf(facts []snapshot.Asset) map[string]json.RawMessage {
	keys := map[string]json.RawMessage{}
	for _, f := range facts {
		_ = json.Unmarshal(f.Body, &keys) // the aggregator wrote it
	}
	return keys
}

func union(a, b map[string]json.RawMessage) map[string]json.RawMessage {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

func values(v json.RawMessage) []json.RawMessage {
	if v == nil {
		return []json.RawMessage{}
	}
	return []json.RawMessage{v}
}
