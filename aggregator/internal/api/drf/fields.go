// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text says what a text field takes. The zero Text is required, not null and not blank, of any length.
type Text struct {
	Optional bool
	Nullable bool
	Blank    bool     // "" is fine
	Min, Max int      // characters; Max 0: any number
	Choices  []string // nil: any text
}

// Text returns a text without the space around it; false when it is not there, is null or wrong.
func (o *Object) Text(field string, f Text) (string, bool) {
	value, ok := o.value(field, f.Optional, f.Nullable)
	if !ok {
		return "", false
	}
	text, problem := f.read(value)
	if problem != "" {
		o.Fail(field, problem)
	}
	return text, problem == ""
}

// read returns the text, or what is wrong with it.
func (f Text) read(value any) (text, problem string) {
	if f.Choices != nil {
		return f.choose(value)
	}
	switch v := value.(type) {
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	default:
		return "", "Not a valid string."
	}
	switch {
	case strings.ContainsRune(text, 0):
		return "", "Null characters are not allowed."
	case text == "" && !f.Blank:
		return "", "This field may not be blank."
	case text != "" && utf8.RuneCountInString(text) < f.Min:
		return "", fmt.Sprintf("Ensure this field has at least %d characters.", f.Min)
	case f.Max > 0 && utf8.RuneCountInString(text) > f.Max:
		return "", fmt.Sprintf("Ensure this field has no more than %d characters.", f.Max)
	}
	return text, ""
}

func (f Text) choose(value any) (text, problem string) {
	text, ok := value.(string)
	if ok && slices.Contains(f.Choices, text) {
		return text, ""
	}
	return "", `"` + pythonText(value) + `" is not a valid choice.`
}

// Int says what an integer field takes. The zero Int is required and not null.
type Int struct {
	Optional bool
	Nullable bool
	Min, Max int64 // Max 0: no bounds
}

// Int returns an integer; false when it is not there, is null or wrong.
func (o *Object) Int(field string, f Int) (int64, bool) {
	value, ok := o.value(field, f.Optional, f.Nullable)
	if !ok {
		return 0, false
	}
	n, err := integer(value)
	switch {
	case err != nil && (f.Max == 0 || !errors.Is(err, strconv.ErrRange)):
		o.Fail(field, "A valid integer is required.")
	case f.Max != 0 && n > f.Max:
		o.Fail(field, fmt.Sprintf("Ensure this value is less than or equal to %d.", f.Max))
	case f.Max != 0 && n < f.Min:
		o.Fail(field, fmt.Sprintf("Ensure this value is greater than or equal to %d.", f.Min))
	default:
		return n, true
	}
	return 0, false
}

// integer reads numbers, and texts that are numbers. Of one that is too large it returns the largest there is, and
// strconv.ErrRange.
func integer(value any) (int64, error) {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	if whole, fraction, ok := strings.Cut(text, "."); ok && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	return strconv.ParseInt(text, 10, 64)
}

// Bool returns a truth value; false as the second one when it is not there or wrong.
func (o *Object) Bool(field string, optional bool) (value, ok bool) {
	raw, ok := o.value(field, optional, false)
	if !ok {
		return false, false
	}
	switch v := raw.(type) {
	case bool:
		return v, true
	case string, json.Number:
		switch strings.ToLower(fmt.Sprint(v)) {
		case "true", "t", "yes", "y", "on", "1":
			return true, true
		case "false", "f", "no", "n", "off", "0":
			return false, true
		}
	}
	o.Fail(field, "Must be a valid boolean.")
	return false, false
}

// ID returns the id of another object, 0 when it is not there or null. Whether there is such an object is for the caller
// to find out, and for NoObject to say.
func (o *Object) ID(field string, optional, nullable bool) (int64, bool) {
	if o.values[field] == "" { // as good as null
		o.values[field] = nil
	}
	value, ok := o.value(field, optional, nullable)
	if !ok {
		return 0, false
	}
	id, problem := primaryKey(value)
	if problem != "" {
		o.Fail(field, problem)
	}
	return id, problem == ""
}

// IDs returns the ids of a list of other objects, at most maxObjects, without repetitions.
func (o *Object) IDs(field string, optional bool) []int64 {
	values, ok := o.list(field, List{Optional: optional, Max: maxObjects})
	if !ok {
		return nil
	}
	ids := make([]int64, 0, len(values))
	for _, value := range values {
		id, problem := primaryKey(value)
		if problem != "" {
			o.Fail(field, problem)
			return nil
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func primaryKey(value any) (id int64, problem string) {
	id, err := integer(value)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, noObject(value)
	case err != nil:
		return 0, fmt.Sprintf("Incorrect type. Expected pk value, received %s.", pythonType(value))
	}
	return id, ""
}

// NoObject is what is said of an id that names nothing.
func NoObject(id int64) string { return noObject(id) }

func noObject(id any) string { return fmt.Sprintf(`Invalid pk "%v" - object does not exist.`, id) }

const (
	// maxObjects bounds the lists of objects and of their ids, in elements.
	maxObjects = 1000
	// maxNoted is of how many elements a list says what is wrong with them.
	maxNoted = 100
)

// List says what a list takes. The zero List is required and may be empty.
type List struct {
	Optional bool
	NotEmpty bool
	Min, Max int  // elements; Max 0: any number
	Item     Text // of Texts
}

// Texts returns a list of texts. What is wrong with one of them is noted under its index, up to maxNoted of them.
func (o *Object) Texts(field string, f List) []string {
	values, ok := o.list(field, f)
	if !ok {
		return nil
	}
	texts := make([]string, len(values))
	wrong := map[string]any{}
	for i, value := range values {
		if len(wrong) == maxNoted {
			break
		}
		if value == nil {
			wrong[strconv.Itoa(i)] = []string{"This field may not be null."}
			continue
		}
		var problem string
		if texts[i], problem = f.Item.read(value); problem != "" {
			wrong[strconv.Itoa(i)] = []string{problem}
		}
	}
	if len(wrong) > 0 {
		if o.wrong == nil {
			o.wrong = map[string]any{}
		}
		o.wrong[field] = wrong
		return nil
	}
	return texts
}

func (o *Object) list(field string, f List) ([]any, bool) {
	value, ok := o.value(field, f.Optional, false)
	if !ok {
		return nil, false
	}
	values, ok := value.([]any)
	switch {
	case !ok:
		o.Fail(field, fmt.Sprintf("Expected a list of items but got type %q.", pythonType(value)))
	case len(values) == 0 && f.NotEmpty:
		o.Fail(field, "This list may not be empty.")
	case len(values) < f.Min:
		o.Fail(field, fmt.Sprintf("Ensure this field has at least %d elements.", f.Min))
	case f.Max > 0 && len(values) > f.Max:
		o.Fail(field, fmt.Sprintf("Ensure this field has no more than %d elements.", f.Max))
	default:
		return values, true
	}
	return nil, false
}
