// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// nonField is where messages go that are about several fields.
const nonField = "non_field_errors"

// Object is a JSON object of a body, read field by field. Readers note what is wrong with a field and return its zero
// value; Err has all of it in the end. Keys that nobody reads are ignored, as the contracts want. It is not safe for
// concurrent use.
type Object struct {
	values map[string]any
	wrong  map[string]any // messages, or what is wrong inside, by field
	inner  map[string]*Object
	items  map[string][]*Object
}

// Given tells whether the body has the field, be it null.
func (o *Object) Given(field string) bool {
	_, ok := o.values[field]
	return ok
}

// Fail notes what is wrong with a field.
func (o *Object) Fail(field string, messages ...string) {
	if o.wrong == nil {
		o.wrong = map[string]any{}
	}
	if before, ok := o.wrong[field].([]string); ok {
		messages = append(before, messages...)
	}
	o.wrong[field] = messages
}

// FailTogether notes what is wrong with several fields.
func (o *Object) FailTogether(messages ...string) { o.Fail(nonField, messages...) }

// Err is nil, or the 400 with everything that was noted, here and in the objects inside.
func (o *Object) Err() error {
	if wrong := o.collect(); len(wrong) > 0 {
		return invalidFields(wrong)
	}
	return nil
}

// Failed tells whether something was noted about the field, or inside it.
func (o *Object) Failed(field string) bool {
	_, failed := o.collect()[field]
	return failed
}

// collect returns the body of the answer, empty when nothing is wrong.
func (o *Object) collect() map[string]any {
	wrong := map[string]any{}
	for field, messages := range o.wrong {
		wrong[field] = messages
	}
	for field, inside := range o.inner {
		if w := inside.collect(); len(w) > 0 && wrong[field] == nil {
			wrong[field] = w
		}
	}
	for field, items := range o.items {
		byIndex := map[string]any{}
		for i, item := range items {
			if w := item.collect(); len(w) > 0 {
				byIndex[strconv.Itoa(i)] = w
			}
		}
		if len(byIndex) > 0 && wrong[field] == nil {
			wrong[field] = byIndex
		}
	}
	return wrong
}

// value returns a field that is there and not null, noting when it should be and is not.
func (o *Object) value(field string, optional, nullable bool) (any, bool) {
	value, given := o.values[field]
	switch {
	case !given && !optional:
		o.Fail(field, "This field is required.")
	case given && value == nil && !nullable:
		o.Fail(field, "This field may not be null.")
	}
	return value, value != nil
}

// Object returns the object of a field; nil when it is not there. What is wrong in it is wrong in this one.
func (o *Object) Object(field string, optional, nullable bool) *Object {
	value, ok := o.value(field, optional, nullable)
	if !ok {
		return nil
	}
	inside := objectOf(value)
	if o.inner == nil {
		o.inner = map[string]*Object{}
	}
	o.inner[field] = inside
	return inside
}

// Objects returns the objects of a list, which has to be there and not empty, nor longer than maxObjects. What is wrong in one of them is noted
// under its index.
func (o *Object) Objects(field string) []*Object {
	values, ok := o.list(field, List{NotEmpty: true, Max: maxObjects})
	if !ok {
		return nil
	}
	items := make([]*Object, len(values))
	for i, value := range values {
		items[i] = objectOf(value)
	}
	if o.items == nil {
		o.items = map[string][]*Object{}
	}
	o.items[field] = items
	return items
}

func objectOf(value any) *Object {
	values, ok := value.(map[string]any)
	inside := &Object{values: values}
	if !ok {
		inside.values = map[string]any{}
		inside.FailTogether(notADictionary(value))
	}
	return inside
}

// Whole tells whether an object inside is one at all: when it is not, its missing fields are no news.
func (o *Object) Whole() bool { _, broken := o.wrong[nonField]; return !broken }

// Raw returns the JSON of a field, nil when it is not there or null: for free JSON.
func (o *Object) Raw(field string) json.RawMessage {
	value := o.values[field]
	if value == nil {
		return nil
	}
	raw, err := json.Marshal(value)
	if err != nil { // it came from JSON
		return nil
	}
	return raw
}

func notADictionary(value any) string {
	return fmt.Sprintf("Invalid data. Expected a dictionary, but got %s.", pythonType(value))
}

// pythonText is how the contracts' server writes a JSON value into a text.
func pythonText(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case string:
		return v
	}
	text, err := json.Marshal(value)
	if err != nil { // it came from JSON
		return pythonType(value)
	}
	return string(text)
}

// pythonType names the type of a JSON value as the contracts' server does.
func pythonType(value any) string {
	switch v := value.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	case []any:
		return "list"
	default:
		return "dict"
	}
}
