// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Tree is the tree of a snapshot as encoding/json would decode it:
// map[string]any, []any, string, float64, bool and nil. A key is built when it is
// asked for, and then kept. Everything it returns shares memory with the cache
// and with trees of other machines: nobody may change it. A Tree is for one
// goroutine.
type Tree struct {
	cache    *Cache
	sections snapshot.Sections
	added    Added
	built    map[slot]value
	names    map[string]*names
	moments  map[string][]int64
	texts    map[int64]string
	err      error
}

// slot is a key of the tree, with install times in its rows or without.
type slot struct {
	key   string
	times bool
}

// value is what stands under a key, if the tree has it.
type value struct {
	any
	ok bool
}

// Tree returns the tree of a snapshot. It keeps the sections.
func (c *Cache) Tree(sections snapshot.Sections, added Added) *Tree {
	return &Tree{
		cache: c, sections: sections, added: added,
		built: map[slot]value{}, names: map[string]*names{}, moments: map[string][]int64{}, texts: map[int64]string{},
	}
}

// Whole returns the tree with all its keys; times as for Value.
func (t *Tree) Whole(times bool) map[string]any { return t.all(keyOrder(t.sections), times) }

// Value returns what stands under a key, nil when there is nothing. Without times
// the rows of lists lack the install times that travel apart from them.
func (t *Tree) Value(key string, times bool) any { return t.value(key, times).any }

// Err returns why the tree could not be built, nil as long as it could.
func (t *Tree) Err() error { return t.err }

func (t *Tree) all(keys []string, times bool) map[string]any {
	all := make(map[string]any, len(keys))
	for _, key := range keys {
		if v := t.value(key, times); v.ok {
			all[key] = v.any
		}
	}
	return all
}

func (t *Tree) value(key string, times bool) value {
	s := slot{key, (times || isSingle(key)) && t.hasTimes(key)}
	v, ok := t.built[s]
	if ok {
		return v
	}
	v, err := t.build(s)
	if err != nil {
		t.fail(key, err)
	}
	t.built[s] = v
	return v
}

// fail keeps the first error.
func (t *Tree) fail(key string, err error) {
	if t.err == nil {
		t.err = fmt.Errorf("%s: %w", key, err)
	}
}

func (t *Tree) build(s slot) (value, error) {
	if s.key == snapshot.KindInstallTimes {
		return value{}, nil
	}
	raw, err := t.added.value(s.key)
	if err != nil || raw != nil {
		decoded, err := decode(raw, err)
		return value{decoded, true}, err
	}
	links := t.added.links(s.key)
	list, err := t.rows(s, len(links))
	switch {
	case err != nil || len(list)+len(links) == 0:
		return value{}, err
	case isSingle(s.key):
		return value{list[0], true}, nil
	}
	for _, link := range links {
		decoded, err := decode(asset.JSON(link))
		if err != nil {
			return value{}, err
		}
		list = append(list, decoded)
	}
	return value{list, true}, nil
}

// rows returns the rows of a section in the tree's order, with room for more.
func (t *Tree) rows(s slot, more int) ([]any, error) {
	section := t.sections[s.key]
	if section == nil {
		return nil, nil
	}
	assets := make([]*snapshot.Asset, len(section.Assets))
	for i := range assets {
		assets[i] = &section.Assets[i]
	}
	entries, err := t.cache.decodeAll(assets, timeKey(s.key))
	if err != nil {
		return nil, err
	}
	list := make([]any, 0, len(entries)+more)
	for _, i := range inOrder(section.Assets, func(i int) []byte { return entries[i].name }) {
		list = append(list, t.row(s, entries[i], i))
	}
	return list, nil
}

// row returns a decoded row of a section, with its install time if the slot has them.
func (t *Tree) row(s slot, entry *decoded, i int) any {
	if !s.times || entry.own {
		return entry.value
	}
	seconds := t.momentsOf(s.key)[i]
	if seconds == snapshot.NoTime {
		return entry.value
	}
	text, ok := t.texts[seconds] // rows come in batches
	if !ok {
		text = timeText(seconds)
		t.texts[seconds] = text
	}
	return entry.with(timeKey(s.key), text)
}

// hasTimes reports whether rows of this kind may have install times.
func (t *Tree) hasTimes(kind string) bool {
	return t.sections[snapshot.KindInstallTimes] != nil && timeKey(kind) != ""
}

// momentsOf returns the install times of a section's assets.
func (t *Tree) momentsOf(kind string) []int64 {
	moments, ok := t.moments[kind]
	if !ok {
		moments = snapshot.JoinTimes(t.sections[kind], t.sections[snapshot.KindInstallTimes])
		t.moments[kind] = moments
	}
	return moments
}
