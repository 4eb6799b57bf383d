// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/jmespath/go-jmespath"
)

// maxDepth bounds the syntax tree, and with it the evaluator's recursion.
const maxDepth = 1000

// operator says what a node does with its operands and the current value.
type operator int

const (
	opCurrent operator = iota // the current value
	opLiteral
	opField
	opIndex
	opSlice
	opChain      // right applied to the value of left: a.b, a[0], a | b
	opFlatten    // one level of lists
	opProject    // right applied to each element of the list left
	opProjectMap // right applied to each value of the object left
	opFilter     // right applied to each element of left that satisfies the third operand
	opList
	opObject // names[i] belongs to operand i
	opOr
	opAnd
	opNot
	opCompare
	opCall
	opReference // &expression, only as an argument
)

// node is one step of an expression. It is built once and never changed.
type node struct {
	op       operator
	operands []*node
	name     string    // opField: key; opCompare: ==, !=, <, <=, >, >=; opCall: function
	names    []string  // opObject
	literal  any       // opLiteral
	index    int       // opIndex
	bounds   [3]*int   // opSlice: start, stop, step; nil where left out
	function *function // opCall
	lookup   *lookup   // opFilter: what it asks of a list of the tree; nil for any other filter
}

// operators maps the library's node types to ours. A type that is missing here
// (key-value pairs, comparators and calls have code of their own) is refused.
var operators = map[int64]operator{
	int64(jmespath.ASTCurrentNode):        opCurrent,
	int64(jmespath.ASTIdentity):           opCurrent,
	int64(jmespath.ASTLiteral):            opLiteral,
	int64(jmespath.ASTField):              opField,
	int64(jmespath.ASTIndex):              opIndex,
	int64(jmespath.ASTSlice):              opSlice,
	int64(jmespath.ASTSubexpression):      opChain,
	int64(jmespath.ASTIndexExpression):    opChain,
	int64(jmespath.ASTPipe):               opChain,
	int64(jmespath.ASTFlatten):            opFlatten,
	int64(jmespath.ASTProjection):         opProject,
	int64(jmespath.ASTValueProjection):    opProjectMap,
	int64(jmespath.ASTFilterProjection):   opFilter,
	int64(jmespath.ASTMultiSelectList):    opList,
	int64(jmespath.ASTMultiSelectHash):    opObject,
	int64(jmespath.ASTOrExpression):       opOr,
	int64(jmespath.ASTAndExpression):      opAnd,
	int64(jmespath.ASTNotExpression):      opNot,
	int64(jmespath.ASTComparator):         opCompare,
	int64(jmespath.ASTFunctionExpression): opCall,
	int64(jmespath.ASTExpRef):             opReference,
}

// comparators maps the library's tokens to their spelling. The library does not
// export the tokens, so each is found by parsing it.
var comparators = sync.OnceValue(func() map[int64]string {
	found := map[int64]string{}
	for _, sign := range []string{"==", "!=", "<", "<=", ">", ">="} {
		ast, err := jmespath.NewParser().Parse("a" + sign + "b")
		if err == nil {
			found[reflect.ValueOf(ast).FieldByName("value").Elem().Int()] = sign
		}
	}
	return found
})

// converter turns the library's syntax tree, whose fields are not exported, into
// nodes. It reads them by reflection, in the order of the source, so that calls
// meet their positions.
type converter struct {
	calls []call
	depth int
}

func (c *converter) convert(ast reflect.Value) (*node, error) {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		return nil, fmt.Errorf("the expression has more than %d steps in a row", maxDepth)
	}
	op, ok := operators[ast.FieldByName("nodeType").Int()]
	if !ok {
		return nil, fmt.Errorf("the expression is incomplete")
	}
	n := &node{op: op}
	if err := c.attributes(n, ast.FieldByName("value").Elem()); err != nil {
		return nil, err
	}
	if err := c.convertOperands(n, ast.FieldByName("children")); err != nil {
		return nil, err
	}
	return n, checkReferences(n)
}

// attributes fills what a node holds besides its operands.
func (c *converter) attributes(n *node, value reflect.Value) error {
	switch n.op {
	case opField:
		n.name = value.String()
	case opIndex:
		n.index = int(value.Int())
	case opSlice:
		for i := range n.bounds {
			if p := value.Index(i); !p.IsNil() {
				bound := int(p.Elem().Int())
				n.bounds[i] = &bound
			}
		}
	case opLiteral:
		n.literal = literal(value)
	case opCompare:
		n.name = comparators()[value.Int()]
	case opCall:
		return c.bind(n, value)
	}
	return nil
}

// convertOperands converts in source order: a filter's condition stands before
// what is done with the elements that pass.
func (c *converter) convertOperands(n *node, children reflect.Value) error {
	order := []int{0, 2, 1}
	n.operands = make([]*node, children.Len())
	for i := range n.operands {
		k := i
		if n.op == opFilter {
			k = order[i]
		}
		child := children.Index(k)
		if n.op == opObject {
			n.names = append(n.names, child.FieldByName("value").Elem().String())
			child = child.FieldByName("children").Index(0)
		}
		operand, err := c.convert(child)
		if err != nil {
			return err
		}
		n.operands[k] = operand
	}
	if n.op == opCall {
		return checkArity(n)
	}
	return nil
}

// bind finds the function a call names and takes the call's position.
func (c *converter) bind(n *node, value reflect.Value) error {
	if !value.IsValid() || value.Kind() != reflect.String || len(c.calls) == 0 || c.calls[0].name != value.String() {
		return fmt.Errorf("a call needs the name of a function")
	}
	at := c.calls[0]
	c.calls = c.calls[1:]
	n.name = at.name
	n.index = at.offset
	n.function = functions[at.name]
	if n.function == nil {
		return &SyntaxError{at.offset, "unknown function " + at.name + "()"}
	}
	return nil
}

// literal copies a value that encoding/json made out of the library's hands.
func literal(v reflect.Value) any {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Float64:
		return v.Float()
	case reflect.Bool:
		return v.Bool()
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = literal(v.Index(i))
		}
		return list
	case reflect.Map:
		object := make(map[string]any, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			object[entries.Key().String()] = literal(entries.Value())
		}
		return object
	}
	return nil
}
