// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/jmespath/go-jmespath"
)

var (
	// ErrBudget is the error of an evaluation that took more steps than it may.
	ErrBudget = errors.New("the evaluation takes too many steps")
	// ErrNotBoolean is the error of an evaluation whose result is neither true nor false.
	ErrNotBoolean = errors.New("result is not a boolean")

	errTooLarge = fmt.Errorf("%w, and too large to show", ErrNotBoolean)
)

// Expression is a compiled JMESPath expression. It is immutable and safe for
// concurrent use.
type Expression struct {
	root  *node
	keys  []string
	all   bool
	times bool // it may see install times
}

// Result is the outcome of one evaluation. Err is nil exactly when Status is
// StatusOK or StatusFailed; else it says why the status is unknown.
type Result struct {
	Status Status
	// Value is what the expression gave, nil after an error or when it is too
	// large to show. It may share memory with the tree: do not change it.
	Value any
	Err   error
}

// TooLarge reports whether there is no Value because it is too large to show.
func (r *Result) TooLarge() bool { return r.Err == errTooLarge } //nolint:errorlint // nobody wraps it before it is here

// Compile parses an expression. Every refusal is a *SyntaxError.
func Compile(expression string) (*Expression, error) {
	calls, err := scan(expression)
	if err != nil {
		return nil, err
	}
	root, err := parse(expression, calls)
	if err != nil {
		return nil, asSyntaxError(err, expression)
	}
	e := &Expression{root: root}
	e.keys, e.all = reads(root)
	e.times = seesTimes(root)
	return e, nil
}

// parse runs the library's parser, which reads past the end of some malformed
// expressions.
func parse(expression string, calls []call) (root *node, err error) {
	defer func() {
		if recover() != nil {
			root, err = nil, errors.New("the expression is incomplete")
		}
	}()
	ast, err := jmespath.NewParser().Parse(expression)
	if err != nil {
		return nil, err
	}
	root, err = (&converter{calls: calls}).convert(reflect.ValueOf(ast))
	if err == nil && root.op == opReference {
		err = errStrayReference
	}
	return root, err
}

// asSyntaxError gives err a position: its own, or else the end of the expression.
func asSyntaxError(err error, expression string) error {
	var ours *SyntaxError
	if errors.As(err, &ours) {
		return ours
	}
	var theirs jmespath.SyntaxError
	if errors.As(err, &theirs) {
		offset := min(max(theirs.Offset, 0), len(expression))
		for offset > 0 && offset < len(expression) && !utf8.RuneStart(expression[offset]) {
			offset--
		}
		return &SyntaxError{offset, parserMessage(expression[offset:])}
	}
	return &SyntaxError{len(expression), err.Error()}
}

// parserMessage words the library's complaint without its token names.
func parserMessage(rest string) string {
	if rest == "" {
		return "unexpected end of the expression"
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return fmt.Sprintf("unexpected %q", r)
}

// Evaluate runs the expression over a tree made of what encoding/json makes:
// map[string]any, []any, string, float64, bool and nil. Exactly true is OK,
// exactly false is FAILED, and everything else, errors included, is UNKNOWN.
// It only reads the tree.
func (e *Expression) Evaluate(tree map[string]any) Result {
	return resultOf(e.run(tree))
}

// EvaluateTree is Evaluate over a tree that is built only as far as the expression looks at it. The result is the
// same, and it takes the same steps.
func (e *Expression) EvaluateTree(t Tree) Result {
	m := &meter{left: maxSteps, tree: t, times: e.times}
	if e.all {
		return resultOf(e.spend(m, t.Whole(e.times)))
	}
	return resultOf(e.spend(m, root{}))
}

func resultOf(value any, err error) Result {
	switch {
	case err != nil:
		return Result{Status: StatusUnknown, Err: err}
	case value == true:
		return Result{Status: StatusOK, Value: value}
	case value == false:
		return Result{Status: StatusFailed, Value: value}
	}
	if !presentable(value) {
		return Result{Status: StatusUnknown, Err: errTooLarge}
	}
	return Result{Status: StatusUnknown, Value: value, Err: ErrNotBoolean}
}

func (e *Expression) run(tree map[string]any) (any, error) {
	return e.spend(&meter{left: maxSteps}, tree)
}

// spend evaluates the expression on a meter of its own.
func (e *Expression) spend(m *meter, tree any) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("evaluation panicked: %v", p)
		}
	}()
	return m.eval(e.root, tree)
}
