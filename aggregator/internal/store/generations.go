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

// getAll hands what it holds of many keys to found with its position, under one lock: a section asks for thousands.
func (g *generations[K, V]) getAll(keys []K, found func(i int, v V)) {
	var aged []int // positions of what moves back
	g.mu.RLock()
	for i, key := range keys {
		v, ok := g.young[key]
		if !ok {
			if v, ok = g.old[key]; ok {
				aged = append(aged, i)
			}
		}
		if ok {
			found(i, v)
		}
	}
	g.mu.RUnlock()
	for _, i := range aged {
		g.renew(keys[i])
	}
}

// renew moves a value to the young half, unless it was replaced or forgotten since it was found.
func (g *generations[K, V]) renew(key K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	value, ok := g.old[key]
	if _, young := g.young[key]; ok && !young {
		g.insert(key, value)
	}
}

func (g *generations[K, V]) put(key K, value V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.insert(key, value)
}

// insert needs the lock.
func (g *generations[K, V]) insert(key K, value V) {
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
