// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// piece is one asset of a machine's software: those that differ in more than name and version are rows of their own.
type piece struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

type pieceList struct {
	Software   []piece `json:"software"`
	NextCursor *string `json:"next_cursor"`
}

// pieceKey is how many rows of a snapshot's list came before the page: rows may be equal.
type pieceKey struct {
	Seq  int64
	Rows int
}

// listMachineSoftware lists the software that a source reports of one machine, now or at a moment.
func (a *API) listMachineSoftware(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "source", "kind", "at", "cursor", "limit")
	if err != nil {
		return err
	}
	limit, err := q.Limit()
	if err != nil {
		return err
	}
	kinds, err := kindsOf(q.Text("kind"))
	if err != nil {
		return err
	}
	_, h, err := a.head(r, q)
	if err != nil {
		return err
	}
	list := a.list(fmt.Sprintf("machine software %d %s", h.ID, q.Text("kind")))
	var after pieceKey
	if err := api.DecodeCursor(list, q.Text("cursor"), &after); err != nil {
		return err
	}
	moment, err := a.momentOfPage(r.Context(), h, q, after.Seq)
	if err != nil {
		return err
	}
	all, err := a.pieces(r.Context(), moment, kinds)
	if err != nil {
		return err
	}
	rows := all[min(max(after.Rows, 0), len(all)):]
	answer := pieceList{Software: append([]piece{}, rows[:min(limit, len(rows))]...)}
	answer.NextCursor = nextCursor(list, len(answer.Software), limit, func() any {
		return pieceKey{Seq: moment.Seq, Rows: max(after.Rows, 0) + len(answer.Software)}
	})
	return answerJSON(w, r, answer)
}

// momentOfPage keeps a list to the snapshot that its first page was of.
func (a *API) momentOfPage(ctx context.Context, h store.HeadDetail, q api.Query, seq int64) (store.Moment, error) {
	if seq > 0 {
		return a.store.SectionsAtSeq(ctx, h.ID, seq)
	}
	at, err := q.Time("at")
	if err != nil {
		return store.Moment{}, err
	}
	return a.moment(ctx, h, at)
}

func (a *API) pieces(ctx context.Context, m store.Moment, kinds []string) ([]piece, error) {
	var all []piece
	for _, kind := range kinds {
		if m.Sections[kind] == nil {
			continue
		}
		ids := m.Sections[kind].IDs
		assets, err := a.store.BodiesOf(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			asset := assets[id]
			all = append(all, piece{Kind: kind, Name: asset.Name, Version: asset.Version})
		}
	}
	slices.SortFunc(all, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return all, nil
}
