// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// app is one application with its versions.
type app struct {
	cells    []table.Cell
	sortKey  string // lower case
	machines int64
	versions []*appVersion
	byKey    map[string]*appVersion
}

// appVersion is one version of an application at one source.
type appVersion struct {
	cells    []table.Cell
	texts    []string // of the cells
	source   store.Source
	machines int64
}

// assetAt is an asset that a source reports.
type assetAt struct {
	asset  int64
	source int32
}

// count returns the apps in the order of the report.
func (e *AppReport) count(ctx context.Context, s *store.Store, tell func(done, total int64)) ([]*app, error) {
	counts, sources, err := e.countAssets(ctx, s, tell)
	if err != nil {
		return nil, err
	}
	decoder, err := newReportDecoder(reportOf(e.Kind))
	if err != nil {
		return nil, err
	}
	pairs := slices.SortedFunc(maps.Keys(counts), func(a, b assetAt) int {
		return cmp.Or(cmp.Compare(a.asset, b.asset), cmp.Compare(a.source, b.source))
	})
	apps := map[string]*app{}
	const batch = 5000
	for some := range slices.Chunk(pairs, batch) {
		assets, err := bodiesOf(ctx, s, some)
		if err != nil {
			return nil, err
		}
		for _, pair := range some {
			ofApp, ofVersion, err := decoder.decode(assets[pair.asset])
			if err != nil {
				return nil, fmt.Errorf("asset %d: %w", pair.asset, err)
			}
			if e.finds(decoder.report, ofApp) {
				addApp(apps, ofApp, ofVersion, sources[pair.source], int64(counts[pair]))
			}
		}
	}
	return e.inOrder(decoder.report, apps), nil
}

// bodiesOf reads the assets of pairs, which stand in their order.
func bodiesOf(ctx context.Context, s *store.Store, pairs []assetAt) (map[int64]store.SharedAsset, error) {
	ids := make([]int64, len(pairs))
	for i, pair := range pairs {
		ids[i] = pair.asset
	}
	return s.ExportBodies(ctx, slices.Compact(ids))
}

// countAssets goes through the fleet once.
func (e *AppReport) countAssets(ctx context.Context, s *store.Store, tell func(done, total int64)) (map[assetAt]int32, map[int32]store.Source, error) {
	filter := store.StreamFilter{SourceID: e.Source, Scope: e.Scope, Kinds: []string{e.Kind}}
	done, total := int64(0), int64(0)
	if tell != nil {
		var err error
		if total, err = s.CountStream(ctx, filter); err != nil {
			return nil, nil, err
		}
	}
	var oldest time.Time
	if e.LastSeen > 0 {
		oldest = time.Now().AddDate(0, 0, -e.LastSeen)
	}
	counts, sources := map[assetAt]int32{}, map[int32]store.Source{}
	err := s.StreamHeads(ctx, filter, func(h store.FleetHead) error {
		if done++; tell != nil {
			tell(done, max(done, total))
		}
		section := h.Sections[e.Kind]
		if section == nil || h.LastSeen.Before(oldest) {
			return nil
		}
		sources[h.Source.ID] = h.Source
		for _, id := range section.IDs {
			counts[assetAt{id, h.Source.ID}]++
		}
		return nil
	})
	return counts, sources, err
}

// finds tells whether the report's search finds an app.
func (e *AppReport) finds(r *report, name []table.Cell) bool {
	if e.Search == "" {
		return true
	}
	wanted := strings.ToLower(e.Search)
	return slices.ContainsFunc(name[:min(r.searched(), len(name))], func(c table.Cell) bool {
		return strings.Contains(strings.ToLower(c.String()), wanted)
	})
}

// addApp counts machines of one source for the app and version with these cells.
func addApp(apps map[string]*app, ofApp, ofVersion []table.Cell, source store.Source, machines int64) {
	key := keyOf(ofApp)
	a := apps[key]
	if a == nil {
		a = &app{cells: ofApp, sortKey: strings.ToLower(key), byKey: map[string]*appVersion{}}
		apps[key] = a
	}
	a.machines += machines
	key = keyOf(ofVersion) + strconv.Itoa(int(source.ID))
	v := a.byKey[key]
	if v == nil {
		v = &appVersion{cells: ofVersion, source: source}
		for _, c := range ofVersion {
			v.texts = append(v.texts, c.String())
		}
		a.byKey[key] = v
		a.versions = append(a.versions, v)
	}
	v.machines += machines
}

// keyOf joins cells to a text that no others have: facts hold no NUL.
func keyOf(cells []table.Cell) string {
	var key strings.Builder
	for _, c := range cells {
		key.WriteString(c.String())
		key.WriteByte(0)
	}
	return key.String()
}

// inOrder sorts the apps as it was asked for, and the versions of each.
func (e *AppReport) inOrder(r *report, apps map[string]*app) []*app {
	for _, a := range apps {
		slices.SortFunc(a.versions, r.compareVersions)
	}
	byName := func(a, b *app) int {
		return cmp.Or(strings.Compare(a.sortKey, b.sortKey), strings.Compare(keyOf(a.cells), keyOf(b.cells)))
	}
	order := byName
	switch e.Order {
	case "n-d":
		order = func(a, b *app) int { return byName(b, a) }
	case "mc-a":
		order = func(a, b *app) int { return cmp.Or(cmp.Compare(a.machines, b.machines), byName(a, b)) }
	case "mc-d":
		order = func(a, b *app) int { return cmp.Or(cmp.Compare(b.machines, a.machines), byName(a, b)) }
	}
	return slices.SortedFunc(maps.Values(apps), order)
}

// compareVersions puts the newest first, then by source.
func (r *report) compareVersions(a, b *appVersion) int {
	for _, place := range r.newest {
		if c := newerFirst(r.kind, a.texts[place], b.texts[place]); c != 0 {
			return c
		}
	}
	return cmp.Or(slices.Compare(a.texts, b.texts), strings.Compare(a.source.Name, b.source.Name), cmp.Compare(a.source.ID, b.source.ID))
}

// newerFirst puts versions that the kind's order understands before others.
func newerFirst(kind, a, b string) int {
	if a == b {
		return 0
	}
	understoodA, understoodB := version.Check(kind, a) == nil, version.Check(kind, b) == nil
	switch {
	case understoodA != understoodB:
		if understoodA {
			return -1
		}
		return 1
	case !understoodA:
		return strings.Compare(b, a)
	}
	order, err := version.Compare(kind, b, a)
	if err != nil {
		return strings.Compare(b, a)
	}
	return order
}
