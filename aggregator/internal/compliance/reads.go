// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"maps"
	"slices"
)

// Reads returns the top-level keys of the tree that the expression can look at,
// sorted, and an empty list when there are none. When all is true it may look at
// any key and keys is nil.
//
// The answer is never too small: evaluated over a tree without the other keys,
// the expression gives the same result. It may be too large, for instance when
// the whole tree is compared with something.
func (e *Expression) Reads() (keys []string, all bool) { return slices.Clone(e.keys), e.all }

// SeesTimes reports whether the expression may give another result, or take another number of steps, when rows of lists
// lack their install times. It is never wrong in saying no.
func (e *Expression) SeesTimes() bool { return e.times }

// reader finds the keys an expression takes from the tree's root, and marks the
// filters that take only named rows of them. It follows where the root itself can
// go: once it reaches anything but a field access, the whole tree counts as read.
type reader struct {
	keys map[string]bool
	all  bool
}

func reads(root *node) (keys []string, all bool) {
	r := &reader{keys: map[string]bool{}}
	if r.visit(root, true) {
		r.all = true // the result is the tree
	}
	if r.all {
		return nil, true
	}
	keys = slices.AppendSeq([]string{}, maps.Keys(r.keys))
	slices.Sort(keys)
	return keys, false
}

// visit records what n reads when the current value is the root or something
// below it, and reports whether the value of n may be the root.
func (r *reader) visit(n *node, atRoot bool) bool {
	switch n.op {
	case opCurrent:
		return atRoot
	case opField:
		if atRoot {
			r.keys[n.name] = true
		}
		return false
	case opChain:
		return r.visit(n.operands[1], r.visit(n.operands[0], atRoot))
	case opLiteral:
		return false
	case opIndex, opSlice:
		r.use(atRoot)
		return false
	case opProject, opProjectMap, opFilter:
		if n.op == opFilter && atRoot {
			n.lookup = lookupOf(n)
		}
		r.use(r.visit(n.operands[0], atRoot))
		for _, operand := range n.operands[1:] {
			r.use(r.visit(operand, false)) // the root is in no list and no object
		}
		return false
	case opReference:
		r.use(r.visit(n.operands[0], false))
		return false
	default: // flatten, list, object, or, and, not, compare, call: they look at every operand as a whole
		for _, operand := range n.operands {
			r.use(r.visit(operand, atRoot))
		}
		return false
	}
}

func (r *reader) use(isRoot bool) {
	if isRoot {
		r.all = true
	}
}
