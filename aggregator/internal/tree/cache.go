// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// maxCachedBody is the largest body whose decoded form is kept, in bytes.
const maxCachedBody = 4 << 10

// Cache keeps decoded bodies, so that what many machines share is decoded once.
// A nil Cache keeps nothing. It is safe for concurrent use.
type Cache struct {
	mu      sync.Mutex
	entries *lru.LRU[asset.Digest, *decoded]
}

// decoded is a body that was read. It belongs to all trees that have it.
type decoded struct {
	value any
	name  []byte // nameOf
	own   bool   // it says a time itself
}

// NewCache returns a cache of that many bodies; one of a usual package takes
// about 2 KB.
func NewCache(entries int) *Cache {
	if entries <= 0 {
		return nil
	}
	cache, err := lru.NewLRU[asset.Digest, *decoded](entries, nil)
	if err != nil {
		return nil // only a size below 1 is an error
	}
	return &Cache{entries: cache}
}

// decodeAll returns assets of one kind decoded, in their order; field is its
// timeKey. A section has thousands: the cache is locked once for all of them.
func (c *Cache) decodeAll(assets []*snapshot.Asset, field string) ([]*decoded, error) {
	out := c.get(assets)
	var fresh []int
	for i, a := range assets {
		if out[i] != nil {
			continue
		}
		value, err := decode(a.Body, nil)
		if err != nil {
			return nil, fmt.Errorf("asset %s: %w", a.Digest, err)
		}
		out[i] = &decoded{value: withRoom(value, field), name: nameOf(a), own: saysTime(a.Body, field)}
		fresh = append(fresh, i)
	}
	c.put(assets, out, fresh)
	return out, nil
}

// get returns what the cache has of assets, in their order, nil for the rest.
func (c *Cache) get(assets []*snapshot.Asset) []*decoded {
	out := make([]*decoded, len(assets))
	if c == nil {
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, a := range assets {
		out[i], _ = c.entries.Get(a.Digest)
	}
	return out
}

// put keeps those of the assets at the given places that are not too large.
func (c *Cache) put(assets []*snapshot.Asset, entries []*decoded, places []int) {
	if c == nil || len(places) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range places {
		if len(assets[i].Body) <= maxCachedBody {
			entries[i].name = slices.Clone(entries[i].name) // not the whole body
			c.entries.Add(assets[i].Digest, entries[i])
		}
	}
}

// with returns the row with an install time in it.
func (d *decoded) with(field, time string) any {
	object, ok := d.value.(map[string]any)
	if !ok {
		return d.value
	}
	timed := maps.Clone(object)
	timed[field] = time
	return timed
}

// withRoom returns a row that can take its field without growing: a copy of it has
// as much room, and growing costs more than copying.
func withRoom(value any, field string) any {
	object, ok := value.(map[string]any)
	if !ok || field == "" {
		return value
	}
	roomy := make(map[string]any, len(object)+1)
	maps.Copy(roomy, object)
	return roomy
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
