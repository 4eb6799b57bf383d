// SPDX-License-Identifier: Apache-2.0

package inventory

import "github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"

// maxObjectName bounds the names of objects, in characters.
const maxObjectName = 256

// reference reads the id of another object into what refers to it: what is left out stays.
func reference(body *drf.Object, field string, to **int64) {
	id, ok := body.ID(field, true, true)
	switch {
	case ok:
		*to = &id
	case body.Given(field):
		*to = nil
	}
}

// Descriptions of fields that several objects have.
var (
	idField        = drf.Field{Type: "integer", ReadOnly: true, Label: "ID"}
	nameField      = drf.Field{Type: "string", Required: true, Label: "Name", MaxLength: maxObjectName}
	unitField      = drf.Field{Type: "field", Label: "Meta business unit"}
	createdAtField = drf.Field{Type: "datetime", ReadOnly: true, Label: "Created at"}
	updatedAtField = drf.Field{Type: "datetime", ReadOnly: true, Label: "Updated at"}
)
