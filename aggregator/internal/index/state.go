// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// An ordinal stands for a head in bitmaps. Its low bits number the machine; the high ones are the layer, which tells the
// heads of one machine apart. Machines have mostly one head, which lies in layer 0, so that a bitmap of heads is nearly
// one of machines, and shifting the layers onto each other makes it one (machinesIn).
const (
	layerBits = 24
	layerSize = 1 << layerBits // so many machines
	maxLayers = 1 << (32 - layerBits)
)

// state is everything the index knows. Its owner is the goroutine of Run; others read it below Index.mu.
type state struct {
	catalog  catalog
	sources  map[int32]store.Source
	byHead   map[int64]*head
	machines map[int64]*machine // by their ids in the store
	byNumber []*machine         // nil: the number is free
	free     []uint32
	bySerial []*machine // in order, but for those in unsorted
	unsorted []*machine

	live     *roaring.Bitmap // heads that are not archived
	ofSource map[int32]*roaring.Bitmap
	saying   struct { // live heads by what their own snapshot says
		platform, kind map[string]*roaring.Bitmap
	}
	statuses map[int64]map[compliance.Status]*roaring.Bitmap

	// Of the known machines, by number.
	ofPlatform map[string]*roaring.Bitmap
	ofType     map[string]*roaring.Bitmap
	ofTag      map[int64]*roaring.Bitmap
	ofOverall  map[compliance.Status]*roaring.Bitmap
	ofSystem   map[system]int64

	texts map[string]string // each once; see text

	// Of the owner alone.
	position   store.Position          // every entry of the journal up to here was applied
	applied    map[store.Position]bool // those behind it that were applied too
	newestSeen time.Time
	newestHead int64
	minutes    int // that it has lived
}

// system is what Stats counts machines by.
type system struct{ platform, osVersion string }

// head is one head, archived or not.
type head struct {
	id        int64
	machine   *machine
	ordinal   uint32
	source    int32
	archived  bool
	seq       int64
	changedAt time.Time
	lastSeen  time.Time
	summary   store.Summary
	user      *store.PrincipalUser // nil: nobody
}

// machine is a machine that has heads, and what its live ones together say about it.
type machine struct {
	id     int64
	number uint32
	serial string
	heads  []*head // by id
	tags   []int64

	overall *compliance.Status // nil: none

	known        bool // has a live head
	computerName string
	platform     string
	kind         string
	osVersion    string
	lowerSerial  string
	lowerNames   string // of all live heads, a line each
}

func newState() *state {
	s := &state{
		catalog: newCatalog(), sources: map[int32]store.Source{}, byHead: map[int64]*head{}, machines: map[int64]*machine{},
		live: roaring.New(), ofSource: map[int32]*roaring.Bitmap{}, statuses: map[int64]map[compliance.Status]*roaring.Bitmap{},
		ofPlatform: map[string]*roaring.Bitmap{}, ofType: map[string]*roaring.Bitmap{}, ofTag: map[int64]*roaring.Bitmap{},
		ofOverall: map[compliance.Status]*roaring.Bitmap{}, ofSystem: map[system]int64{}, texts: map[string]string{}, applied: map[store.Position]bool{},
	}
	s.saying.platform, s.saying.kind = map[string]*roaring.Bitmap{}, map[string]*roaring.Bitmap{}
	return s
}

// text returns the one copy of a text that many heads have.
func (s *state) text(t string) string {
	if known, ok := s.texts[t]; ok {
		return known
	}
	s.texts[t] = t
	return t
}

// ensureMachine returns the machine, giving it a number on first mention; nil when there is none left.
func (s *state) ensureMachine(id int64, serial string) *machine {
	if m := s.machines[id]; m != nil {
		return m
	}
	m := &machine{id: id, serial: serial}
	if m.lowerSerial = strings.ToLower(serial); m.lowerSerial == m.serial {
		m.lowerSerial = m.serial
	}
	switch last := len(s.free) - 1; {
	case last >= 0:
		m.number, s.free = s.free[last], s.free[:last]
		s.byNumber[m.number] = m
	case len(s.byNumber) == layerSize:
		return nil
	default:
		m.number = uint32(len(s.byNumber))
		s.byNumber = append(s.byNumber, m)
	}
	s.machines[id] = m
	s.unsorted = append(s.unsorted, m)
	return m
}

