// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Flags of an encoded delta.
const (
	flagShared = 1 << iota
	flagBefore
	flagAfter
	flagEdits // edits of install times follow, and no facts …
	flagWhole // … unless this says so: then they come first
)

var errFlags = errors.New("packed change of a form that does not go with its kind")

// EncodeDeltas returns the delta column of a change.
func EncodeDeltas(deltas []Delta) []byte {
	var raw []byte
	for i := range deltas {
		d := &deltas[i]
		raw = appendText(raw, d.Kind)
		flags := d.flags()
		raw = append(raw, flags)
		if d.Shared {
			raw = appendIDs(raw, d.AddedIDs)
			raw = appendIDs(raw, d.RemovedIDs)
			continue
		}
		if flags&flagEdits == 0 || flags&flagWhole != 0 {
			raw = appendFacts(raw, d.Kind, d.Added)
			raw = appendFacts(raw, d.Kind, d.Removed)
		}
		if flags&flagEdits != 0 {
			raw = appendEdits(raw, d.Edits, true)
		}
	}
	return squeeze(raw)
}

// DecodeDeltas reads what EncodeDeltas wrote.
func DecodeDeltas(packed []byte) ([]Delta, error) {
	raw, err := unsqueeze(packed)
	if err != nil {
		return nil, fmt.Errorf("delta: %w", err)
	}
	var deltas []Delta
	r := reader{in: raw}
	for r.more() {
		d := Delta{Kind: string(r.text())}
		r.delta(&d)
		if deltas = append(deltas, d); len(deltas) > maxKinds {
			r.fail(errMany)
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("delta: %w", r.err)
	}
	return deltas, nil
}

// delta reads what stands behind the name of a kind.
func (r *reader) delta(d *Delta) {
	flags := r.byte()
	d.Shared, d.Before, d.After = flags&flagShared != 0, flags&flagBefore != 0, flags&flagAfter != 0
	edits, whole := flags&flagEdits != 0, flags&flagWhole != 0
	if edits && (d.Kind != snapshot.KindInstallTimes || d.Shared || !d.Before || !d.After) {
		r.fail(errFlags)
		return
	}
	if d.Shared {
		d.AddedIDs, d.RemovedIDs = r.ids(), r.ids()
		return
	}
	if !edits || whole {
		d.Added, d.Removed = r.facts(d.Kind), r.facts(d.Kind)
	}
	if edits {
		d.Edits = r.edits(true)
	}
}

func (d *Delta) flags() byte {
	var flags byte
	if d.Shared {
		flags |= flagShared
	}
	if d.Before {
		flags |= flagBefore
	}
	if d.After {
		flags |= flagAfter
	}
	if len(d.Edits) > 0 {
		flags |= flagEdits
		if len(d.Added)+len(d.Removed) > 0 {
			flags |= flagWhole
		}
	}
	return flags
}

func appendFacts(out []byte, kind string, facts []snapshot.Asset) []byte {
	if kind == snapshot.KindInstallTimes {
		return appendTimes(out, facts)
	}
	out = binary.AppendUvarint(out, uint64(len(facts)))
	for i := range facts {
		out = appendText(out, facts[i].Body)
	}
	return out
}

func (r *reader) facts(kind string) []snapshot.Asset {
	if kind == snapshot.KindInstallTimes {
		return r.times(kind)
	}
	n := r.count()
	out := make([]snapshot.Asset, 0, n)
	for range n {
		body := r.text()
		if r.err != nil {
			return nil
		}
		out = append(out, fact(kind, body))
	}
	return out
}
