// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// term reads a field with its operator and value, or words alone.
func (p *parser) term() (Node, *Error) {
	first := p.peek()
	if first.sort != word {
		return nil, p.unexpected("a field, a word, NOT or an opening parenthesis")
	}
	if p.terms++; p.terms > maxTerms {
		return nil, wrong(first.position, "a filter has at most %d terms", maxTerms)
	}
	p.at++
	if p.peek().sort != operator {
		return p.text(first)
	}
	field, err := fieldOf(first)
	if err != nil {
		return nil, err
	}
	op, value, err := p.comparison(field)
	if err != nil {
		return nil, err
	}
	t := Term{Field: field, Op: op, Value: value.value.lower()}
	switch {
	case field == LastSeen:
		t.Value = Pattern{}
		t.Age, t.Moment, err = timeOf(value)
	case field == Status:
		t.Value = Pattern{}
		t.Status, err = statusOf(value)
	case field == Check:
		return p.check(t)
	case op.ordering():
		t.Value, err = value.value, wholeVersion(value) // some orders tell cases apart
	}
	if err != nil {
		return nil, err
	}
	return normal(t), nil
}

// text reads words up to the next operator or parenthesis: together they are one text.
func (p *parser) text(first token) (Node, *Error) {
	value := Pattern{parts: append([]string{}, first.value.parts...)}
	for p.peek().sort == word && p.tokens[p.at+1].sort != operator {
		value.append(" ")
		more := p.take().value
		value.parts[len(value.parts)-1] += more.parts[0]
		value.parts = append(value.parts, more.parts[1:]...)
	}
	if strings.Trim(value.literal(), "*") == "" {
		return nil, wrong(first.position, "there is no text to search")
	}
	return Term{Field: Text, Op: Matches, Value: value.lower()}, nil
}

// comparison reads an operator that the field has, and the value behind it.
func (p *parser) comparison(field Field) (Op, token, *Error) {
	sign := p.take()
	op := Op(sign.raw)
	if op == "=" {
		op = Matches
	}
	switch {
	case op.ordering() && !field.ordered():
		return "", token{}, wrong(sign.position, "%s has no order: use : or !=", field)
	case !op.ordering() && field == LastSeen:
		return "", token{}, wrong(sign.position, "last_seen is compared with <, <=, > or >=")
	}
	if p.peek().sort != word {
		return "", token{}, p.unexpected("a value")
	}
	return op, p.take(), nil
}

func (o Op) ordering() bool { return o != Matches && o != Differs }

// check reads what may stand behind the name of a check: an operator and a status.
func (p *parser) check(t Term) (Node, *Error) {
	if p.peek().sort != operator {
		t.Any = true
		return normal(t), nil
	}
	sign := p.take()
	differs := sign.raw == "!="
	switch {
	case t.Op == Differs:
		return nil, wrong(sign.position, "write NOT check:name = STATUS")
	case !differs && sign.raw != "=" && sign.raw != ":":
		return nil, wrong(sign.position, "a status is compared with = or !=")
	case p.peek().sort != word:
		return nil, p.unexpected("a status")
	}
	var err *Error
	if t.Status, err = statusOf(p.take()); err != nil {
		return nil, err
	}
	if differs {
		t.Op = Differs
	}
	return normal(t), nil
}

// normal puts a term into its node.
func normal(t Term) Node {
	switch {
	case t.Field.ofAsset():
		return Asset{t}
	case t.Op == Differs:
		t.Op = Matches
		return Not{Of: t}
	}
	return t
}

func statusOf(value token) (compliance.Status, *Error) {
	for _, s := range []compliance.Status{compliance.StatusOK, compliance.StatusUnknown, compliance.StatusFailed} {
		if strings.EqualFold(value.value.literal(), s.String()) {
			return s, nil
		}
	}
	return 0, wrong(value.position, "a status is OK, UNKNOWN or FAILED")
}

// wholeVersion refuses wildcards in what is compared by order.
func wholeVersion(value token) *Error {
	if text, ok := value.value.Exact(); !ok || text == "" {
		return wrong(value.position, "compare with a whole version, without *")
	}
	return nil
}
