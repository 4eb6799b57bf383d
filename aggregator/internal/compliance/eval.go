// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"errors"
	"maps"
	"slices"
)

// maxSteps is the budget of one evaluation. A filter over 2,000 packages takes
// about 20,000 steps; the whole budget is used up in a fraction of a second.
const maxSteps = 5_000_000

// meter evaluates nodes and counts what that takes. It belongs to one evaluation.
type meter struct {
	left      int
	tree      Tree  // what the value root stands for; nil when the tree is a map
	times     bool  // whether the expression may see install times
	arguments []any // of the calls under way
}

// charge takes n steps from the budget.
func (m *meter) charge(n int) error {
	if m.left -= n; m.left < 0 {
		return ErrBudget
	}
	return nil
}

// eval returns the value of n for the current value v.
func (m *meter) eval(n *node, v any) (any, error) {
	if err := m.charge(1); err != nil {
		return nil, err
	}
	switch n.op {
	case opCurrent:
		return v, nil
	case opLiteral:
		return n.literal, nil
	case opField:
		return m.field(n.name, v), nil
	case opIndex:
		return index(v, n.index), nil
	case opSlice:
		return m.slice(v, n.bounds)
	case opChain:
		return m.chain(n, v)
	case opFlatten:
		return m.flatten(n, v)
	case opFilter:
		if found, others, ok := m.find(n.lookup, v); ok {
			return m.filterFound(n, found, others)
		}
		return m.project(n, v)
	case opProject:
		return m.project(n, v)
	case opProjectMap:
		return m.projectMap(n, v)
	case opList:
		return m.list(n, v)
	case opObject:
		return m.object(n, v)
	case opOr, opAnd, opNot:
		return m.logic(n, v)
	case opCompare:
		return m.compare(n, v)
	case opCall:
		return m.call(n, v)
	}
	return nil, errStrayReference
}

// field returns what stands under a key, nil when v has none.
func (m *meter) field(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return v[name]
	case root:
		return m.tree.Value(name, m.times)
	}
	return nil
}

func (m *meter) chain(n *node, v any) (any, error) {
	left, err := m.eval(n.operands[0], v)
	if err != nil {
		return nil, err
	}
	return m.eval(n.operands[1], left)
}

func index(v any, i int) any {
	list, _ := v.([]any)
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}

// slice follows the start:stop:step of Python, which JMESPath took over.
func (m *meter) slice(v any, bounds [3]*int) (any, error) {
	list, ok := v.([]any)
	step := 1
	if bounds[2] != nil {
		step = *bounds[2]
	}
	switch {
	case step == 0:
		return nil, errors.New("the step of a slice is 0")
	case !ok:
		return nil, nil
	}
	if err := m.charge(2 * len(list)); err != nil {
		return nil, err
	}
	first, last := 0, len(list) // last is where a forward slice stops
	if step < 0 {
		first, last = len(list)-1, -1
	}
	start := bound(bounds[0], first, len(list), step)
	stop := bound(bounds[1], last, len(list), step)
	picked := []any{}
	for i := start; (step > 0 && i < stop) || (step < 0 && i > stop); i += step {
		picked = append(picked, list[i])
	}
	return picked, nil
}

// bound clips one end of a slice to what the list of length n has.
func bound(given *int, missing, n, step int) int {
	if given == nil {
		return missing
	}
	i := *given
	if i < 0 {
		i += n
	}
	if step < 0 {
		return min(max(i, -1), n-1)
	}
	return min(max(i, 0), n)
}

func (m *meter) flatten(n *node, v any) (any, error) {
	left, err := m.eval(n.operands[0], v)
	if err != nil {
		return nil, err
	}
	list, ok := left.([]any)
	if !ok {
		return nil, nil
	}
	flat := []any{}
	for _, e := range list {
		inner, ok := e.([]any)
		if !ok {
			inner = []any{e}
		}
		if err := m.charge(2 + 2*len(inner)); err != nil {
			return nil, err
		}
		flat = append(flat, inner...)
	}
	return flat, nil
}

// project applies the right operand to the elements of the left one, for a
// filter only to those that satisfy its condition, and leaves out nulls.
func (m *meter) project(n *node, v any) (any, error) {
	left, err := m.eval(n.operands[0], v)
	if err != nil {
		return nil, err
	}
	list, ok := left.([]any)
	if !ok {
		return nil, nil
	}
	return m.each(n, list)
}

func (m *meter) each(n *node, list []any) (any, error) {
	results := []any{}
	for _, e := range list {
		if n.op == opFilter {
			keep, err := m.eval(n.operands[2], e)
			if err != nil {
				return nil, err
			}
			if !truthy(keep) {
				continue
			}
		}
		result, err := m.eval(n.operands[1], e)
		if err != nil {
			return nil, err
		}
		if result == nil {
			continue
		}
		if err := m.charge(2); err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (m *meter) projectMap(n *node, v any) (any, error) {
	left, err := m.eval(n.operands[0], v)
	if err != nil {
		return nil, err
	}
	object, ok := left.(map[string]any)
	if !ok {
		return nil, nil
	}
	values, err := m.values(object)
	if err != nil {
		return nil, err
	}
	return m.each(n, values)
}

// sortedKeys returns the keys of an object in order.
func (m *meter) sortedKeys(object map[string]any) ([]string, error) {
	if err := m.chargeSort(len(object), 0); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(object)), nil
}

// values returns the values of an object in the order of its keys.
func (m *meter) values(object map[string]any) ([]any, error) {
	keys, err := m.sortedKeys(object)
	if err != nil {
		return nil, err
	}
	values := make([]any, len(keys))
	for i, key := range keys {
		values[i] = object[key]
	}
	return values, nil
}

func (m *meter) list(n *node, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if err := m.charge(2 * len(n.operands)); err != nil {
		return nil, err
	}
	values := make([]any, len(n.operands))
	for i, operand := range n.operands {
		var err error
		if values[i], err = m.eval(operand, v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (m *meter) object(n *node, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if err := m.charge(16 + 8*len(n.operands)); err != nil {
		return nil, err
	}
	object := make(map[string]any, len(n.operands))
	for i, operand := range n.operands {
		value, err := m.eval(operand, v)
		if err != nil {
			return nil, err
		}
		object[n.names[i]] = value
	}
	return object, nil
}

func (m *meter) logic(n *node, v any) (any, error) {
	left, err := m.eval(n.operands[0], v)
	switch {
	case err != nil:
		return nil, err
	case n.op == opNot:
		return !truthy(left), nil
	case truthy(left) == (n.op == opOr):
		return left, nil
	}
	return m.eval(n.operands[1], v)
}

func (m *meter) compare(n *node, v any) (any, error) {
	left, err := m.eval(n.operands[0], v)
	if err != nil {
		return nil, err
	}
	right, err := m.eval(n.operands[1], v)
	if err != nil {
		return nil, err
	}
	switch n.name {
	case "==":
		return m.equal(left, right)
	case "!=":
		same, err := m.equal(left, right)
		return !same, err
	}
	order, ok, err := m.order(left, right)
	if !ok || err != nil {
		return nil, err
	}
	switch n.name {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	}
	return order >= 0, nil
}
