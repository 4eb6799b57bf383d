// SPDX-License-Identifier: Apache-2.0

// Package filter is the language in which machines are searched: it parses a text into a tree. It is
// pure: it refuses to know where machines are, and who may see them.
//
//	platform:LINUX AND software.name:openssl AND software.version<3.0.11
//	(tag:web OR tag:"data base") AND NOT last_seen<7d
//
// A term is a field, an operator and a value; a word alone is part of a serial number or computer name. NOT binds closer
// than AND, AND closer than OR. Texts match whatever their case, as a whole, and * stands for any characters; quotes hold
// spaces and parentheses, and a backslash takes the meaning from the character behind it.
//
// Terms about software that AND joins directly, with no parentheses or NOT between them, speak of one and the same
// asset; those of another group speak of another, or of the same: (software.name:a) AND (software.name:b) is true of
// machines that have both.
package filter

import (
	"fmt"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Bounds of a filter.
const (
	maxBytes = 4096
	maxTerms = 64
	maxDepth = 16 // of parentheses and NOT
)

// Node is a part of a filter: And, Or, Not, Term or Asset.
type Node interface{ node() }

// And is true where all of at least two nodes are. None of them is an And.
type And []Node

// Or is true where any of at least two nodes is. None of them is an Or.
type Or []Node

// Not is true where the node, which is no Not, is false.
type Not struct{ Of Node }

// Asset is true of machines that have a piece of software of which every term, at least one, is true.
type Asset []Term

// Term is true of machines, and below an Asset of assets, whose field has the value.
type Term struct {
	Field Field
	Op    Op
	Value Pattern // of all fields but LastSeen and Status; of Check the name

	Status compliance.Status // of Status, and of Check unless AnyStatus
	Any    bool              // of Check: whatever the status is

	Age    time.Duration // of LastSeen, unless there is a Moment
	Moment time.Time     // of LastSeen
}

func (And) node()   {}
func (Or) node()    {}
func (Not) node()   {}
func (Asset) node() {}
func (Term) node()  {}

// Op is an operator.
type Op string

// The operators. Of machines "!=" is written as a Not; of assets it means one that is different.
const (
	Matches      Op = ":"
	Differs      Op = "!="
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
)

// Error says what is wrong with a filter.
type Error struct {
	Position int // in bytes from 0
	Message  string
}

// Error gives the message and where it belongs.
func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Position, e.Message) }

func wrong(position int, format string, args ...any) *Error {
	return &Error{Position: position, Message: fmt.Sprintf(format, args...)}
}

// Terms calls fn with every term of a filter, in order; nil has none.
func Terms(n Node, fn func(Term)) {
	switch n := n.(type) {
	case And:
		for _, of := range n {
			Terms(of, fn)
		}
	case Or:
		for _, of := range n {
			Terms(of, fn)
		}
	case Not:
		Terms(n.Of, fn)
	case Asset:
		for _, t := range n {
			fn(t)
		}
	case Term:
		fn(n)
	}
}

// Assets returns the groups of a filter that speak of one asset each, in order.
func Assets(n Node) []Asset {
	switch n := n.(type) {
	case And:
		return assetsOf(n)
	case Or:
		return assetsOf(n)
	case Not:
		return Assets(n.Of)
	case Asset:
		return []Asset{n}
	}
	return nil
}

func assetsOf(all []Node) []Asset {
	var found []Asset
	for _, n := range all {
		found = append(found, Assets(n)...)
	}
	return found
}
