// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Prepare turns a collection into the snapshot to report. A kind whose facts cannot be written canonically is kept as
// the aggregator has it, and becomes a trouble: it must not hold up the others.
func Prepare(report collect.Report) (spool.Pending, []collect.Trouble) {
	troubles := slices.Clone(report.Troubles)
	states := maps.Clone(report.Sections)
	sections, err := snapshot.Split(report.Snapshot)
	if err != nil {
		var bad []collect.Trouble
		sections, bad = splitOneByOne(report.Snapshot, states)
		troubles = append(troubles, bad...)
	}
	p := spool.Pending{Set: snapshot.Sections{}, Keep: map[string]bool{}}
	for kind, state := range states {
		switch state {
		case collect.Keep:
			p.Keep[kind] = true
		case collect.Set:
			p.Set[kind] = sections[kind]
			if p.Set[kind] == nil {
				p.Set[kind] = &snapshot.Section{Kind: kind}
			}
		}
	}
	return p, troubles
}

// splitOneByOne splits what can be split and marks the other kinds as kept.
func splitOneByOne(whole *inventoryv1.Snapshot, states map[string]collect.State) (snapshot.Sections, []collect.Trouble) {
	good := &inventoryv1.Snapshot{}
	proto.Merge(good, whole)
	var troubles []collect.Trouble
	for _, kind := range snapshot.Kinds() {
		if !good.ProtoReflect().Has(kind.Field) {
			continue
		}
		if _, err := snapshot.Split(only(whole, kind.Field)); err != nil {
			good.ProtoReflect().Clear(kind.Field)
			states[kind.Name] = collect.Keep
			if kind.Fact != nil && asset.MembershipField(kind.Fact) != nil {
				states[snapshot.KindInstallTimes] = collect.Keep // it holds times of this kind, too
			}
			troubles = append(troubles, collect.Trouble{Collector: kind.Name, Err: fmt.Errorf("cannot be reported: %w", err)})
		}
	}
	sections, err := snapshot.Split(good)
	if err != nil { // every kind passed alone, so this cannot be; report nothing rather than something wrong
		for kind := range states {
			states[kind] = collect.Keep
		}
		troubles = append(troubles, collect.Trouble{Collector: "snapshot", Err: err})
	}
	return sections, troubles
}

// only returns a snapshot with one field of another.
func only(whole *inventoryv1.Snapshot, field protoreflect.FieldDescriptor) *inventoryv1.Snapshot {
	part := &inventoryv1.Snapshot{}
	part.ProtoReflect().Set(field, whole.ProtoReflect().Get(field))
	return part
}

// packages counts the rows of all kinds that list installed software.
func packages(p spool.Pending) int {
	count := 0
	for kind, section := range p.Set {
		if strings.HasSuffix(kind, "_packages") || strings.HasSuffix(kind, "_apps") {
			count += len(section.Assets)
		}
	}
	return count
}
