// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Acknowledged is what the aggregator said it holds.
type Acknowledged struct {
	Sections map[string]Held // by kind
}

// Held is one acknowledged section.
type Held struct {
	Digest asset.Digest
	IDs    []asset.ID // ascending
	Known  bool       // false: only the digest is known, IDs is empty
}

// Digests returns the section digests by kind.
func (a Acknowledged) Digests() map[string]asset.Digest {
	digests := make(map[string]asset.Digest, len(a.Sections))
	for kind, held := range a.Sections {
		digests[kind] = held.Digest
	}
	return digests
}

// Root returns the root of the acknowledged sections, the zero Digest when there are none.
func (a Acknowledged) Root() asset.Digest {
	if len(a.Sections) == 0 {
		return asset.Digest{}
	}
	return snapshot.Root(a.Digests())
}

// HeldOf returns what is kept of a section once the aggregator holds it.
func HeldOf(s *snapshot.Section) Held {
	ids := make([]asset.ID, len(s.Assets))
	for i := range s.Assets {
		ids[i] = s.Assets[i].Digest.ID()
	}
	return Held{Digest: s.Digest(), IDs: ids, Known: true}
}

// Pending is a collected snapshot on its way to the aggregator. A kind that it does not name is dropped.
type Pending struct {
	Set  snapshot.Sections // whole sections, empty ones included
	Keep map[string]bool   // kinds that were not collected this time: the aggregator's sections stay
}

// After returns p with the kinds it keeps taken from an earlier pending snapshot where that one has them: nobody else
// holds these sections yet.
func (p Pending) After(earlier *Pending) Pending {
	if earlier == nil {
		return p
	}
	merged := Pending{Set: maps.Clone(p.Set), Keep: maps.Clone(p.Keep)}
	for kind := range p.Keep {
		if section, ok := earlier.Set[kind]; ok {
			merged.Set[kind] = section
			delete(merged.Keep, kind)
		}
	}
	return merged
}

// Equal tells whether two snapshots would be pushed alike.
func (p Pending) Equal(other *Pending) bool {
	return other != nil && maps.Equal(p.Keep, other.Keep) && maps.Equal(p.Set.Digests(), other.Set.Digests())
}

// Source is the part of the spool that belongs to one source.
type Source struct {
	spool        *Spool
	name         string
	acknowledged *Acknowledged // nil until read
}

// Source returns the part of the source with that name, a word such as `rollcall`. It is not safe for concurrent use.
func (s *Spool) Source(name string) *Source { return &Source{spool: s, name: folder + name} }

// Acknowledged returns what the aggregator holds as far as the spool knows; empty at first. The caller does not
// change it.
func (s *Source) Acknowledged() (Acknowledged, error) {
	if s.acknowledged != nil {
		return *s.acknowledged, nil
	}
	payload, err := s.spool.read(s.name + ".acknowledged")
	if err != nil {
		return Acknowledged{}, err
	}
	a, err := decodeAcknowledged(payload)
	if err != nil {
		s.spool.damaged(s.name+".acknowledged", err)
		a = Acknowledged{}
	}
	s.acknowledged = &a
	return a, nil
}

// Acknowledge stores what the aggregator holds now.
func (s *Source) Acknowledge(a Acknowledged) error {
	content, err := encodeAcknowledged(a)
	if err != nil {
		return err
	}
	s.acknowledged = nil // unknown until the write ended
	if err := s.spool.dir.Write(s.name+".acknowledged", seal(content)); err != nil {
		return fmt.Errorf("store acknowledged sections: %w", err)
	}
	s.acknowledged = &a
	return nil
}

// Pending returns the pending snapshot, nil when there is none.
func (s *Source) Pending() (*Pending, error) {
	payload, err := s.spool.read(s.name + ".pending")
	if err != nil || payload == nil {
		return nil, err
	}
	p, err := decodePending(payload)
	if err != nil {
		s.spool.damaged(s.name+".pending", err)
		return nil, nil
	}
	return p, nil
}

// SetPending stores a snapshot in place of the pending one.
func (s *Source) SetPending(p Pending) error {
	content, err := encodePending(p)
	if err != nil {
		return err
	}
	if len(content) > maxFileBytes-1024 {
		return fmt.Errorf("pending snapshot of %d bytes, the limit is %d", len(content), maxFileBytes-1024)
	}
	if err := s.spool.dir.Write(s.name+".pending", seal(content)); err != nil {
		return fmt.Errorf("store pending snapshot: %w", err)
	}
	return nil
}

// ClearPending forgets the pending snapshot: the aggregator said that it has it.
func (s *Source) ClearPending() error {
	if err := s.spool.dir.Remove(s.name + ".pending"); err != nil {
		return fmt.Errorf("forget pending snapshot: %w", err)
	}
	return nil
}

// Forget drops what was acknowledged: another identity starts with nothing. The pending snapshot stays.
func (s *Source) Forget() error {
	s.acknowledged = &Acknowledged{}
	if err := s.spool.dir.Remove(s.name + ".acknowledged"); err != nil {
		return fmt.Errorf("forget acknowledged sections: %w", err)
	}
	return nil
}

// PendingSince returns when the pending snapshot of a source was stored; false when there is none. It needs no lock.
func PendingSince(dir *state.Dir, source string) (time.Time, bool) {
	info, err := os.Stat(filepath.Join(dir.Path(), folder+source+".pending"))
	if err != nil {
		return time.Time{}, false
	}
	return info.ModTime(), true
}
