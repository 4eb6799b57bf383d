// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strconv"
	"strings"
	"time"
)

// The bounds, for the tests outside.
const (
	MaxBytes = maxBytes
	MaxTerms = maxTerms
	MaxDepth = maxDepth
)

// String writes a filter in its normal form, which parses into the same tree; nil is empty.
func String(n Node) string {
	if n == nil {
		return ""
	}
	var p printer
	n.(printed).spell(&p)
	return p.String()
}

// printed is every Node.
type printed interface{ spell(p *printer) }

type printer struct{ strings.Builder }

func (p *printer) within(n Node) {
	p.WriteByte('(')
	n.(printed).spell(p)
	p.WriteByte(')')
}

func (a And) spell(p *printer) {
	direct := false // an Asset stands without parentheses; another one must not run into it
	for i, n := range a {
		if i > 0 {
			p.WriteString(" AND ")
		}
		switch of := n.(type) {
		case Or:
			p.within(of)
		case Asset:
			if direct {
				p.within(of)
				continue
			}
			direct = true
			of.spell(p)
		default:
			n.(printed).spell(p)
		}
	}
}

func (o Or) spell(p *printer) {
	for i, n := range o {
		if i > 0 {
			p.WriteString(" OR ")
		}
		n.(printed).spell(p) // an And binds closer
	}
}

func (n Not) spell(p *printer) {
	p.WriteString("NOT ")
	switch of := n.Of.(type) {
	case And, Or:
		p.within(of)
	case Asset:
		if len(of) > 1 {
			p.within(of)
			return
		}
		of.spell(p)
	default:
		of.(printed).spell(p)
	}
}

func (a Asset) spell(p *printer) {
	for i, t := range a {
		if i > 0 {
			p.WriteString(" AND ")
		}
		t.spell(p)
	}
}

func (t Term) spell(p *printer) {
	if t.Field == Text {
		p.text(t.Value)
		return
	}
	p.WriteString(string(t.Field) + string(t.Op))
	switch t.Field {
	case LastSeen:
		if t.Moment.IsZero() {
			p.WriteString(printAge(t.Age))
		} else {
			p.WriteString(t.Moment.Format(time.RFC3339Nano))
		}
	case Status:
		p.WriteString(t.Status.String())
	case Check:
		p.WriteString(t.Value.String())
		if !t.Any {
			p.WriteString(" = " + t.Status.String())
		}
	default:
		p.WriteString(t.Value.String())
	}
}

// text writes words alone; two texts never stand beside each other.
func (p *printer) text(value Pattern) {
	text := value.String()
	if _, keyword := keywords[strings.ToUpper(text)]; keyword {
		text = `"` + text + `"`
	}
	p.WriteString(text)
}

// printAge is the way back of ageOf.
func printAge(age time.Duration) string {
	for _, u := range units {
		if age%u.length == 0 && (age > 0 || u.length == time.Second) {
			return strconv.FormatInt(int64(age/u.length), 10) + string(u.letter)
		}
	}
	return age.String() // ages are whole seconds
}

// String writes the pattern as a value of the language, quoted where it has to be.
func (p Pattern) String() string {
	const special = "\t\n\r \"()\\:=<>!*"
	quote := p.literal() == ""
	for _, part := range p.parts {
		quote = quote || strings.ContainsAny(part, special) || strings.ContainsFunc(part, isSpace)
	}
	var b strings.Builder
	for i, part := range p.parts {
		if i > 0 {
			b.WriteByte('*')
		}
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, `*`, `\*`).Replace(part))
	}
	if quote {
		return `"` + b.String() + `"`
	}
	return b.String()
}
