// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"strconv"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Check is what events say of one version of a check.
type Check struct {
	ID                int64
	ComplianceCheckID int64
	Name              string
	Description       string
	Version           int
	SourceName        string
	Tags              []string // as people read them: "Taxonomy: name", or "name"
	Expression        string
}

// checkPayload is the payload of all events about a check.
type checkPayload struct {
	PK          int64        `json:"pk"`
	Model       string       `json:"model"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Version     int          `json:"version"`
	Check       checkDetails `json:"inventory_jmespath_check"`
	Status      string       `json:"status,omitempty"`
	Previous    string       `json:"previous_status,omitempty"`
}

type checkDetails struct {
	PK         int64    `json:"pk"`
	SourceName string   `json:"source_name"`
	Tags       []string `json:"tags"`
	Expression string   `json:"jmespath_expression"`
}

func (c *Check) payload() checkPayload {
	return checkPayload{
		PK: c.ComplianceCheckID, Model: "InventoryJMESPathCheck", Name: c.Name, Description: c.Description, Version: c.Version,
		Check: checkDetails{PK: c.ID, SourceName: c.SourceName, Tags: append([]string{}, c.Tags...), Expression: c.Expression},
	}
}

func (c *Check) objects() map[string][]string {
	return map[string][]string{
		"compliance_check":         {strconv.FormatInt(c.ComplianceCheckID, 10)},
		"inventory_jmespath_check": {strconv.FormatInt(c.ID, 10)},
	}
}

// Check makes the event of a check that was created, updated or deleted.
func (m *Maker) Check(action string, c *Check) {
	m.add(typeCheckPrefix+action, func(e *Event) json.RawMessage {
		e.Objects = c.objects()
		return mustEncode(c.payload())
	})
}

// Status makes the event of another status of a check for the machine; previous is nil the first time. A nil check
// takes its place in the batch without an event: what it said is not known any more.
func (m *Maker) Status(c *Check, status compliance.Status, previous *compliance.Status) {
	if c == nil {
		m.Skip()
		return
	}
	m.add(typeCheckStatus, func(e *Event) json.RawMessage {
		e.Naive, e.Objects = true, c.objects()
		payload := c.payload()
		payload.Status = status.String()
		if previous != nil {
			payload.Previous = previous.String()
		}
		return mustEncode(payload)
	})
}

// Compliance makes the event of another overall status of the machine; previous is nil when it had none.
func (m *Maker) Compliance(status compliance.Status, previous *compliance.Status) {
	m.add(typeCompliance, func(*Event) json.RawMessage {
		payload := map[string]string{"status": status.String()}
		if previous != nil {
			payload["previous_status"] = previous.String()
		}
		return mustEncode(payload)
	})
}

// mustEncode encodes what has no value that JSON lacks.
func mustEncode(v any) json.RawMessage {
	raw, err := encode(v)
	if err != nil {
		return json.RawMessage("{}")
	}
	return raw
}
