// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// functions are those of the JMESPath specification, and compare_versions. It is filled in init
// because sort_by and its like evaluate nodes that refer to it.
var functions map[string]*function

func init() {
	functions = map[string]*function{
		"abs":         numeric(math.Abs),
		"avg":         {arguments: []types{arrayType}, apply: average},
		"ceil":        numeric(math.Ceil),
		"contains":    {arguments: []types{arrayType | stringType, anyType}, apply: contains},
		"ends_with":   affix(strings.HasSuffix),
		"floor":       numeric(math.Floor),
		"join":        {arguments: []types{stringType, arrayType}, apply: join},
		"keys":        {arguments: []types{objectType}, apply: keys},
		"length":      {arguments: []types{stringType | arrayType | objectType}, apply: length},
		"map":         {arguments: []types{referenceType, arrayType}, apply: mapOver},
		"max":         {arguments: []types{arrayType}, apply: extreme(1)},
		"max_by":      {arguments: []types{arrayType, referenceType}, apply: extremeBy(1)},
		"merge":       {arguments: []types{objectType}, variadic: true, apply: merge},
		"min":         {arguments: []types{arrayType}, apply: extreme(-1)},
		"min_by":      {arguments: []types{arrayType, referenceType}, apply: extremeBy(-1)},
		"not_null":    {arguments: []types{anyType}, variadic: true, apply: notNull},
		"reverse":     {arguments: []types{arrayType | stringType}, apply: reverse},
		"sort":        {arguments: []types{arrayType}, apply: sortList},
		"sort_by":     {arguments: []types{arrayType, referenceType}, apply: sortBy},
		"starts_with": affix(strings.HasPrefix),
		"sum":         {arguments: []types{arrayType}, apply: sum},
		"to_array":    {arguments: []types{anyType}, apply: toArray},
		"to_number":   {arguments: []types{anyType}, apply: toNumber},
		"to_string":   {arguments: []types{anyType}, apply: toString},
		"type":        {arguments: []types{anyType}, apply: typeOf},
		"values":      {arguments: []types{objectType}, apply: valuesOf},

		"compare_versions": {arguments: []types{stringType, stringType, stringType}, apply: compareVersions},
	}
}

func numeric(f func(float64) float64) *function {
	return &function{arguments: []types{numberType}, apply: func(_ *meter, a []any) (any, error) {
		return f(a[0].(float64)), nil
	}}
}

func affix(f func(text, part string) bool) *function {
	return &function{arguments: []types{stringType, stringType}, apply: func(m *meter, a []any) (any, error) {
		part := a[1].(string)
		return f(a[0].(string), part), m.chargeText(len(part))
	}}
}

// total adds up a list of numbers.
func total(m *meter, list []any) (float64, error) {
	if err := m.charge(len(list)); err != nil {
		return 0, err
	}
	total := 0.0
	for _, e := range list {
		number, ok := e.(float64)
		if !ok {
			return 0, errors.New("not all elements are numbers")
		}
		total += number
	}
	if math.IsInf(total, 0) || math.IsNaN(total) {
		return 0, errors.New("the sum is out of range")
	}
	return total, nil
}

func sum(m *meter, a []any) (any, error) {
	return total(m, a[0].([]any))
}

func average(m *meter, a []any) (any, error) {
	list := a[0].([]any)
	if len(list) == 0 {
		return nil, nil
	}
	sum, err := total(m, list)
	return sum / float64(len(list)), err
}

func contains(m *meter, a []any) (any, error) {
	if text, ok := a[0].(string); ok {
		part, ok := a[1].(string)
		if err := m.chargeText(len(text) + len(part)); err != nil {
			return nil, err
		}
		return ok && strings.Contains(text, part), nil
	}
	for _, e := range a[0].([]any) {
		if same, err := m.equal(e, a[1]); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func join(m *meter, a []any) (any, error) {
	glue := a[0].(string)
	list := a[1].([]any)
	parts := make([]string, len(list))
	for i, e := range list {
		part, ok := e.(string)
		if !ok {
			return nil, errors.New("not all elements are strings")
		}
		if err := m.charge(2 + (len(part)+len(glue))/4); err != nil {
			return nil, err
		}
		parts[i] = part
	}
	return strings.Join(parts, glue), nil
}

func length(m *meter, a []any) (any, error) {
	switch v := a[0].(type) {
	case []any:
		return float64(len(v)), nil
	case map[string]any:
		return float64(len(v)), nil
	}
	text := a[0].(string)
	return float64(utf8.RuneCountInString(text)), m.chargeText(len(text))
}

func keys(m *meter, a []any) (any, error) {
	sorted, err := m.sortedKeys(a[0].(map[string]any))
	list := make([]any, len(sorted))
	for i, key := range sorted {
		list[i] = key
	}
	return list, err
}

func valuesOf(m *meter, a []any) (any, error) {
	return m.values(a[0].(map[string]any))
}

func merge(m *meter, a []any) (any, error) {
	merged := map[string]any{}
	for _, e := range a {
		object := e.(map[string]any)
		if err := m.charge(16 + 8*len(object)); err != nil {
			return nil, err
		}
		for key, value := range object {
			merged[key] = value
		}
	}
	return merged, nil
}

func notNull(_ *meter, a []any) (any, error) {
	for _, v := range a {
		if v != nil {
			return v, nil
		}
	}
	return nil, nil
}

func reverse(m *meter, a []any) (any, error) {
	if text, ok := a[0].(string); ok {
		if err := m.charge(len(text)); err != nil {
			return nil, err
		}
		runes := []rune(text)
		slices.Reverse(runes)
		return string(runes), nil
	}
	list := a[0].([]any)
	if err := m.charge(2 * len(list)); err != nil {
		return nil, err
	}
	list = slices.Clone(list)
	slices.Reverse(list)
	return list, nil
}

func toArray(m *meter, a []any) (any, error) {
	if list, ok := a[0].([]any); ok {
		return list, nil
	}
	return []any{a[0]}, m.charge(2)
}

// toNumber reads a JSON number; anything else is null.
func toNumber(m *meter, a []any) (any, error) {
	if text, ok := a[0].(string); ok {
		if err := m.charge(len(text)); err != nil {
			return nil, err
		}
		var number any
		if json.Unmarshal([]byte(text), &number) == nil {
			if number, ok := number.(float64); ok {
				return number, nil
			}
		}
		return nil, nil
	}
	if number, ok := a[0].(float64); ok {
		return number, nil
	}
	return nil, nil
}

func toString(m *meter, a []any) (any, error) {
	if text, ok := a[0].(string); ok {
		return text, nil
	}
	return m.print(a[0])
}

func typeOf(_ *meter, a []any) (any, error) { return typeName(a[0]), nil }
