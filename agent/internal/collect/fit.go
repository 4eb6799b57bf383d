// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// Limits of a report, below those of the aggregator, which refuses larger ones as a whole. Anybody can fill his own
// folders with packages that nobody made; they must not keep the rest of the machine from being reported.
const (
	maxReport = 12 << 20 // the weight of all rows
	rowWeight = 160      // of a row beside its bytes: no more than 80 000 rows
	// plainRow is how large a row may be that fits whatever is in it: a character has six bytes in JSON at the most.
	plainRow = asset.MaxBodyBytes/6 - 4096
)

// fit leaves out rows that are too large to be reported, and the last rows of the largest sections where all of them
// together are. Each section that lost something is a trouble.
func (r *Report) fit() {
	weights, total := map[string]int{}, 0
	for _, kind := range slices.Sorted(maps.Keys(r.Sections)) {
		f := fieldOf(kind)
		if f == nil || !f.IsList() || f.Message() == nil || !r.Snapshot.ProtoReflect().Has(f) {
			continue
		}
		r.dropLarge(kind, f)
		list := r.Snapshot.ProtoReflect().Get(f).List()
		for i := range list.Len() {
			weights[kind] += weightOf(list.Get(i))
		}
		total += weights[kind]
	}
	for total > maxReport {
		largest := slices.MaxFunc(slices.Sorted(maps.Keys(weights)), func(a, b string) int { return weights[a] - weights[b] })
		total -= r.cut(largest, total-maxReport)
		delete(weights, largest)
	}
}

// weightOf is what a row costs a report.
func weightOf(row protoreflect.Value) int { return proto.Size(row.Message().Interface()) + rowWeight }

// dropLarge leaves out the rows of a kind that no report can hold. The list becomes another one: rows are shared.
func (r *Report) dropLarge(kind string, f protoreflect.FieldDescriptor) {
	list := r.Snapshot.ProtoReflect().Get(f).List()
	large := map[int]bool{}
	for i := range list.Len() {
		row := list.Get(i).Message().Interface()
		if proto.Size(row) <= plainRow {
			continue
		}
		if _, err := asset.Canonical(row); err != nil {
			large[i] = true
		}
	}
	if len(large) == 0 {
		return
	}
	kept := r.Snapshot.ProtoReflect().NewField(f).List()
	for i := range list.Len() {
		if !large[i] {
			kept.Append(list.Get(i))
		}
	}
	r.Snapshot.ProtoReflect().Set(f, protoreflect.ValueOfList(kept))
	r.leftOut(kind, len(large), list.Len())
}

// cut leaves out the last rows of a kind, of the weight that is too much if it has as much, and returns what that was.
func (r *Report) cut(kind string, weight int) (lost int) {
	f := fieldOf(kind)
	list := r.Snapshot.ProtoReflect().Get(f).List()
	n := list.Len()
	for lost < weight && n > 0 {
		n--
		lost += weightOf(list.Get(n))
	}
	r.leftOut(kind, list.Len()-n, list.Len())
	kept := r.Snapshot.ProtoReflect().NewField(f).List()
	for i := range n {
		kept.Append(list.Get(i))
	}
	r.Snapshot.ProtoReflect().Set(f, protoreflect.ValueOfList(kept))
	return lost
}

// leftOut notes that a section lost rows.
func (r *Report) leftOut(kind string, lost, of int) {
	r.Troubles = append(r.Troubles, Trouble{Collector: kind, Err: fmt.Errorf("left out %d of %d rows: larger than a report may be", lost, of)})
}
