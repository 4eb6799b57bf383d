// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"sync"
	"time"
)

// expiring is a bounded map whose entries end after a while. It is safe for concurrent use.
type expiring[K comparable, V any] struct {
	limit    int
	lifetime time.Duration
	mu       sync.RWMutex
	entries  map[K]expiringEntry[V]
}

type expiringEntry[V any] struct {
	value V
	until time.Time
}

func newExpiring[K comparable, V any](limit int, lifetime time.Duration) *expiring[K, V] {
	return &expiring[K, V]{limit: limit, lifetime: lifetime, entries: map[K]expiringEntry[V]{}}
}

func (e *expiring[K, V]) get(key K) (V, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	entry, ok := e.entries[key]
	if !ok || time.Now().After(entry.until) {
		var none V
		return none, false
	}
	return entry.value, true
}

func (e *expiring[K, V]) put(key K, value V) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.entries) >= e.limit {
		e.shrink()
	}
	e.entries[key] = expiringEntry[V]{value: value, until: time.Now().Add(e.lifetime)}
}

// shrink drops what has ended and, when that is not enough, half of the rest.
func (e *expiring[K, V]) shrink() {
	now := time.Now()
	for key, entry := range e.entries {
		if now.After(entry.until) {
			delete(e.entries, key)
		}
	}
	for key := range e.entries {
		if len(e.entries) <= e.limit/2 {
			return
		}
		delete(e.entries, key)
	}
}

// clear drops everything.
func (e *expiring[K, V]) clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.entries)
}

func (e *expiring[K, V]) drop(key K) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.entries, key)
}
