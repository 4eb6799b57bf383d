// SPDX-License-Identifier: Apache-2.0

package compliance

import "slices"

// timeKeys are the keys that rows of a list have from a section of its own.
var timeKeys = []string{"install_date", "install_time"}

// shape says where in a value a row may stand that has an install time. A shape
// stands for every value that has no more rows than it says: a number has shape
// rows, too.
type shape int

const (
	plain shape = iota // nowhere; what a row holds under another key is plain
	row                // the value
	rows               // an element of the list
	whole              // the tree, whose keys hold rows
	mixed              // anywhere
)

// seesTimes reports whether an expression may give another result, or take
// another number of steps, when rows lack their install times. It is never wrong
// in saying no; it says yes to every use of a row that it does not know to look
// at something else.
func seesTimes(n *node) bool {
	w := &watcher{}
	return w.visit(n, whole) != plain || w.sees
}

// watcher follows rows through an expression.
type watcher struct{ sees bool }

// visit returns the shape of a node's value for a current value of the shape v.
func (w *watcher) visit(n *node, v shape) shape {
	switch n.op {
	case opCurrent:
		return v
	case opField:
		return w.field(n, v)
	case opIndex:
		return element(v)
	case opSlice:
		return list(v)
	case opFlatten:
		return list(w.visit(n.operands[0], v))
	case opChain:
		return w.visit(n.operands[1], w.visit(n.operands[0], v))
	case opProject, opFilter:
		return w.project(n, v)
	case opProjectMap:
		return listOf(w.visit(n.operands[1], w.values(w.visit(n.operands[0], v))))
	case opOr, opAnd:
		left := w.test(w.visit(n.operands[0], v))
		return either(left, w.visit(n.operands[1], v))
	case opNot:
		w.test(w.visit(n.operands[0], v))
		return plain
	case opCompare:
		w.compare(n, v)
		return plain
	case opList, opObject:
		return w.collect(n, v)
	case opCall:
		return w.call(n, v)
	}
	return plain // a literal; references are visited by their calls
}

func (w *watcher) field(n *node, v shape) shape {
	w.look(slices.Contains(timeKeys, n.name))
	switch v {
	case whole:
		return rows
	case mixed:
		return mixed
	}
	return plain
}

func (w *watcher) project(n *node, v shape) shape {
	e := element(w.visit(n.operands[0], v))
	if n.op == opFilter {
		w.test(w.visit(n.operands[2], e))
	}
	return listOf(w.visit(n.operands[1], e))
}

// collect is for values that hold their operands.
func (w *watcher) collect(n *node, v shape) shape {
	held := plain
	for _, operand := range n.operands {
		if w.visit(operand, v) != plain {
			held = mixed
		}
	}
	return held
}

// test is for a value that counts as true or false: a row that holds nothing but
// its install time is false without it.
func (w *watcher) test(v shape) shape {
	w.look(v == row || v == mixed)
	return v
}

// values returns the shape of the values of an object.
func (w *watcher) values(v shape) shape {
	w.look(v == row || v == mixed)
	switch v {
	case whole:
		return rows
	case row, mixed:
		return mixed
	}
	return plain
}

func (w *watcher) compare(n *node, v shape) {
	left, right := w.visit(n.operands[0], v), w.visit(n.operands[1], v)
	if n.name == "==" || n.name == "!=" { // the others look at numbers and strings only
		w.equal(left, right, n.operands...)
	}
}

// equal is for comparing two values. That looks into rows, unless one of the
// nodes that give the values has no parts.
func (w *watcher) equal(left, right shape, sides ...*node) {
	w.look((left != plain || right != plain) && !slices.ContainsFunc(sides, hasNoParts))
}

// hasNoParts reports whether a node is a literal scalar or the empty list.
func hasNoParts(n *node) bool {
	if n.op != opLiteral {
		return false
	}
	switch v := n.literal.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return false
	}
	return true
}

func (w *watcher) look(sees bool) { w.sees = w.sees || sees }

// element returns the shape of a list's elements.
func element(v shape) shape {
	switch v {
	case rows:
		return row
	case mixed:
		return mixed
	}
	return plain
}

// list returns the shape of a value that is v when that is a list, and null otherwise.
func list(v shape) shape {
	if v == rows || v == mixed {
		return v
	}
	return plain
}

// listOf returns the shape of a list of such values.
func listOf(v shape) shape {
	switch v {
	case plain:
		return plain
	case row:
		return rows
	}
	return mixed
}

func either(a, b shape) shape {
	switch {
	case a == b, b == plain:
		return a
	case a == plain:
		return b
	}
	return mixed
}
