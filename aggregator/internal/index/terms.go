// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
)

// term returns the known machines for which a term is true.
func (e *evaluation) term(t filter.Term) *roaring.Bitmap {
	s := e.state
	switch t.Field {
	case filter.Platform:
		return keyed(s.ofPlatform, func(platform string) bool { return t.Value.Match(strings.ToLower(platform)) })
	case filter.Type:
		return keyed(s.ofType, func(kind string) bool { return t.Value.Match(strings.ToLower(kind)) })
	case filter.Tag:
		return keyed(s.ofTag, named(e.names.Tags, t.Value))
	case filter.Taxonomy:
		return keyed(s.ofTag, named(e.names.Taxonomies, t.Value))
	case filter.Source:
		heads := keyed(s.ofSource, func(id int32) bool { return t.Value.Match(strings.ToLower(s.sources[id].Name)) })
		heads.And(s.live)
		return machinesIn(heads)
	case filter.Check:
		return e.check(t)
	case filter.Status:
		return keyed(s.ofOverall, func(status compliance.Status) bool { return status == t.Status })
	case filter.Group:
		u := union{live: s.live, found: roaring.New()}
		if k := s.catalog.kinds[groupKind]; k != nil {
			e.ofKind(k, filter.Asset{{Field: filter.SoftwareName, Op: filter.Matches, Value: t.Value}}, &u)
		}
		return u.machines()
	default:
		return e.scan(e.holds(t))
	}
}

// keyed unites the bitmaps whose keys are wanted; the caller owns what it returns.
func keyed[K comparable](of map[K]*roaring.Bitmap, wanted func(K) bool) *roaring.Bitmap {
	found := roaring.New()
	for key, b := range of {
		if wanted(key) {
			found.Or(b)
		}
	}
	return found
}

// named returns whether what has a number has a name of the pattern.
func named(names map[int64]string, value filter.Pattern) func(int64) bool {
	return func(id int64) bool {
		name, ok := names[id]
		return ok && value.Match(strings.ToLower(name))
	}
}

// scan asks each machine that matters.
func (e *evaluation) scan(holds func(*machine) bool) *roaring.Bitmap {
	found := roaring.New()
	var buffer [1024]uint32
	it := e.all.ManyIterator()
	for n := it.NextMany(buffer[:]); n > 0; n = it.NextMany(buffer[:]) {
		holding := buffer[:0]
		for _, number := range buffer[:n] {
			if holds(e.state.byNumber[number]) {
				holding = append(holding, number)
			}
		}
		found.AddMany(holding)
	}
	return found
}

// holds returns the test of a term that every machine has to be asked for.
func (e *evaluation) holds(t filter.Term) func(*machine) bool {
	switch t.Field {
	case filter.Text:
		return func(m *machine) bool { return t.Value.Within(m.lowerSerial) || lineOf(m, t.Value.Within) }
	case filter.SerialNumber:
		return func(m *machine) bool { return t.Value.Match(m.lowerSerial) }
	case filter.ComputerName:
		return func(m *machine) bool { return lineOf(m, t.Value.Match) }
	case filter.OSVersion:
		match := remembered(t.Value)
		return func(m *machine) bool { return match(m.osVersion) }
	case filter.HardwareModel:
		match := remembered(t.Value)
		return ofLive(func(h *head) bool { return match(h.summary.HardwareModel) })
	case filter.BusinessUnit:
		return ofLive(func(h *head) bool { return anyMatches(e.names.Units[h.summary.BusinessUnit], t.Value) })
	case filter.PrincipalUser:
		return ofLive(func(h *head) bool { return h.usedBy(t.Value) })
	case filter.LastSeen:
		return e.seen(t)
	}
	return func(*machine) bool { return false } // the doors refuse what the index does not know
}

func anyMatches(names []string, value filter.Pattern) bool {
	return slices.ContainsFunc(names, func(name string) bool { return value.Match(strings.ToLower(name)) })
}

func ofLive(holds func(*head) bool) func(*machine) bool {
	return func(m *machine) bool {
		for _, h := range m.heads {
			if !h.archived && holds(h) {
				return true
			}
		}
		return false
	}
}

// lineOf tests the computer names that the live heads give a machine.
func lineOf(m *machine, test func(string) bool) bool {
	if !strings.Contains(m.lowerNames, "\n") {
		return test(m.lowerNames)
	}
	for name := range strings.SplitSeq(m.lowerNames, "\n") {
		if test(name) {
			return true
		}
	}
	return false
}

// remembered matches each text once: many machines have the same.
func remembered(value filter.Pattern) func(string) bool {
	known := map[string]bool{}
	return func(text string) bool {
		match, ok := known[text]
		if !ok {
			match = value.Match(strings.ToLower(text))
			known[text] = match
		}
		return match
	}
}

// usedBy tells whether the principal user goes by a name.
func (h *head) usedBy(value filter.Pattern) bool {
	if h.user == nil {
		return false
	}
	for _, name := range []string{h.user.UniqueID, h.user.PrincipalName, h.user.DisplayName} {
		if name != "" && value.Match(strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// seen compares when a machine was seen last with a moment, or how long ago that is with an age.
func (e *evaluation) seen(t filter.Term) func(*machine) bool {
	if t.Moment.IsZero() {
		return func(m *machine) bool { return ordered(t.Op, int(max(min(e.now.Sub(m.lastSeen())-t.Age, 1), -1))) }
	}
	return func(m *machine) bool { return ordered(t.Op, m.lastSeen().Compare(t.Moment)) }
}

// ordered tells whether an operator holds where the left side is less than the right (-1), equal (0) or greater (1).
func ordered(op filter.Op, order int) bool {
	switch op {
	case filter.Less:
		return order < 0
	case filter.LessEqual:
		return order <= 0
	case filter.Greater:
		return order > 0
	case filter.GreaterEqual:
		return order >= 0
	}
	return false
}

// check returns the machines for which a check of that name has the status.
func (e *evaluation) check(t filter.Term) *roaring.Bitmap {
	heads := roaring.New()
	wanted := named(e.names.Checks, t.Value)
	for check, of := range e.state.statuses {
		if !wanted(check) {
			continue
		}
		for status, b := range of {
			if t.Any || status == t.Status {
				heads.Or(b)
			}
		}
	}
	heads.And(e.state.live)
	return machinesIn(heads)
}
