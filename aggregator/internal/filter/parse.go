// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"strings"
)

// Parse reads a filter; a text of spaces is nil, which is every machine. The error is an *Error.
func Parse(text string) (Node, error) {
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	if tokens[0].sort == end {
		return nil, nil
	}
	p := parser{tokens: tokens}
	node, err := p.or(0)
	if err == nil && p.peek().sort != end {
		err = p.unexpected("AND, OR or the end")
	}
	if err != nil {
		return nil, err
	}
	return node, nil
}

// PositionOf returns where in the text an error of Parse is, false for other errors.
func PositionOf(err error) (int, bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Position, true
	}
	return 0, false
}

type parser struct {
	tokens []token
	at     int
	terms  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

// take returns the next token and moves on, but never behind the end.
func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.sort != end {
		p.at++
	}
	return t
}

func (p *parser) accept(s sort) bool {
	if p.peek().sort != s {
		return false
	}
	p.at++
	return true
}

func (p *parser) unexpected(wanted string) *Error {
	t := p.peek()
	switch t.sort {
	case end:
		return wrong(t.position, "the filter ends where %s should be", wanted)
	case operator:
		return wrong(t.position, "%s should be here; a value with %s in it has to be quoted", wanted, t.raw)
	case word:
		if _, keyword := keywords[strings.ToUpper(t.raw)]; keyword {
			return wrong(t.position, "%s should be here; AND, OR and NOT are written in capitals", wanted)
		}
	}
	return wrong(t.position, "%s should be here", wanted)
}

func (p *parser) or(depth int) (Node, *Error) {
	var all Or
	for {
		n, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		if nested, ok := n.(Or); ok {
			all = append(all, nested...)
		} else {
			all = append(all, n)
		}
		if !p.accept(or) {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// and reads one group: the software terms that stand directly in it become one Asset, where the first of them stands.
func (p *parser) and(depth int) (Node, *Error) {
	var all And
	asset := -1
	for {
		n, direct, err := p.not(depth)
		if err != nil {
			return nil, err
		}
		terms, isAsset := n.(Asset)
		nested, isAnd := n.(And)
		switch {
		case isAsset && direct && asset >= 0:
			all[asset] = append(all[asset].(Asset), terms...) //nolint:forcetypeassert // put there below
		case isAnd:
			all = append(all, nested...)
		default:
			if isAsset && direct {
				asset = len(all)
			}
			all = append(all, n)
		}
		if !p.accept(and) {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// not reads a NOT, parentheses or a term; direct tells that it was a term itself.
func (p *parser) not(depth int) (n Node, direct bool, err *Error) {
	if depth > maxDepth {
		return nil, false, wrong(p.peek().position, "NOT and parentheses nest at most %d deep", maxDepth)
	}
	switch {
	case p.accept(not):
		n, _, err := p.not(depth + 1)
		if err != nil {
			return nil, false, err
		}
		return negate(n), false, nil
	case p.accept(open):
		n, err := p.or(depth + 1)
		if err != nil {
			return nil, false, err
		}
		if !p.accept(closed) {
			return nil, false, p.unexpected("AND, OR or a closing parenthesis")
		}
		return n, false, nil
	}
	n, err = p.term()
	return n, true, err
}

func negate(n Node) Node {
	if double, ok := n.(Not); ok {
		return double.Of
	}
	return Not{Of: n}
}
