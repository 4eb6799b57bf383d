// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// checkObject is what the audit log calls a check.
const checkObject = "jmespath_check"

// references are what a row of the audit log names by id.
type references struct {
	taxonomies, units []int64
	checks            []store.CheckKey
}

func namedBy(row *store.AuditRow) references {
	var r references
	for _, side := range []*string{row.Before, row.After} {
		if side == nil {
			continue
		}
		switch row.Object {
		case "tag", "taxonomy":
			var stored struct {
				Taxonomy *int64 `json:"taxonomy"`
				Unit     *int64 `json:"meta_business_unit"`
			}
			if json.Unmarshal([]byte(*side), &stored) != nil {
				continue // it is told as it stands then
			}
			if stored.Taxonomy != nil {
				r.taxonomies = append(r.taxonomies, *stored.Taxonomy)
			}
			if stored.Unit != nil {
				r.units = append(r.units, *stored.Unit)
			}
		case checkObject:
			if c, err := readCheck(*side); err == nil {
				r.checks = append(r.checks, store.CheckKey{CheckID: c.ID, Version: c.Version})
			}
		}
	}
	return r
}

// storedCheck is how the audit log spells a check.
type storedCheck struct {
	ID                int64   `json:"id"`
	ComplianceCheckID int64   `json:"compliance_check_id"`
	Name              string  `json:"name"`
	Description       string  `json:"description"`
	Version           int     `json:"version"`
	SourceName        string  `json:"source_name"`
	Tags              []int64 `json:"tags"`
	Expression        string  `json:"jmespath_expression"`
}

func readCheck(text string) (c storedCheck, err error) {
	if err = json.Unmarshal([]byte(text), &c); err != nil {
		err = fmt.Errorf("check in the audit log: %w", err)
	}
	return c, err
}

// auditedCheck returns the check of a row: as it is afterwards, or as it was when it is gone. Its definition only
// knows what its tags are called.
func (p *page) auditedCheck(row *store.AuditRow) (*event.Check, error) {
	side := row.After
	if side == nil {
		side = row.Before
	}
	if side == nil {
		return nil, fmt.Errorf("row %d of the audit log says nothing of its check", row.ID)
	}
	c, err := readCheck(*side)
	if err != nil {
		return nil, err
	}
	check := &event.Check{
		ID: c.ID, ComplianceCheckID: c.ComplianceCheckID, Name: c.Name, Description: c.Description, Version: c.Version,
		SourceName: c.SourceName, Expression: c.Expression,
	}
	definition := p.definitions[store.CheckKey{CheckID: c.ID, Version: c.Version}]
	for i := range definition.Tags {
		if t := &definition.Tags[i]; slices.Contains(c.Tags, t.ID) {
			check.Tags = append(check.Tags, displayName(t))
		}
	}
	return check, nil
}
