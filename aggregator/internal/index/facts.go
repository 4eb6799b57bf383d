// SPDX-License-Identifier: Apache-2.0

package index

import (
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// detach takes a machine out of all counts and bitmaps but those of assets and statuses, so that it can be changed.
func (s *state) detach(m *machine) {
	for _, h := range m.heads {
		s.live.Remove(h.ordinal)
		remove(s.ofSource, h.source, h.ordinal)
		remove(s.saying.platform, h.summary.Platform, h.ordinal)
		remove(s.saying.kind, h.summary.Type, h.ordinal)
	}
	if !m.known {
		return
	}
	m.known = false
	remove(s.ofPlatform, m.platform, m.number)
	remove(s.ofType, m.kind, m.number)
	for _, tag := range m.tags {
		remove(s.ofTag, tag, m.number)
	}
	if m.overall != nil {
		remove(s.ofOverall, *m.overall, m.number)
	}
	of := system{m.platform, m.osVersion}
	if s.ofSystem[of]--; s.ofSystem[of] == 0 {
		delete(s.ofSystem, of)
	}
}

// attach is the way back: it sums the machine up and counts it in.
func (s *state) attach(m *machine) {
	for _, h := range m.heads {
		add(s.ofSource, h.source, h.ordinal)
		if !h.archived {
			s.live.Add(h.ordinal)
			add(s.saying.platform, h.summary.Platform, h.ordinal)
			add(s.saying.kind, h.summary.Type, h.ordinal)
		}
	}
	m.sumUp()
	if !m.known {
		return
	}
	add(s.ofPlatform, m.platform, m.number)
	add(s.ofType, m.kind, m.number)
	for _, tag := range m.tags {
		add(s.ofTag, tag, m.number)
	}
	if m.overall != nil {
		add(s.ofOverall, *m.overall, m.number)
	}
	s.ofSystem[system{m.platform, m.osVersion}]++
}

// sumUp fills in what the live heads together say.
func (m *machine) sumUp() {
	var live []store.Summary
	var names []string
	for _, h := range m.heads {
		if !h.archived {
			live, names = append(live, h.summary), append(names, strings.ToLower(h.summary.ComputerName))
		}
	}
	m.known = len(live) > 0
	all := store.SumUp(live)
	m.computerName, m.platform, m.kind, m.osVersion = all.ComputerName, all.Platform, all.Type, all.OSVersion
	if m.lowerNames = strings.Join(names, "\n"); m.lowerNames == m.computerName {
		m.lowerNames = m.computerName // one copy
	}
}

// listed returns what lists show of a known machine.
func (s *state) listed(m *machine) store.Machine {
	out := store.Machine{
		ID: m.id, SerialNumber: m.serial, ComputerName: m.computerName, Platform: m.platform, Type: m.kind,
		OSVersion: m.osVersion, LastSeen: m.lastSeen(),
	}
	for _, h := range m.heads {
		if source, ok := s.sources[h.source]; ok && !h.archived {
			out.Sources = append(out.Sources, source)
		}
	}
	return out
}

// lastSeen is when any live head was seen last.
func (m *machine) lastSeen() time.Time {
	var last time.Time
	for _, h := range m.heads {
		if !h.archived && h.lastSeen.After(last) {
			last = h.lastSeen
		}
	}
	return last
}
