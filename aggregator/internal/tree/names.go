// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// names finds the rows of a section by name without decoding them.
type names struct {
	assets []snapshot.Asset
	names  [][]byte // of the assets, without quotes
	seed   maphash.Seed
	heads  []int32 // by hash: the first asset, and
	next   []int32 // by asset: the next one with its hash; -1 ends
	odd    []int   // assets that have no name, or one that takes decoding
}

// Named returns, in the list's order, those rows of the list under key that may
// have this name, and the number of the others, which do not have it. It reports
// false when the key is not a list made of a section alone. Times as for Value.
func (t *Tree) Named(key, name string, times bool) (rows []any, others int, ok bool) {
	index := t.namesOf(key)
	if index == nil {
		return nil, 0, false
	}
	found := index.find(name)
	assets := make([]*snapshot.Asset, len(found))
	for n, i := range found {
		assets[n] = &index.assets[i]
	}
	entries, err := t.cache.decodeAll(assets, timeKey(key))
	if err != nil {
		t.fail(key, err)
		return nil, 0, false
	}
	s := slot{key, times && t.hasTimes(key)}
	rows = make([]any, len(found))
	for n, i := range found {
		rows[n] = t.row(s, entries[n], i)
	}
	return rows, len(index.assets) - len(found), true
}

// namesOf returns the names of a section, nil when the key is not a list that has
// a section's rows and nothing else.
func (t *Tree) namesOf(key string) *names {
	if index, ok := t.names[key]; ok {
		return index
	}
	var index *names
	section, added := t.sections[key], len(t.added.links(key)) > 0
	if raw, err := t.added.value(key); err != nil || raw != nil {
		added = true
	}
	if section != nil && len(section.Assets) > 0 && !added && !isSingle(key) && key != snapshot.KindInstallTimes {
		index = indexNames(section.Assets)
	}
	t.names[key] = index
	return index
}

func indexNames(assets []snapshot.Asset) *names {
	n := &names{
		assets: assets, names: make([][]byte, len(assets)), seed: maphash.MakeSeed(),
		heads: make([]int32, 1<<bits.Len(uint(len(assets)))), next: make([]int32, len(assets)),
	}
	for i := range n.heads {
		n.heads[i] = -1
	}
	for i := range assets {
		name := nameOf(&assets[i])
		if len(name) < 2 || name[0] != '"' || bytes.IndexByte(name, '\\') >= 0 {
			n.odd = append(n.odd, i)
			continue
		}
		n.names[i] = name[1 : len(name)-1]
		head := n.head(n.names[i])
		n.next[i], *head = *head, int32(i)
	}
	return n
}

func (n *names) head(name []byte) *int32 {
	return &n.heads[maphash.Bytes(n.seed, name)&uint64(len(n.heads)-1)]
}

// find returns the assets that may have a name, in the tree's order.
func (n *names) find(name string) []int {
	wanted := []byte(name)
	found := slices.Clone(n.odd)
	for i := *n.head(wanted); i >= 0; i = n.next[i] {
		if bytes.Equal(n.names[i], wanted) {
			found = append(found, int(i))
		}
	}
	slices.SortFunc(found, func(a, b int) int {
		return compareRows(&n.assets[a], nameOf(&n.assets[a]), &n.assets[b], nameOf(&n.assets[b]))
	})
	return found
}
