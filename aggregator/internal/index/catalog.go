// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// catalog is the inverted index proper: shared assets by kind, name and version, and the heads that have each.
type catalog struct {
	kinds    map[string]*kind
	pages    []*page // by dictionary id / pageSize; nil: nothing there
	count    int
	unsorted []*name // whose versions have to be put in order
}

const (
	// pageSize is how many assets lie together: ids are dense, so that pages are full.
	pageSize = 4096
	// maxID is the largest dictionary id that has a place. PostgreSQL counts them up from 1.
	maxID = 1 << 36
	// fewVersions is how many versions of a name are kept in order all the time. Somebody may report a hundred thousand.
	fewVersions = 64
)

type page [pageSize]*asset

// asset is one asset of the dictionary. Those of a version differ in what is not in the name, for example architecture.
type asset struct {
	id      int64
	version *version
	heads   *roaring.Bitmap // nil: nobody has it
}

type kind struct {
	name   string
	byName map[string]*name
	names  []*name // in order while sorted
	sorted bool
	ids    []int64 // of all its assets, as they came in; of unnamed kinds alone
}

type name struct {
	text     string
	lower    string
	versions []*version          // in order while sorted
	byText   map[string]*version // nil: there are few
	sorted   bool
}

type version struct {
	text   string
	assets []*asset
}

func newCatalog() catalog { return catalog{kinds: map[string]*kind{}} }

// asset returns an asset by its dictionary id; nil when the catalog lacks it.
func (c *catalog) asset(id int64) *asset {
	if at := uint64(id) / pageSize; at < uint64(len(c.pages)) && c.pages[at] != nil {
		return c.pages[at][id%pageSize]
	}
	return nil
}

// put adds an asset of the dictionary; one that is there stays.
func (c *catalog) put(a store.IndexAsset) {
	if a.ID <= 0 || a.ID > maxID || c.asset(a.ID) != nil {
		return
	}
	at := int(a.ID / pageSize)
	if at >= len(c.pages) {
		c.pages = append(c.pages, make([]*page, at+1-len(c.pages))...)
	}
	if c.pages[at] == nil {
		c.pages[at] = new(page)
	}
	p := c.pages[at]
	v := c.version(a)
	entry := &asset{id: a.ID, version: v}
	v.assets = append(v.assets, entry)
	p[a.ID%pageSize] = entry
	c.count++
	if slices.Contains(unnamedKinds, a.Kind) {
		k := c.kinds[a.Kind]
		k.ids = append(k.ids, a.ID)
	}
}

func (c *catalog) version(a store.IndexAsset) *version {
	k := c.kinds[a.Kind]
	if k == nil {
		k = &kind{name: a.Kind, byName: map[string]*name{}, sorted: true}
		c.kinds[k.name] = k
	}
	n := k.byName[a.Name]
	if n == nil {
		n = &name{text: a.Name, sorted: true}
		if n.lower = strings.ToLower(n.text); n.lower == n.text {
			n.lower = n.text // one copy
		}
		k.byName[n.text] = n
		k.names = append(k.names, n)
		k.sorted = false
	}
	if n.byText == nil && len(n.versions) < fewVersions {
		return n.ensureVersion(a.Version)
	}
	before := n.sorted
	v := n.appendVersion(a.Version)
	if before && !n.sorted {
		c.unsorted = append(c.unsorted, n)
	}
	return v
}

// ensureVersion returns one of few versions, making it on first mention.
func (n *name) ensureVersion(text string) *version {
	at, found := slices.BinarySearchFunc(n.versions, text, func(v *version, text string) int { return cmp.Compare(v.text, text) })
	if !found {
		n.versions = slices.Insert(n.versions, at, &version{text: text})
	}
	return n.versions[at]
}

// appendVersion is ensureVersion for many: a new one waits at the end for sort.
func (n *name) appendVersion(text string) *version {
	if n.byText == nil {
		n.byText = make(map[string]*version, 2*len(n.versions))
		for _, v := range n.versions {
			n.byText[v.text] = v
		}
	}
	v := n.byText[text]
	if v == nil {
		v = &version{text: text}
		n.byText[text] = v
		n.versions, n.sorted = append(n.versions, v), false
	}
	return v
}

// sort puts names and versions in order.
func (c *catalog) sort() {
	for _, n := range c.unsorted {
		slices.SortFunc(n.versions, func(a, b *version) int { return cmp.Compare(a.text, b.text) })
		n.sorted = true
	}
	c.unsorted = nil
	for _, k := range c.kinds {
		if !k.sorted {
			slices.SortFunc(k.names, func(a, b *name) int { return cmp.Compare(a.text, b.text) })
			k.sorted = true
		}
	}
}

// unknown returns those of ids that the catalog lacks.
func (c *catalog) unknown(out, ids []int64) []int64 {
	for _, id := range ids {
		if c.asset(id) == nil {
			out = append(out, id)
		}
	}
	return out
}

// update notes what became of a head's assets; a whole one has none yet.
func (c *catalog) update(ordinal uint32, u *update) {
	c.add(ordinal, u.ids)
	for _, d := range u.Deltas {
		c.remove(ordinal, d.RemovedIDs)
		c.add(ordinal, d.AddedIDs)
	}
}

// add notes that a head has assets; ids that the catalog lacks are passed over.
func (c *catalog) add(ordinal uint32, ids []int64) {
	for _, id := range ids {
		if a := c.asset(id); a != nil {
			if a.heads == nil {
				a.heads = roaring.New()
			}
			a.heads.Add(ordinal)
		}
	}
}

// remove notes that a head no longer has assets.
func (c *catalog) remove(ordinal uint32, ids []int64) {
	for _, id := range ids {
		if a := c.asset(id); a != nil && a.heads != nil {
			if a.heads.Remove(ordinal); a.heads.IsEmpty() {
				a.heads = nil
			}
		}
	}
}

// forget takes all assets from heads. It goes through the whole catalog: some 10 ms for 200,000 assets.
func (c *catalog) forget(heads *roaring.Bitmap) {
	if heads.IsEmpty() {
		return
	}
	for a := range c.all {
		if a.heads == nil || !a.heads.Intersects(heads) {
			continue
		}
		if a.heads.AndNot(heads); a.heads.IsEmpty() {
			a.heads = nil
		}
	}
}

// all goes through the assets, by id.
func (c *catalog) all(yield func(*asset) bool) {
	for _, p := range c.pages {
		if p == nil {
			continue
		}
		for _, a := range p {
			if a != nil && !yield(a) {
				return
			}
		}
	}
}

// compact gives every bitmap its smallest form, after the many additions of a build.
func (c *catalog) compact() {
	for a := range c.all {
		if a.heads != nil {
			a.heads.RunOptimize()
			a.heads = a.heads.Clone() // without room to grow
		}
	}
}

// idsOf returns the dictionary ids of each of some heads, ascending.
func (c *catalog) idsOf(heads *roaring.Bitmap) map[uint32][]int64 {
	ids := map[uint32][]int64{}
	for a := range c.all {
		if a.heads == nil || !a.heads.Intersects(heads) {
			continue
		}
		for it := roaring.And(a.heads, heads).Iterator(); it.HasNext(); {
			ordinal := it.Next()
			ids[ordinal] = append(ids[ordinal], a.id)
		}
	}
	return ids
}
