// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// softwareKinds are in the order in which they are listed.
var softwareKinds = index.SoftwareKinds()

// software is a name and version, and how many machines have it.
type software struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	Machines int    `json:"machines"`
}

type softwareList struct {
	Software   []software `json:"software"`
	NextCursor *string    `json:"next_cursor"`
}

// softwareKey is the last row of a page.
type softwareKey struct {
	Kind, Name, Version string
}

// listSoftware counts machines by kind, name and version; without a kind it goes through all of them.
func (a *API) listSoftware(w http.ResponseWriter, r *http.Request) error {
	list := a.list("software")
	q, err := api.ParseQuery(r, "kind", "q", "cursor", "limit")
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
	var after softwareKey
	if err := api.DecodeCursor(list, q.Text("cursor"), &after); err != nil {
		return err
	}
	count := a.softwareCounter(r.Context())
	answer := softwareList{Software: []software{}}
	for _, kind := range kinds {
		if kind < after.Kind || len(answer.Software) == limit {
			continue
		}
		f := store.SoftwareFilter{Kind: kind, Scope: auth.ReachOf(r.Context()), Query: q.Text("q"), Limit: limit - len(answer.Software)}
		if kind == after.Kind {
			f.After = &store.Software{Name: after.Name, Version: after.Version}
		}
		found, err := count(f)
		if err != nil {
			return err
		}
		for _, s := range found {
			answer.Software = append(answer.Software, software{Kind: kind, Name: s.Name, Version: s.Version, Machines: s.Machines})
		}
	}
	answer.NextCursor = nextCursor(list, len(answer.Software), limit, func() any {
		last := answer.Software[limit-1]
		return softwareKey{Kind: last.Kind, Name: last.Name, Version: last.Version}
	})
	return answerJSON(w, r, answer)
}

// softwareCounter returns who counts: the index, and the store until that is built.
func (a *API) softwareCounter(ctx context.Context) func(store.SoftwareFilter) ([]store.Software, error) {
	fromStore := func(f store.SoftwareFilter) ([]store.Software, error) { return a.store.SoftwareCounts(ctx, f) }
	if a.freshIndex(ctx) != nil {
		return fromStore
	}
	return func(f store.SoftwareFilter) ([]store.Software, error) {
		if found, err := a.index.Software(f); err == nil {
			return found, nil
		}
		return fromStore(f)
	}
}

// kindsOf returns the kinds to count. Private kinds are each machine's own and have nothing to count.
func kindsOf(kind string) ([]string, error) {
	if kind == "" {
		return softwareKinds, nil
	}
	if k, ok := snapshot.KindOf(kind); ok && k.Shared {
		return []string{kind}, nil
	}
	return nil, api.Refuse(http.StatusBadRequest, "kind: %q cannot be counted; use one of %s", kind, strings.Join(sharedKinds(), ", "))
}

func sharedKinds() []string {
	var out []string
	for _, k := range snapshot.Kinds() {
		if k.Shared {
			out = append(out, k.Name)
		}
	}
	slices.Sort(out)
	return out
}

func compareText(a, b string) int { return cmp.Compare(a, b) }
