// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"maps"
	"sync"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// settle is how old a source's last change must be before a result is kept: file times are coarse, and a second write
// within one tick would go unseen.
const settle = 2 * time.Second

// Cache remembers, for one process, what collectors made of their sources, and spares them the work while size, times
// and inodes of all sources are the same. It also remembers which collectors hang. The zero Cache is ready; a nil one
// remembers nothing. It is safe for concurrent use.
type Cache struct {
	mu      sync.Mutex
	entries map[string]entry
	busy    map[string]bool
	files   map[string]*memo
}

// entry is one collector's last result and the state of its sources before it was made.
type entry struct {
	stamps map[string]host.Stamp
	snap   *inventoryv1.Snapshot
	err    error
}

// look returns the state of the sources now, and the kept result if it was made from that very state.
func (c *Cache) look(h host.Host, col Collector) (now map[string]host.Stamp, hit *entry) {
	if c == nil || len(col.Sources) == 0 {
		return nil, nil
	}
	now = stamps(h, col.Sources)
	if now == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[col.Name]; ok && maps.Equal(e.stamps, now) {
		return now, &e
	}
	return now, nil
}

// keep stores a result whose sources were in the state before when it began, unless they moved or may still move unseen.
func (c *Cache) keep(h host.Host, col Collector, before map[string]host.Stamp, r result) {
	if c == nil || before == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, col.Name)
	if r.err != nil && !errors.Is(r.err, ErrAbsent) {
		return
	}
	quiet := time.Now().Add(-settle)
	for _, s := range before {
		if !s.Before(quiet) {
			return
		}
	}
	if !maps.Equal(before, stamps(h, col.Sources)) {
		return
	}
	if c.entries == nil {
		c.entries = map[string]entry{}
	}
	c.entries[col.Name] = entry{stamps: before, snap: r.snap, err: r.err}
}

// enter books that a collector starts; it refuses while an earlier run of it has not ended.
func (c *Cache) enter(name string) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[name] {
		return false
	}
	if c.busy == nil {
		c.busy = map[string]bool{}
	}
	c.busy[name] = true
	return true
}

// leave books that a collector ended.
func (c *Cache) leave(name string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, name)
}

// filesOf returns what a collector remembers of single files; a new memo for a nil Cache.
func (c *Cache) filesOf(name string) *memo {
	if c == nil {
		return &memo{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[string]*memo{}
	}
	if c.files[name] == nil {
		c.files[name] = &memo{}
	}
	return c.files[name]
}

// stamps looks at all sources; nil when one cannot be looked at.
func stamps(h host.Host, sources []string) map[string]host.Stamp {
	found := make(map[string]host.Stamp, len(sources))
	for _, name := range sources {
		s, err := host.StampOf(h.FS(), name)
		if err != nil {
			return nil
		}
		found[name] = s
	}
	return found
}
