// SPDX-License-Identifier: Apache-2.0

package store

import "sync"

// generations is a bounded map that forgets what was not asked for: when the young half is full it becomes the old
// one, and what is found in the old half moves back. It is safe for concurrent use.
type generations[K comparable, V any] struct {
	mu         sync.RWMutex
	young, old map[K]V
	half       int
}

func newGenerations[K comparable, V any](limit int) *generations[K, V] {
	return &generations[K, V]{young: map[K]V{}, half: limit / 2}
}

func (g *generations[K, V]) get(key K) (V, bool) {
	g.mu.RLock()
	v, young := g.young[key]
	if young {
		g.mu.RUnlock()
		return v, true
	}
	v, ok := g.old[key]
	g.mu.RUnlock()
	if ok {
		g.put(key, v)
	}
	return v, ok
}

func (g *generations[K, V]) put(key K, value V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.young) >= g.half {
		g.old, g.young = g.young, make(map[K]V, g.half/4)
	}
	g.young[key] = value
}

// clear forgets everything.
func (g *generations[K, V]) clear() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.young, g.old = map[K]V{}, nil
}
