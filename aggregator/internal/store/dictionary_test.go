// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// packages are assets number from to to.
func packages(from, to int) []store.NewAsset {
	var out []store.NewAsset
	for n := from; n < to; n++ {
		body := []byte(deb(fmt.Sprint("package-", n), "1"))
		out = append(out, store.NewAsset{Kind: "deb_packages", Asset: snapshot.Asset{Digest: asset.Of("deb_packages", body), Body: body}})
	}
	return out
}

func ids(assets []store.NewAsset) []asset.ID {
	out := make([]asset.ID, len(assets))
	for i := range assets {
		out[i] = assets[i].Digest.ID()
	}
	return out
}

func TestConcurrentWritersOfTheSameAssetsBurnNoID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const writers = 16
	for round := range 4 {
		var group sync.WaitGroup
		for n := range writers {
			group.Go(func() {
				from := round*500 + n*20
				mine := packages(from, from+200)
				rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				if err := w.PutAssets(t.Context(), mine); err != nil {
					t.Error(err)
				}
				for i, known := range must(w.FindAssets(t.Context(), ids(mine)))(t) {
					if known.ID == 0 || known.Digest != mine[i].Digest {
						t.Errorf("got %+v, want %s", known, mine[i].Digest)
					}
				}
			})
		}
		group.Wait()
	}
	if n, newest := w.count("SELECT count(*) FROM asset"), w.count("SELECT max(id) FROM asset"); n != newest || n != 2000 {
		t.Errorf("assets: %d, newest id %d; want 2000 of both", n, newest)
	}
}

// Two processes do not merge what they insert; sorted, they do not wait for each other in a circle either.
func TestTwoProcessesInsertTheSameAssets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stores := []*store.Store{w.Store, store.New(w.pool), store.New(w.pool)}
	t.Cleanup(stores[1].Close)
	t.Cleanup(stores[2].Close)
	var group sync.WaitGroup
	for round := range 5 {
		for _, s := range stores {
			group.Go(func() {
				if err := s.PutAssets(t.Context(), packages(round*300, round*300+600)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if got := w.count("SELECT count(DISTINCT digest) FROM asset"); got != 1800 || w.count("SELECT count(*) FROM asset") != got {
		t.Errorf("assets: got %d, want 1800", got)
	}
}

func TestFindAssetsAnswersInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := packages(0, 3)
	if err := w.PutAssets(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	asked := ids(append(packages(100, 101), known[2], known[0], known[2]))
	for name, s := range map[string]*store.Store{"cached": w.Store, "read": store.New(w.pool)} {
		got := must(s.FindAssets(t.Context(), asked))(t)
		if len(got) != 4 || got[0] != (store.KnownAsset{}) || got[1].Digest != known[2].Digest || got[2].Digest != known[0].Digest || got[3] != got[1] {
			t.Errorf("%s: got %+v", name, got)
		}
		if got[1].Kind != "deb_packages" || got[1].ID == 0 {
			t.Errorf("%s: got %+v", name, got[1])
		}
		digests := must(s.AssetDigests(t.Context(), []int64{got[2].ID, got[1].ID}))(t)
		if digests[0] != known[0].Digest || digests[1] != known[2].Digest {
			t.Errorf("%s: got %v", name, digests)
		}
		s.Close()
	}
}

func TestAnIDThatTheDictionaryLacksIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.PutAssets(t.Context(), packages(0, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AssetDigests(t.Context(), []int64{1, 2}); !errors.Is(err, store.ErrNoAsset) {
		t.Errorf("digests: got %v", err)
	}
	if _, err := w.LoadSection(t.Context(), &pack.Section{Kind: "deb_packages", Shared: true, IDs: []int64{1, 2}}); !errors.Is(err, store.ErrNoAsset) {
		t.Errorf("bodies: got %v", err)
	}
}

func TestAnAssetWithAShortIDThatIsTakenIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assets := packages(0, 2)
	other := assets[0].Digest
	other[31] ^= 1
	w.exec("INSERT INTO asset (digest, kind, body) VALUES ($1, 'deb_packages', '{}')", other[:])
	if err := w.PutAssets(t.Context(), assets); err != nil {
		t.Fatal(err)
	}
	got := must(w.FindAssets(t.Context(), ids(assets)))(t)
	if got[0].Digest != other || got[1].Digest != assets[1].Digest {
		t.Errorf("got %+v", got)
	}
}

func TestAssetsOfAnySizeAreInserted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := packages(0, 11_000) // more than one transaction takes
	for i := range 12 {
		body := fmt.Appendf(nil, `{"description":%q,"name":%q}`, strings.Repeat("x", 900_000), fmt.Sprint(i, strings.Repeat("é", 4000)))
		many = append(many, store.NewAsset{Kind: "deb_packages", Asset: snapshot.Asset{Digest: asset.Of("deb_packages", body), Body: body}})
	}
	if err := w.PutAssets(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if got := w.count("SELECT max(id) FROM asset"); got != len(many) {
		t.Errorf("assets: got %d, want %d", got, len(many))
	}
	if got := w.count("SELECT max(octet_length(name)) FROM asset"); got != 512 {
		t.Errorf("longest name: got %d bytes, want 512", got)
	}
}

func TestAnotherEpochForgetsWhatWasCached(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(w.Epoch(t.Context()))(t)
	assets := packages(0, 1)
	if err := w.PutAssets(t.Context(), assets); err != nil {
		t.Fatal(err)
	}
	w.exec("TRUNCATE asset RESTART IDENTITY")
	w.exec("UPDATE database_epoch SET system_identifier = 1")
	if got := must(w.FindAssets(t.Context(), ids(assets)))(t); got[0].ID == 0 {
		t.Fatal("nothing was cached")
	}
	must(w.Epoch(t.Context()))(t)
	if got := must(w.FindAssets(t.Context(), ids(assets)))(t); got[0].ID != 0 {
		t.Errorf("got %+v of the epoch before", got[0])
	}
}

func TestASourceIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var group sync.WaitGroup
	found := make([]int32, 16)
	for i := range found {
		group.Go(func() {
			source, err := w.EnsureSource(t.Context(), store.Source{Module: "m", Name: "n", Config: `{"a":1}`})
			if err != nil {
				t.Error(err)
			}
			found[i] = source.ID
		})
	}
	group.Wait()
	for _, id := range found {
		if id == 0 || id != found[0] {
			t.Fatalf("got %v", found)
		}
	}
	if other := must(w.EnsureSource(t.Context(), store.Source{Module: "m", Name: "n"}))(t); other.ID == found[0] {
		t.Error("another configuration is another source")
	}
}
