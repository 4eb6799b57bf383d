// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// maxCachedBody is the largest body whose decoded form is kept, in bytes.
const maxCachedBody = 4 << 10

// Cache keeps decoded bodies, so that what many machines share is decoded once.
// A nil Cache keeps nothing. It is safe for concurrent use.
type Cache struct {
	entries *lru.Cache[asset.Digest, decoded]
}

type decoded struct {
	value any
	name  []byte
}

// NewCache returns a cache of that many bodies; one of a usual package takes
// about 2 KB.
func NewCache(entries int) *Cache {
	if entries <= 0 {
		return nil
	}
	cache, err := lru.New[asset.Digest, decoded](entries)
	if err != nil {
		return nil // only a size below 1 is an error
	}
	return &Cache{entries: cache}
}

// Build is (*Cache).Build without a cache.
func Build(sections snapshot.Sections, added Added, keys []string) (map[string]any, error) {
	return (*Cache)(nil).Build(sections, added, keys)
}

// Build returns the tree of a snapshot as encoding/json would decode it:
// map[string]any, []any, string, float64, bool and nil. With keys it holds only
// those of them that the snapshot has; nil stands for all keys, an empty list for
// none. The tree shares memory with the cache and with trees of other machines:
// nobody may change it.
func (c *Cache) Build(sections snapshot.Sections, added Added, keys []string) (map[string]any, error) {
	if keys == nil {
		keys = keyOrder(sections)
	}
	tree := make(map[string]any, len(keys))
	for _, key := range keys {
		if key == snapshot.KindInstallTimes {
			continue
		}
		value, ok, err := c.value(sections, &added, key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if ok {
			tree[key] = value
		}
	}
	return tree, nil
}

// value returns what stands under a key, false when the tree does not have it.
func (c *Cache) value(sections snapshot.Sections, added *Added, key string) (value any, ok bool, err error) {
	raw, err := added.value(key)
	if err != nil || raw != nil {
		value, err = decode(raw, err)
		return value, true, err
	}
	rows := rowsOf(sections, key, c.nameOf)
	links := added.links(key)
	switch {
	case len(rows)+len(links) == 0:
		return nil, false, nil
	case isSingle(key):
		value, err = c.row(rows[0], timeKey(key))
	default:
		value, err = c.list(rows, timeKey(key), links)
	}
	return value, true, err
}

func (c *Cache) list(rows []row, field string, links []*inventoryv1.Link) (any, error) {
	list := make([]any, 0, len(rows)+len(links))
	for _, r := range rows {
		value, err := c.row(r, field)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	for _, link := range links {
		value, err := decode(asset.JSON(link))
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// row decodes a row, or takes it from the cache, and adds its install time.
func (c *Cache) row(r row, field string) (any, error) {
	entry, err := c.decoded(r.asset)
	if err != nil {
		return nil, err
	}
	object, ok := entry.value.(map[string]any)
	if !ok || !r.takesTime(field) {
		return entry.value, nil
	}
	if c != nil {
		object = maps.Clone(object) // the cached one belongs to everybody
	}
	object[field] = timeText(r.seconds)
	return object, nil
}

func (c *Cache) decoded(a *snapshot.Asset) (decoded, error) {
	if c != nil {
		if entry, ok := c.entries.Get(a.Digest); ok {
			return entry, nil
		}
	}
	value, err := decode(a.Body, nil)
	if err != nil {
		return decoded{}, fmt.Errorf("asset %s: %w", a.Digest, err)
	}
	entry := decoded{value: value}
	if c != nil && len(a.Body) <= maxCachedBody {
		entry.name = slices.Clone(nameOf(a))
		c.entries.Add(a.Digest, entry)
	}
	return entry, nil
}

// nameOf is the package's nameOf, from the cache where it can be.
func (c *Cache) nameOf(a *snapshot.Asset) []byte {
	if c != nil {
		if entry, ok := c.entries.Peek(a.Digest); ok {
			return entry.name
		}
	}
	return nameOf(a)
}

// decode reads JSON that somebody just wrote, or passes on why they could not.
func decode(raw []byte, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, err
	}
	return value, nil
}
