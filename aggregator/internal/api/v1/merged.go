// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// merged is one machine as all its sources together have it. Where they say different things, the one that was seen last
// is right, and what the others say is a conflict.
type merged struct {
	SerialNumber string         `json:"serial_number"`
	At           *time.Time     `json:"at"` // null: now
	Sources      []mergedSource `json:"sources"`
	Fields       []mergedField  `json:"fields"`
	Lists        []mergedList   `json:"lists"`
}

// mergedSource is one that took part, the one seen last first. Its reference is its own name for the machine.
type mergedSource struct {
	source
	Reference *string   `json:"reference"`
	Seq       int64     `json:"seq"`
	LastSeen  time.Time `json:"last_seen"`
}

// said is a value, who says so, and when that was last.
type said struct {
	Value    json.RawMessage `json:"value"`
	Source   source          `json:"source"`
	LastSeen time.Time       `json:"last_seen"`
}

// mergedField is a field with one value, by its path in the tree: system_info.computer_name.
type mergedField struct {
	Path string `json:"path"`
	said
	Conflicts []said `json:"conflicts"`
}

// mergedList is a list with the rows of all sources, each once.
type mergedList struct {
	Kind string      `json:"kind"`
	Rows []mergedRow `json:"rows"`
}

// mergedRow is a row and all who have it.
type mergedRow struct {
	said
	Sources   []source `json:"sources"`
	Conflicts []said   `json:"conflicts"`
}

// sourceTree is what a source says, key by key.
type sourceTree struct {
	headAt
	keys map[string]json.RawMessage
}

// getMerged merges the snapshots of the sources that were live, of all sources when none was.
func (a *API) getMerged(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "at")
	if err != nil {
		return err
	}
	at, err := q.Time("at")
	if err != nil {
		return err
	}
	d, err := a.machine(r)
	if err != nil {
		return err
	}
	heads := d.Heads
	if live := only(heads, liveAt(at)); len(live) > 0 {
		heads = live
	}
	trees, err := a.sourceTrees(r.Context(), d.SerialNumber, heads, at)
	if err != nil {
		return err
	}
	answer := merged{
		SerialNumber: d.SerialNumber, At: moment(at), Sources: []mergedSource{},
		Fields: mergeFields(trees), Lists: mergeLists(trees),
	}
	for _, t := range trees {
		var reference *string
		_ = json.Unmarshal(t.keys["reference"], &reference) // it is a text where it is
		answer.Sources = append(answer.Sources, mergedSource{source: sourceOf(t.Source), Reference: reference, Seq: t.moment.Seq, LastSeen: t.seen})
	}
	return answerJSON(w, r, answer)
}

// sourceTrees reads the trees, of the source that was seen last first.
func (a *API) sourceTrees(ctx context.Context, serial string, heads []store.HeadDetail, at time.Time) ([]sourceTree, error) {
	found, err := a.headsAt(ctx, heads, at)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b headAt) int { return cmp.Or(b.seen.Compare(a.seen), cmp.Compare(a.ID, b.ID)) })
	trees := make([]sourceTree, len(found))
	for i, h := range found {
		raw, err := a.tree(ctx, serial, h.HeadDetail, h.moment)
		if err != nil {
			return nil, err
		}
		trees[i].headAt = h
		if err := json.Unmarshal(raw, &trees[i].keys); err != nil {
			return nil, err
		}
	}
	return trees, nil
}

func (t *sourceTree) says(value json.RawMessage) said {
	return said{Value: value, Source: sourceOf(t.Source), LastSeen: t.seen}
}
