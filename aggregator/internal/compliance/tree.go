// SPDX-License-Identifier: Apache-2.0

package compliance

// Tree is a snapshot tree whose keys are built when an expression looks at them.
// What it hands out is made of what Evaluate takes, and is only read.
//
// With times, the rows of its lists have their install times. Without, they lack
// them, and nothing else is different: that is asked for when the expression
// cannot tell.
type Tree interface {
	// Value returns what stands under a top-level key, nil when there is nothing.
	Value(key string, times bool) any
	// Named returns, in the list's order, those rows of the list under key whose
	// key "name" may be this text, and how many others the list has. Each of those
	// has another name or none. It reports false when it cannot tell, or when what
	// stands there is no list.
	Named(key, name string, times bool) (rows []any, others int, ok bool)
	// Whole returns everything.
	Whole(times bool) map[string]any
}

// root is the current value that stands for a meter's Tree. An expression that
// does not read all of the tree takes nothing but fields from it.
type root struct{}

// lookup is what the first comparison of a filter over a list of the tree asks
// for: list[?name=='text' && …]. Rows of another name fail it, with no error and
// at a known price, so they need not be there.
type lookup struct {
	key, name string
	steps     int // what the condition costs for a row of another name
}

// lookupOf returns the lookup of a filter whose current value is the tree, nil
// when it begins with something else.
func lookupOf(n *node) *lookup {
	list, condition, steps := n.operands[0], n.operands[2], 0
	for condition.op == opAnd {
		condition = condition.operands[0]
		steps++
	}
	if list.op != opField || condition.op != opCompare || condition.name != "==" {
		return nil
	}
	field, literal := condition.operands[0], condition.operands[1]
	if field.op == opLiteral {
		field, literal = literal, field
	}
	if field.op != opField || field.name != "name" || literal.op != opLiteral {
		return nil
	}
	text, ok := literal.literal.(string)
	if !ok || len(text) >= bytesPerStep {
		return nil // comparing long texts costs more for some rows than for others
	}
	const comparison = 4 // it, its two sides, and being equal
	return &lookup{key: list.name, name: text, steps: steps + comparison}
}

// find returns the rows that a lookup asks the tree for; false when there is no
// lookup, or the current value is no Tree that can answer it.
func (m *meter) find(l *lookup, v any) (rows []any, others int, ok bool) {
	if _, isTree := v.(root); !isTree || l == nil {
		return nil, 0, false
	}
	return m.tree.Named(l.key, l.name, m.times)
}

// filterFound is project for a filter whose rows were looked up. It pays for the
// list and for the rows that it did not meet.
func (m *meter) filterFound(n *node, found []any, others int) (any, error) {
	if err := m.charge(1 + others*n.lookup.steps); err != nil {
		return nil, err
	}
	return m.each(n, found)
}
