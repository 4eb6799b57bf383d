// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"errors"
	"slices"
)

var errMixed = errors.New("the values are neither all numbers nor all strings")

// keyed is an element of a list and what it is ordered by.
type keyed struct{ key, element any }

// ordered returns the elements with their keys after checking that all keys can
// be compared with each other, and charges for one pass over them.
func (m *meter) ordered(list []any, key *node) ([]keyed, error) {
	if err := m.charge(4 * len(list)); err != nil {
		return nil, err
	}
	pairs := make([]keyed, len(list))
	for i, e := range list {
		pairs[i] = keyed{e, e}
		if key != nil {
			k, err := m.eval(key, e)
			if err != nil {
				return nil, err
			}
			pairs[i].key = k
		}
		_, alike, err := m.order(pairs[0].key, pairs[i].key)
		if err != nil {
			return nil, err
		}
		if !alike {
			return nil, errMixed
		}
	}
	return pairs, nil
}

// compareKeys orders keys that ordered has checked.
func compareKeys(a, b keyed) int {
	order, _ := compareValues(a.key, b.key)
	return order
}

func (m *meter) sort(list []any, key *node) (any, error) {
	pairs, err := m.ordered(list, key)
	if err != nil {
		return nil, err
	}
	text := 0
	for _, pair := range pairs {
		if s, ok := pair.key.(string); ok {
			text += len(s)
		}
	}
	if err := m.chargeSort(len(pairs), text); err != nil {
		return nil, err
	}
	slices.SortStableFunc(pairs, compareKeys)
	sorted := make([]any, len(pairs))
	for i, pair := range pairs {
		sorted[i] = pair.element
	}
	return sorted, nil
}

func sortList(m *meter, a []any) (any, error) { return m.sort(a[0].([]any), nil) }

func sortBy(m *meter, a []any) (any, error) { return m.sort(a[0].([]any), a[1].(*node)) }

func mapOver(m *meter, a []any) (any, error) {
	list := a[1].([]any)
	if err := m.charge(2 * len(list)); err != nil {
		return nil, err
	}
	mapped := make([]any, len(list))
	for i, e := range list {
		var err error
		if mapped[i], err = m.eval(a[0].(*node), e); err != nil {
			return nil, err
		}
	}
	return mapped, nil
}

// extreme makes max (sign 1) and min (sign -1): null for an empty list, the
// first of equals otherwise.
func extreme(sign int) func(*meter, []any) (any, error) {
	return func(m *meter, a []any) (any, error) { return m.extreme(a[0].([]any), nil, sign) }
}

// extremeBy makes max_by and min_by.
func extremeBy(sign int) func(*meter, []any) (any, error) {
	return func(m *meter, a []any) (any, error) { return m.extreme(a[0].([]any), a[1].(*node), sign) }
}

func (m *meter) extreme(list []any, key *node, sign int) (any, error) {
	pairs, err := m.ordered(list, key)
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	best := pairs[0]
	for _, pair := range pairs[1:] {
		order, _, err := m.order(pair.key, best.key)
		if err != nil {
			return nil, err
		}
		if order*sign > 0 {
			best = pair
		}
	}
	return best.element, nil
}
