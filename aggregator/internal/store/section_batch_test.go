// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestManySectionsAreLoadedLikeOne(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for i := range 12 {
		packages := []string{}
		for n := range 30 {
			if n%(i+1) == 0 {
				packages = append(packages, fmt.Sprintf(`{"name":"p%d","version":"1"}`, n))
			}
		}
		w.commit(fmt.Sprint("S", i), agentSource, report{"deb_packages": packages, "disks": {fmt.Sprintf(`{"name":"d%d"}`, i)}})
	}
	var sections []*pack.Section
	for _, h := range must(w.HeadsToEvaluate(ctx, &store.HeadFilter{Sources: must(w.SourcesNamed(ctx, agentSource))(t)}, 0, 100))(t) {
		folded := must(pack.Fold(h.Rows))(t)
		sections = append(sections, folded["disks"], folded["deb_packages"])
	}
	if len(sections) != 24 {
		t.Fatalf("%d sections", len(sections))
	}
	cold := store.New(w.pool)
	t.Cleanup(cold.Close)
	for name, s := range map[string]*store.Store{"cached": w.Store, "not cached": cold} {
		got := must(s.LoadSections(ctx, sections))(t)
		for i, section := range sections {
			if want := must(w.LoadSection(ctx, section))(t); !reflect.DeepEqual(got[i], want) {
				t.Errorf("%s, %d: got %v, want %v", name, i, got[i], want)
			}
		}
	}
	if none := must(w.LoadSections(ctx, nil))(t); len(none) != 0 {
		t.Errorf("none: got %v", none)
	}
}
