// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// kindBusinessUnit is the section of a unit that was submitted with a tree.
const kindBusinessUnit = "business_unit"

// businessUnit returns the row of the business unit that the tree names, 0 when it names none: the one of the machine's
// enrolment, else the one that was submitted. An agent's own word for it counts for nothing.
func (v *view) businessUnit(ctx context.Context) (int64, error) {
	unit := v.added.BusinessUnit
	if unit == nil && v.push.Credential == 0 {
		sections, err := v.load(ctx, []string{kindBusinessUnit})
		if err != nil {
			return 0, err
		}
		if body := onlyBody(sections[kindBusinessUnit]); body != nil {
			unit = businessUnit(body)
		}
	}
	if unit == nil {
		return 0, nil
	}
	reported := reportedUnit(unit)
	if !reported.Storable() {
		return 0, nil
	}
	return v.committer.store.EnsureBusinessUnit(ctx, reported)
}

func reportedUnit(unit *inventoryv1.BusinessUnit) store.ReportedUnit {
	source := unit.GetSource()
	return store.ReportedUnit{
		Source:    store.Source{Module: source.GetModule(), Name: source.GetName(), Config: source.GetConfig()},
		Reference: unit.GetReference(), Name: unit.GetName(),
	}
}
