// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestHeadKeepsNothingOfWhatWasReadWithIt(t *testing.T) {
	t.Parallel()
	s := newState()
	u := update{IndexHead: store.IndexHead{ID: 1, Machine: 1, Serial: "A", User: store.PrincipalUser{UniqueID: "1"}}}
	h := New(nil, Options{}).set(s, &u)
	if u.User.UniqueID = "other"; h.principalUser().UniqueID != "1" {
		t.Error("the head holds on to the update, with all the ids in it")
	}
}

func TestMachineOfManySourcesCountsOnce(t *testing.T) {
	t.Parallel()
	s := newState()
	s.catalog.put(store.IndexAsset{ID: 1, Kind: "deb_packages", Name: "bash", Version: "5"})
	for id := range int64(maxLayers + 2) {
		u := update{IndexHead: store.IndexHead{ID: id + 1, Machine: 7, Serial: "A", Whole: true}, ids: []int64{1}}
		h := s.ensureHead(&u)
		if full := id >= maxLayers; (h == nil) != full {
			t.Fatalf("head %d: got %v", id, h)
		}
		if h != nil {
			s.catalog.update(h.ordinal, &u)
		}
	}
	s.attach(s.machines[7])
	want := []store.Software{{Name: "bash", Version: "5", Machines: 1}}
	if got := s.software(store.SoftwareFilter{Kind: "deb_packages", Limit: 10}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
