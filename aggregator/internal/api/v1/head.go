// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// ownSource is the name of the source that Rollcall's agent reports as.
const ownSource = "rollcall"

// machine returns the machine of the path. One that never reported, was pruned, or is out of reach, is not there.
func (a *API) machine(r *http.Request) (store.MachineDetail, error) {
	serial, err := api.Serial(r)
	if err != nil {
		return store.MachineDetail{}, err
	}
	return a.machineNamed(r.Context(), serial)
}

func (a *API) machineNamed(ctx context.Context, serial string) (store.MachineDetail, error) {
	d, err := a.store.Machine(ctx, serial)
	if err != nil {
		return store.MachineDetail{}, err
	}
	if len(d.Heads) == 0 || !auth.ReachOf(ctx).Covers(tagIDs(d.Tags)) {
		return store.MachineDetail{}, fmt.Errorf("machine %q: %w", serial, store.ErrNotFound)
	}
	return d, nil
}

func tagIDs(tags []store.Tag) []int64 {
	ids := make([]int64, len(tags))
	for i, t := range tags {
		ids[i] = t.ID
	}
	return ids
}

// head returns the machine of the path and its snapshot of the source that the query names. Without a name it is the
// agent's, else the only one; live ones come before archived ones.
func (a *API) head(r *http.Request, q api.Query) (store.MachineDetail, store.HeadDetail, error) {
	d, err := a.machine(r)
	if err != nil {
		return d, store.HeadDetail{}, err
	}
	h, err := choose(d.Heads, q.Text("source"))
	return d, h, err
}

func isLive(h store.HeadDetail) bool { return h.ArchivedAt == nil }

// liveAt tells what was live at a moment, the zero time being now. Of the times that a head was archived the last one is
// known.
func liveAt(at time.Time) func(store.HeadDetail) bool {
	if at.IsZero() {
		return isLive
	}
	return func(h store.HeadDetail) bool { return !at.Before(h.FirstAt) && (isLive(h) || at.Before(*h.ArchivedAt)) }
}

// choose picks a head by the name of its source. Of two sources with one name it takes the one that was seen last.
func choose(heads []store.HeadDetail, name string) (store.HeadDetail, error) {
	candidates := named(heads, name)
	if name != "" && len(candidates) == 0 {
		return store.HeadDetail{}, api.Refuse(http.StatusNotFound, "No source %q reports this machine; there are %s.", name, names(heads))
	}
	if live := only(candidates, isLive); len(live) > 0 {
		candidates = live
	}
	if own := named(candidates, ownSource); name == "" && len(own) > 0 {
		candidates = own
	}
	best := candidates[0]
	for _, h := range candidates[1:] {
		if !strings.EqualFold(h.Source.Name, best.Source.Name) {
			return store.HeadDetail{}, api.Refuse(http.StatusBadRequest, "Several sources report this machine: choose with source, one of %s.", names(heads))
		}
		if h.LastSeen.After(best.LastSeen) {
			best = h
		}
	}
	return best, nil
}

// named returns the heads of a source, all of them when name is "".
func named(heads []store.HeadDetail, name string) []store.HeadDetail {
	if name == "" {
		return heads
	}
	return only(heads, func(h store.HeadDetail) bool { return strings.EqualFold(h.Source.Name, name) })
}

func only(heads []store.HeadDetail, keep func(store.HeadDetail) bool) []store.HeadDetail {
	var out []store.HeadDetail
	for _, h := range heads {
		if keep(h) {
			out = append(out, h)
		}
	}
	return out
}

func names(heads []store.HeadDetail) string {
	var out []string
	for _, h := range heads {
		out = append(out, h.Source.Name)
	}
	return strings.Join(out, ", ")
}
