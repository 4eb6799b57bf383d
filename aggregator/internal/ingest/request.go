// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// defaultModule is the module of the source that an unset one stands for.
const defaultModule = "rollcall.agent"

// instanceBytes is the length of an agent instance.
const instanceBytes = 16

// report is what every call about a snapshot begins with, checked.
type report struct {
	caller caller
	source store.Source
	stamp  commit.Stamp
}

// begin checks who calls and in which order. A frozen credential is refused; one that is used with other evidence than
// it was issued for becomes frozen.
func (s *Service) begin(ctx context.Context, stamp *syncv1.Stamp, source *syncv1.Source) (report, error) {
	r := report{caller: callerOf(ctx)}
	if unit, known := s.configurations.unitOf(r.caller.Enrollment); known { // it may have changed since the caller was read
		r.caller.BusinessUnit = unit
	}
	switch {
	case len(stamp.GetInstance()) != instanceBytes:
		return r, invalid("stamp.instance has %d bytes, want %d", len(stamp.GetInstance()), instanceBytes)
	case stamp.GetCounter() == 0 || stamp.GetCounter() > math.MaxInt64:
		return r, invalid("stamp.counter is %d, want 1 to %d", stamp.GetCounter(), uint64(math.MaxInt64))
	case r.caller.Frozen:
		return r, refuseFrozen(r.caller.FrozenWhy)
	case stamp.GetEvidence() != r.caller.Evidence:
		why := store.Conflict{Why: "it was issued to a machine with other evidence", Module: moduleOf(source)}
		return r, s.freeze(ctx, r.caller, why, stamp.GetInstance())
	}
	r.stamp = commit.Stamp{Instance: stamp.GetInstance(), Counter: stamp.GetCounter()}
	var err error
	r.source, err = s.sourceOf(ctx, source)
	return r, err
}

// sourceOf returns the source that a request names, which the caller's credential must be good for.
func (s *Service) sourceOf(ctx context.Context, source *syncv1.Source) (store.Source, error) {
	module, name := moduleOf(source), agentSources[defaultModule]
	if source != nil {
		name = source.GetName()
	}
	if agentSources[module] != name || !slices.Contains(callerOf(ctx).Modules, module) {
		return store.Source{}, connect.NewError(connect.CodePermissionDenied,
			fmt.Errorf("this credential may not report as %.64q of module %.64q", name, module))
	}
	if known, ok := s.sources.get(module); ok {
		return known, nil
	}
	known, err := s.store.EnsureSource(ctx, store.Source{Module: module, Name: name})
	if err != nil {
		return store.Source{}, unavailable(err)
	}
	s.sources.put(module, known)
	return known, nil
}

// moduleOf is the module that a request names, or leaves out.
func moduleOf(source *syncv1.Source) string {
	if source == nil {
		return defaultModule
	}
	return source.GetModule()
}

// push returns the part of a commit that every report has.
func (r *report) push(root []byte) (*commit.Push, error) {
	digest, err := asset.ParseDigest(root)
	if err != nil {
		return nil, invalid("root: %w", err)
	}
	return &commit.Push{
		Machine: r.caller.Machine, Serial: r.caller.Serial, Source: r.source,
		Stamp: &r.stamp, Credential: r.caller.ID, Root: digest,
		Added: commit.Added{PublicIP: r.caller.ip, BusinessUnit: businessUnitOf(r.caller.BusinessUnit)},
	}, nil
}

// businessUnitOf returns a meta business unit as snapshot trees show it: clients of that contract look for exactly
// this source and reference.
func businessUnitOf(unit *store.BusinessUnit) *inventoryv1.BusinessUnit {
	if unit == nil {
		return nil
	}
	own := store.OwnUnit(unit.ID)
	return &inventoryv1.BusinessUnit{
		Source:    &inventoryv1.Source{Module: &own.Source.Module, Name: &own.Source.Name},
		Reference: &own.Reference, Name: &own.Name,
	}
}

// known is a head that has what the aggregator adds to the caller's tree.
func (r *report) known(head int64) knownHead {
	k := knownHead{id: head, ip: r.caller.ip}
	if r.caller.BusinessUnit != nil {
		k.unit = r.caller.BusinessUnit.ID
	}
	return k
}

func (r *report) headKey() headKey { return headKey{machine: r.caller.Machine, source: r.source.ID} }

// maxBesides bounds what is stored of vitals and of health, in bytes.
const maxBesides = 256 << 10

// besides stores what travels beside the snapshot. Losing it loses nothing that the next report does not bring.
func (s *Service) besides(ctx context.Context, head int64, vitals *syncv1.Vitals, health *syncv1.Health) {
	if vitals == nil && health == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	if vitals != nil {
		s.logged(ctx, "store vitals", s.storeJSON(ctx, head, vitals, s.store.PutVitals))
	}
	if health != nil {
		s.logged(ctx, "store agent health", s.storeHealth(ctx, head, health))
	}
}

// storeHealth stores what an agent says of its collectors. They are named like kinds, so there are no more of them; an
// entry that says nothing is two bytes here and a hundred in an answer of the API.
func (s *Service) storeHealth(ctx context.Context, head int64, health *syncv1.Health) error {
	if n := max(len(health.GetRuns()), len(health.GetTroubles())); n > maxKinds {
		return fmt.Errorf("%d collectors, the limit is %d", n, maxKinds)
	}
	return s.storeJSON(ctx, head, health, s.store.PutHealth)
}

// storeJSON hands a message to a store method as JSON with the names of the .proto.
func (s *Service) storeJSON(ctx context.Context, head int64, m proto.Message, put func(context.Context, int64, time.Time, json.RawMessage) error) error {
	if size := proto.Size(m); size > maxBesides {
		return fmt.Errorf("%d bytes, the limit is %d", size, maxBesides)
	}
	body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return err
	}
	return put(ctx, head, time.Now(), body)
}

// logged notes what went wrong beside an answer.
func (s *Service) logged(ctx context.Context, what string, err error) {
	if err != nil {
		s.log.Warn("left undone beside an answer", "what", what, "serial_number", callerOf(ctx).Serial, "err", err)
	}
}
