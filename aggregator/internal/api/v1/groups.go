// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// group is what a source calls a group of machines.
type group struct {
	Source    source `json:"source"` // that the group is of
	Reference string `json:"reference"`
	Name      string `json:"name"`
}

// countedGroup is a group and how many machines in reach are in it.
type countedGroup struct {
	group
	Machines int `json:"machines"`
}

// groupKey names a group, whatever links it has.
type groupKey struct{ Source, Reference, Name, Module, Config string }

func keyOfGroup(g group) groupKey {
	return groupKey{Source: g.Source.Name, Reference: g.Reference, Name: g.Name, Module: g.Source.Module, Config: string(g.Source.Config)}
}

func (k groupKey) compare(other groupKey) int {
	return cmp.Or(cmp.Compare(k.Source, other.Source), cmp.Compare(k.Reference, other.Reference), cmp.Compare(k.Name, other.Name),
		cmp.Compare(k.Module, other.Module), cmp.Compare(k.Config, other.Config))
}

// listGroups lists the groups that machines in reach are in, by source, reference and name.
func (a *API) listGroups(w http.ResponseWriter, r *http.Request) error {
	var after groupKey
	page, err := a.countedPage(w, r, "groups", &after)
	if err != nil {
		return err
	}
	reach := auth.ReachOf(r.Context())
	ids, err := a.index.Groups(reach)
	if err != nil {
		return notBuilt(w, err)
	}
	bodies, err := a.store.BodiesOf(r.Context(), ids)
	if err != nil {
		return err
	}
	groups, members := map[groupKey]group{}, map[groupKey][]int64{}
	for _, id := range ids {
		var g group
		if json.Unmarshal(bodies[id].Body, &g) != nil {
			continue // not of the contract's form: nothing to show
		}
		key := keyOfGroup(g)
		groups[key], members[key] = g, append(members[key], id)
	}
	keys := slices.SortedFunc(maps.Keys(groups), groupKey.compare)
	keys, next := cut(page, keys, func(k groupKey) bool { return k.compare(after) > 0 }, func(k groupKey) any { return k })
	sets := make([][]int64, len(keys))
	for i, key := range keys {
		sets[i] = members[key]
	}
	counts, err := a.index.CountHolders(reach, sets)
	if err != nil {
		return notBuilt(w, err)
	}
	rows := make([]countedGroup, len(keys))
	for i, key := range keys {
		rows[i] = countedGroup{group: groups[key], Machines: counts[i]}
	}
	return answerJSON(w, r, map[string]any{"groups": rows, "next_cursor": next})
}
