// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type sort int

const (
	end sort = iota
	word
	operator
	open
	closed
	and
	or
	not
)

// token is one word, operator or parenthesis.
type token struct {
	sort     sort
	position int
	value    Pattern // of a word, as it is written
	raw      string  // of a word without escapes; of an operator: it
	quoted   bool
}

var keywords = map[string]sort{"AND": and, "OR": or, "NOT": not}

// operators, longer ones first.
var operators = []string{"!=", "<=", ">=", ":", "=", "<", ">"}

type scanner struct {
	text   string
	at     int
	tokens []token
}

// scan cuts a text into tokens, the last of which is the end, and counts what is bounded.
func scan(text string) ([]token, *Error) {
	switch {
	case len(text) > maxBytes:
		return nil, wrong(maxBytes, "a filter has at most %d bytes", maxBytes)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return nil, wrong(0, "a filter is valid text")
	}
	s := scanner{text: text}
	depth, nots, terms := 0, 0, 0
	for {
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		s.tokens = append(s.tokens, t)
		switch t.sort {
		case end:
			return s.tokens, nil
		case open:
			depth++
		case closed:
			depth--
		case not:
			nots++
		case word:
			terms++
		}
		switch {
		case depth > maxDepth || nots > maxTerms:
			return nil, wrong(t.position, "parentheses nest at most %d deep, and there are at most %d NOT", maxDepth, maxTerms)
		case terms > 3*maxTerms: // a term has up to three words
			return nil, wrong(t.position, "a filter has at most %d terms", maxTerms)
		}
	}
}

func isSpace(r rune) bool { return unicode.IsSpace(r) }

func (s *scanner) next() (token, *Error) {
	s.at += len(s.text[s.at:]) - len(strings.TrimLeftFunc(s.text[s.at:], isSpace))
	t := token{position: s.at}
	rest := s.text[s.at:]
	switch {
	case rest == "":
		return t, nil
	case rest[0] == '(' || rest[0] == ')':
		t.sort = open
		if rest[0] == ')' {
			t.sort = closed
		}
		s.at++
		return t, nil
	case rest[0] == '"':
		return s.quoted()
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			t.sort, t.raw = operator, op
			s.at += len(op)
			return t, nil
		}
	}
	return s.word()
}

// quoted reads up to the closing quote.
func (s *scanner) quoted() (token, *Error) {
	t := token{sort: word, position: s.at, quoted: true, value: Pattern{parts: []string{""}}}
	begin := s.at + 1
	for s.at = begin; s.at < len(s.text); {
		if s.text[s.at] == '"' {
			t.raw = s.text[begin:s.at]
			s.at++
			return t, nil
		}
		if err := s.character(&t.value); err != nil {
			return t, err
		}
	}
	return t, wrong(t.position, "the quote is not closed")
}

// word reads up to a space, parenthesis, quote or operator. A value may hold colons, as versions do.
func (s *scanner) word() (token, *Error) {
	t := token{sort: word, position: s.at}
	value := len(s.tokens) > 0 && s.tokens[len(s.tokens)-1].sort == operator
	for s.at < len(s.text) && !s.ends(value) {
		if err := s.character(&t.value); err != nil {
			return t, err
		}
	}
	t.raw = s.text[t.position:s.at]
	if keyword, ok := keywords[t.raw]; ok && !value {
		t.sort = keyword
	}
	return t, nil
}

func (s *scanner) ends(value bool) bool {
	rest := s.text[s.at:]
	r, _ := utf8.DecodeRuneInString(rest)
	return isSpace(r) || strings.ContainsRune(`()"<>=`, r) || r == ':' && !value || strings.HasPrefix(rest, "!=")
}

// character reads one into a pattern: a *, what a backslash escapes, or itself.
func (s *scanner) character(into *Pattern) *Error {
	switch s.text[s.at] {
	case '*':
		into.wildcard()
		s.at++
		return nil
	case '\\':
		s.at++
		if s.at == len(s.text) {
			return wrong(s.at-1, "nothing stands behind the backslash")
		}
	}
	_, size := utf8.DecodeRuneInString(s.text[s.at:])
	into.append(s.text[s.at : s.at+size])
	s.at += size
	return nil
}
