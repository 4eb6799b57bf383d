// SPDX-License-Identifier: Apache-2.0

package compliance

// call visits a call. What a function does with a row decides: one that is not
// named here, and every new one, is taken to look at all of it.
func (w *watcher) call(n *node, v shape) shape {
	arguments := make([]shape, len(n.operands))
	for i, operand := range n.operands {
		if operand.op != opReference {
			arguments[i] = w.visit(operand, v)
		}
	}
	first := arguments[0]
	switch n.name {
	case "abs", "avg", "ceil", "ends_with", "floor", "join", "starts_with", "sum", "to_number", "type":
		return plain // they look at numbers and strings, and at what type a value is of
	case "length", "keys":
		w.values(first)
		return plain
	case "values":
		return listOf(w.values(first))
	case "reverse", "sort":
		return list(first)
	case "max", "min":
		return element(first)
	case "to_array":
		if first == rows {
			return rows
		}
		return listOf(first)
	case "not_null":
		for _, argument := range arguments[1:] {
			first = either(first, argument)
		}
		return first
	case "contains":
		w.equal(element(first), arguments[1], n.operands[1])
		return plain
	case "sort_by", "max_by", "min_by", "map":
		return w.callWith(n, arguments)
	}
	for _, argument := range arguments {
		w.look(argument != plain)
	}
	return plain
}

// callWith visits a call that evaluates a reference for each element of a list.
func (w *watcher) callWith(n *node, arguments []shape) shape {
	over, reference := arguments[0], n.operands[1]
	if n.name == "map" {
		over, reference = arguments[1], n.operands[0]
	}
	value := w.visit(reference.operands[0], element(over))
	switch n.name {
	case "map":
		return listOf(value)
	case "sort_by":
		return list(over)
	}
	return element(over) // keys are numbers or strings, or there is no result
}