// ensureHead returns the head, making it and its machine on first mention; nil when there are as many as ordinals can
// tell apart.
func (s *state) ensureHead(u *update) *head {
	if h := s.byHead[u.ID]; h != nil {
		return h
	}
	m := s.ensureMachine(u.Machine, u.Serial)
	if m == nil {
		return nil
	}
	return s.addHead(m, u.ID)
}

func (s *state) addHead(m *machine, id int64) *head {
	taken := [maxLayers]bool{}
	for _, h := range m.heads {
		taken[h.ordinal>>layerBits] = true
	}
	layer := slices.Index(taken[:], false)
	if layer < 0 {
		return nil
	}
	h := &head{id: id, machine: m, ordinal: uint32(layer)<<layerBits | m.number}
	at, _ := slices.BinarySearchFunc(m.heads, id, func(h *head, id int64) int { return int(min(max(h.id-id, -1), 1)) })
	m.heads = slices.Insert(m.heads, at, h)
	s.byHead[id] = h
	s.newestHead = max(s.newestHead, id)
	return h
}

// dropHead forgets a head of a detached machine, but not its assets: see catalog.forget.
func (s *state) dropHead(h *head) {
	delete(s.byHead, h.id)
	h.machine.heads = slices.DeleteFunc(h.machine.heads, func(other *head) bool { return other == h })
	s.dropStatuses(h)
}

// dropMachine forgets a detached machine that has no heads any more.
func (s *state) dropMachine(m *machine) {
	delete(s.machines, m.id)
	s.byNumber[m.number] = nil
	s.free = append(s.free, m.number)
	same := func(other *machine) bool { return other == m }
	s.bySerial = slices.DeleteFunc(s.bySerial, same)
	s.unsorted = slices.DeleteFunc(s.unsorted, same)
}

// sort puts new machines into their places.
func (s *state) sort() {
	if len(s.unsorted) == 0 {
		return
	}
	bySerial := func(a, b *machine) int { return strings.Compare(a.serial, b.serial) }
	slices.SortFunc(s.unsorted, bySerial)
	merged := make([]*machine, 0, len(s.bySerial)+len(s.unsorted))
	old := s.bySerial
	for _, m := range s.unsorted {
		n, _ := slices.BinarySearchFunc(old, m, bySerial)
		merged = append(append(merged, old[:n]...), m)
		old = old[n:]
	}
	s.bySerial, s.unsorted = append(merged, old...), nil
}

// dropStatuses forgets the statuses that were computed from a head.
func (s *state) dropStatuses(h *head) {
	for _, of := range s.statuses {
		for _, heads := range of {
			heads.Remove(h.ordinal)
		}
	}
}

// addStatuses notes the statuses that were computed from a head that has none.
func (s *state) addStatuses(h *head, statuses []store.IndexStatus) {
	for _, status := range statuses {
		of := s.statuses[status.Check]
		if of == nil {
			of = map[compliance.Status]*roaring.Bitmap{}
			s.statuses[status.Check] = of
		}
		add(of, status.Status, h.ordinal)
	}
}

// keepChecks drops the statuses of checks that are no more.
func (s *state) keepChecks(ids []int64) {
	for check := range s.statuses {
		if !slices.Contains(ids, check) {
			delete(s.statuses, check)
		}
	}
}

// add puts a number into one of several bitmaps, and remove takes it out of it.
func add[K comparable](of map[K]*roaring.Bitmap, key K, number uint32) {
	b := of[key]
	if b == nil {
		b = roaring.New()
		of[key] = b
	}
	b.Add(number)
}

func remove[K comparable](of map[K]*roaring.Bitmap, key K, number uint32) {
	b := of[key]
	if b == nil {
		return
	}
	if b.Remove(number); b.IsEmpty() {
		delete(of, key)
	}
}

// machinesIn turns a bitmap of heads into one of machines. It may return heads itself.
func machinesIn(heads *roaring.Bitmap) *roaring.Bitmap {
	if heads.IsEmpty() || heads.Maximum() < layerSize {
		return heads
	}
	machines := heads.Clone()
	for layer := heads.Maximum() >> layerBits; layer > 0; layer-- {
		machines.Or(roaring.AddOffset64(heads, -int64(layer)<<layerBits))
	}
	machines.RemoveRange(layerSize, 1<<32)
	return machines
}

// countMachines is the cardinality of machinesIn(a and b).
func countMachines(a, b *roaring.Bitmap) int {
	if a.IsEmpty() || a.Maximum() < layerSize {
		return int(a.AndCardinality(b))
	}
	return int(machinesIn(roaring.And(a, b)).GetCardinality())
}
