// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"errors"
	"fmt"
)

var errStrayReference = errors.New("&expression is only allowed as an argument of a function")

// function is one of JMESPath's built-in functions.
type function struct {
	arguments []types                                      // what each argument may be
	variadic  bool                                         // the last one may come more than once
	apply     func(m *meter, arguments []any) (any, error) // must not keep arguments
}

// types is a set of argument types.
type types int

const (
	numberType types = 1 << iota
	stringType
	arrayType
	objectType
	referenceType
	anyType
)

// allows reports whether a value of this type may be passed.
func (t types) allows(v any) bool {
	switch v.(type) {
	case float64:
		return t&(numberType|anyType) != 0
	case string:
		return t&(stringType|anyType) != 0
	case []any:
		return t&(arrayType|anyType) != 0
	case map[string]any:
		return t&(objectType|anyType) != 0
	case *node:
		return t&referenceType != 0
	}
	return t&anyType != 0
}

// parameter returns what the i-th argument may be.
func (f *function) parameter(i int) types {
	return f.arguments[min(i, len(f.arguments)-1)]
}

// checkArity refuses a call with too few or too many arguments.
func checkArity(n *node) error {
	got, want := len(n.operands), len(n.function.arguments)
	if got == want || (n.function.variadic && got > want) {
		return nil
	}
	return &SyntaxError{n.index, fmt.Sprintf("%s() takes %d arguments, not %d", n.name, want, got)}
}

// checkReferences refuses &expression anywhere but where a function wants one,
// and any other argument there.
func checkReferences(n *node) error {
	for i, operand := range n.operands {
		isReference := operand.op == opReference
		switch {
		case n.op != opCall && isReference:
			return errStrayReference
		case n.op != opCall:
		case isReference != (n.function.parameter(i) == referenceType):
			return &SyntaxError{n.index, fmt.Sprintf("argument %d of %s() is not what it takes: only map, max_by, min_by and sort_by take one &expression", i+1, n.name)}
		}
	}
	return nil
}

// call evaluates the arguments, checks their types and applies the function.
// Arguments are for the time of the call: they stand on a stack of the meter's.
func (m *meter) call(n *node, v any) (any, error) {
	base := len(m.arguments)
	for i, operand := range n.operands {
		if operand.op == opReference {
			m.arguments = append(m.arguments, operand.operands[0])
			continue
		}
		value, err := m.eval(operand, v)
		if err != nil {
			return nil, err
		}
		if !n.function.parameter(i).allows(value) {
			return nil, fmt.Errorf("%s(): argument %d is of type %s", n.name, i+1, typeName(value))
		}
		m.arguments = append(m.arguments, value)
	}
	value, err := n.function.apply(m, m.arguments[base:])
	m.arguments = m.arguments[:base]
	if err != nil && !errors.Is(err, ErrBudget) {
		return nil, fmt.Errorf("%s(): %w", n.name, err)
	}
	return value, err
}
