// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	cachedMachines = 10_000 // some kilobyte each
	maxMachineAge  = time.Minute
)

// machine is what events say of their machine, and what filters go by.
type machine struct {
	serial   string
	section  json.RawMessage // nil: nothing is known
	platform string
	tags     []int64
	read     time.Time
}

// base returns an event about the machine.
func (m *machine) base(id int64) event.Event {
	return event.Event{MachineID: id, SerialNumber: m.serial, Machine: m.section, Platform: m.platform, MachineTags: m.tags}
}

// machineCache keeps machines of one epoch for a while. It is safe for concurrent use.
type machineCache struct {
	mu      sync.Mutex
	epoch   string
	entries *lru.LRU[int64, *machine]
}

func newMachineCache() *machineCache {
	entries, _ := lru.NewLRU[int64, *machine](cachedMachines, nil) // only a size below 1 is an error
	return &machineCache{entries: entries}
}

// get puts those that are kept and young into found, and returns the ids of the others, each once. changed are not to
// be taken from here any more.
func (c *machineCache) get(epoch string, ids []int64, changed map[int64]bool, found map[int64]*machine) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		c.entries.Purge()
		c.epoch = epoch
	}
	for id := range changed {
		c.entries.Remove(id)
	}
	var missing []int64
	for _, id := range ids {
		if m, ok := c.entries.Get(id); ok && time.Since(m.read) < maxMachineAge {
			found[id] = m
		} else {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func (c *machineCache) put(epoch string, id int64, m *machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch == epoch {
		c.entries.Add(id, m)
	}
}

// loadMachines returns machines by id; changed are those that are certainly others than they were.
func (f *Feed) loadMachines(ctx context.Context, ids []int64, changed map[int64]bool) (map[int64]*machine, error) {
	found := make(map[int64]*machine, len(ids))
	epoch, now := f.store.CurrentEpoch(), time.Now()
	missing := f.machines.get(epoch, ids, changed, found)
	if len(missing) == 0 {
		return found, nil
	}
	read, err := f.store.EventMachines(ctx, missing, !f.options.WithoutGroups)
	if err != nil {
		return nil, err
	}
	for id, stored := range read {
		m := &machine{serial: stored.Serial, read: now}
		summaries := make([]store.Summary, len(stored.Heads))
		for i := range stored.Heads {
			summaries[i] = stored.Heads[i].Summary
		}
		summary := store.SumUp(summaries)
		m.platform = summary.Platform
		for _, tag := range stored.Tags {
			m.tags = append(m.tags, tag.ID)
		}
		if m.section, err = f.section(stored, summary); err != nil {
			return nil, err
		}
		found[id] = m
		f.machines.put(epoch, id, m)
	}
	return found, nil
}

// section returns the "machine" of an envelope; nil when there is nothing to say.
func (f *Feed) section(m *store.EventMachine, summary store.Summary) (json.RawMessage, error) {
	section := map[string]any{}
	var units []store.BusinessUnit
	for i := range m.Heads {
		h := &m.Heads[i]
		if about := f.aboutHead(h); len(about) > 0 {
			section[cmp.Or(store.Slugify(h.Source.Name), strings.ToLower(h.Source.Name))] = about
		}
		if h.UnitMeta.ID != 0 {
			units = append(units, h.UnitMeta)
		}
	}
	slices.SortFunc(units, func(a, b store.BusinessUnit) int { return cmp.Compare(a.ID, b.ID) })
	if units = slices.Compact(units); len(units) > 0 {
		section["meta_business_units"] = units
	}
	if len(m.Tags) > 0 {
		section["tags"] = m.Tags
	}
	setText(section, "platform", summary.Platform)
	setText(section, "type", summary.Type)
	if len(section) == 0 {
		return nil, nil
	}
	return encode(section)
}

// aboutHead returns what one source says.
func (f *Feed) aboutHead(h *store.EventHead) map[string]any {
	about := map[string]any{}
	setText(about, "name", h.Summary.ComputerName)
	setText(about, "os_version", h.Summary.OSVersion)
	if h.Unit != nil && !h.OwnUnit {
		about["business_unit"] = unitOf(h.Unit)
	}
	if len(h.Groups) > 0 {
		groups := make([]unit, len(h.Groups))
		for i := range h.Groups {
			groups[i] = unitOf(&h.Groups[i])
		}
		slices.SortFunc(groups, func(a, b unit) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Key, b.Key))
		})
		about["groups"] = groups
	}
	if h.User != (store.PrincipalUser{}) && !f.options.WithoutPrincipalUser {
		about["principal_user"] = map[string]string{"unique_id": h.User.UniqueID, "principal_name": h.User.PrincipalName}
	}
	return about
}

// unit is how events name a business unit or a group.
type unit struct {
	Reference string `json:"reference"`
	Key       string `json:"key"` // its first 8 digits
	Name      string `json:"name"`
}

func unitOf(u *store.ReportedUnit) unit { return unit{u.Reference, u.Key()[:8], u.Name} }

func setText(object map[string]any, key, text string) {
	if text != "" {
		object[key] = text
	}
}

// encode is json.Marshal without HTML's escapes.
func encode(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
