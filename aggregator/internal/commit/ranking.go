// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

const (
	// maxListedValue bounds what a dry run over the fleet shows of the value of one machine, and maxShownValue that of a
	// single one, in bytes of JSON.
	maxListedValue = 2 << 10
	maxShownValue  = 256 << 10
)

// Value is what an expression gave, for people to look at.
type Value struct {
	JSON json.RawMessage // nil: nothing; a string with the first part of the JSON where that is too long
	Cut  bool            // there is more of it
}

// valueOf returns the value of a result in at most so many bytes of JSON.
func valueOf(result compliance.Result, most int) Value {
	if result.Value == nil {
		return Value{Cut: result.TooLarge()}
	}
	raw, err := json.Marshal(result.Value)
	if err != nil {
		return Value{}
	}
	if len(raw) <= most {
		return Value{JSON: raw}
	}
	text, err := json.Marshal(strings.ToValidUTF8(string(raw[:most]), ""))
	if err != nil {
		return Value{}
	}
	return Value{JSON: text, Cut: true}
}

// rankOf is where a machine stands in the list of a dry run, the lowest coming first.
func rankOf(now compliance.Status, before *compliance.Status, compared bool) int {
	rank := 0
	switch now {
	case compliance.StatusFailed:
	case compliance.StatusUnknown:
		rank = 1
	default:
		rank = 2
	}
	if compared && (before == nil || *before != now) {
		return rank
	}
	return rank + 3
}

// ranked is a machine and its rank.
type ranked struct {
	rank int
	DryRunMachine
}

// ranking keeps the machines that come first.
type ranking struct {
	most   int
	kept   []ranked
	sparse bool // some were thrown away: what comes behind the last one is not wanted
}

// offer takes a machine that may be among the first; it is made only then.
func (r *ranking) offer(rank int, serial string, machine func() DryRunMachine) {
	if r.most == 0 {
		return
	}
	one := ranked{rank, DryRunMachine{Serial: serial}}
	if r.sparse && compareRanked(one, r.kept[r.most-1]) > 0 {
		return
	}
	one.DryRunMachine = machine()
	if r.kept = append(r.kept, one); len(r.kept) >= 2*r.most {
		r.trim()
	}
}

// trim leaves those that are wanted, in order.
func (r *ranking) trim() {
	slices.SortFunc(r.kept, compareRanked)
	if len(r.kept) >= r.most {
		r.kept, r.sparse = slices.Clip(r.kept[:r.most]), true
	}
}

func (r *ranking) sorted() []DryRunMachine {
	r.trim()
	machines := make([]DryRunMachine, len(r.kept))
	for i := range r.kept {
		machines[i] = r.kept[i].DryRunMachine
	}
	return machines
}

func compareRanked(a, b ranked) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Serial, b.Serial))
}
