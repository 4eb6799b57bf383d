// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// detach takes a machine out of all counts and bitmaps but those of assets and statuses, so that it can be changed.
func (s *state) detach(m *machine) {
	for _, h := range m.heads {
		s.live.Remove(h.ordinal)
		remove(s.ofSource, h.source, h.ordinal)
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
	s.ofSystem[system{m.platform, m.osVersion}]++
}

// sumUp does what the store's machineFactsSQL does.
func (m *machine) sumUp() {
	m.known, m.computerName, m.osVersion = false, "", ""
	var platforms, kinds, names []string
	for _, h := range m.heads {
		if h.archived {
			continue
		}
		m.known = true
		if m.computerName == "" {
			m.computerName = h.summary.ComputerName
		}
		if m.osVersion == "" {
			m.osVersion = h.summary.OSVersion
		}
		platforms, kinds = append(platforms, h.summary.Platform), append(kinds, h.summary.Type)
		names = append(names, strings.ToLower(h.summary.ComputerName))
	}
	m.platform, m.kind = mode(platforms), mode(kinds)
	if m.lowerNames = strings.Join(names, "\n"); m.lowerNames == m.computerName {
		m.lowerNames = m.computerName // one copy
	}
}

// mode returns the text that most say, of several the first in order; those that say nothing do not count.
func mode(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	slices.Sort(texts)
	best, most := "", 0
	for i := 0; i < len(texts); {
		n := i
		for n < len(texts) && texts[n] == texts[i] {
			n++
		}
		if texts[i] != "" && n-i > most {
			best, most = texts[i], n-i
		}
		i = n
	}
	return best
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

// reportedBy tells whether a live head is of a source with that name.
func (s *state) reportedBy(m *machine, source string) bool {
	return slices.ContainsFunc(m.heads, func(h *head) bool { return !h.archived && s.sources[h.source].Name == source })
}
