// SPDX-License-Identifier: Apache-2.0

package tree

import "github.com/rollcall-inventory/rollcall/proto/snapshot"

// Build is (*Cache).Build without a cache.
func Build(sections snapshot.Sections, added Added, keys []string) (map[string]any, error) {
	return (*Cache)(nil).Build(sections, added, keys)
}

// Build returns a [Tree] as a whole. With keys it holds only those of them that
// the snapshot has; nil stands for all keys, an empty list for none.
func (c *Cache) Build(sections snapshot.Sections, added Added, keys []string) (map[string]any, error) {
	t := c.Tree(sections, added)
	if keys == nil {
		keys = keyOrder(sections)
	}
	return t.all(keys, true), t.err
}
