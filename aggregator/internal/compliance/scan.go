// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxExpressionBytes is the longest expression that Compile accepts.
const maxExpressionBytes = 16 << 10

// maxNesting bounds open brackets and runs of prefix operators, and the nesting
// of a JSON literal, before the recursive parser is called.
const maxNesting = 64

// SyntaxError says why and where an expression was refused.
type SyntaxError struct {
	Offset  int    // bytes from the start of the expression, 0-based
	Message string // what is wrong there, without the position
}

// Error gives the message and the position.
func (e *SyntaxError) Error() string {
	return e.Message + " at position " + strconv.Itoa(e.Offset)
}

// call is a function name as it stands in the source.
type call struct {
	name   string
	offset int
}

// scanner walks an expression once before the parser does. It enforces the
// bounds, checks every literal (the parser reports those without a position, and
// ignores one kind of bad number), and remembers where functions are called.
type scanner struct {
	src     string
	pos     int
	nesting int
	prefix  int // consecutive ! and & operators
	calls   []call
}

// scan checks the parts of src that the parser does not, and lists its calls in
// source order.
func scan(src string) ([]call, error) {
	if len(src) > maxExpressionBytes {
		return nil, &SyntaxError{maxExpressionBytes, fmt.Sprintf("the expression is longer than %d bytes", maxExpressionBytes)}
	}
	for i, r := range src {
		if r == 0 {
			return nil, &SyntaxError{i, "NUL is not allowed"}
		}
		if _, size := utf8.DecodeRuneInString(src[i:]); r == utf8.RuneError && size == 1 {
			return nil, &SyntaxError{i, "invalid UTF-8"}
		}
	}
	s := &scanner{src: src}
	for s.pos < len(src) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	return s.calls, nil
}

// step consumes one token.
func (s *scanner) step() error {
	c := s.src[s.pos]
	if c != '!' && c != '&' && !isSpace(c) {
		s.prefix = 0
	}
	switch {
	case c == '(' || c == '[' || c == '{':
		s.nesting++
		return s.advance(1)
	case c == ')' || c == ']' || c == '}':
		s.nesting--
		return s.advance(1)
	case c == '!' || c == '&':
		s.prefix++
		return s.advance(1)
	case c == '\'' || c == '"' || c == '`':
		return s.quoted(c)
	case c == '-' || isDigit(c):
		return s.number()
	case isLetter(c):
		s.identifier()
		return nil
	}
	return s.advance(1)
}

func (s *scanner) advance(n int) error {
	if s.nesting+s.prefix > maxNesting {
		return &SyntaxError{s.pos, fmt.Sprintf("the expression is nested deeper than %d", maxNesting)}
	}
	s.pos += n
	return nil
}

// quoted consumes a raw string, a quoted identifier or a JSON literal.
func (s *scanner) quoted(quote byte) error {
	start := s.pos
	end := start + 1
	for end < len(s.src) && s.src[end] != quote {
		if s.escapes(quote, end) {
			end++
		}
		end++
	}
	if end >= len(s.src) {
		return &SyntaxError{len(s.src), "unclosed " + string(rune(quote))}
	}
	s.pos = end + 1
	body := s.src[start+1 : end]
	switch quote {
	case '"':
		if !json.Valid([]byte(`"` + body + `"`)) {
			return &SyntaxError{start, "the quoted name is not a JSON string"}
		}
	case '`':
		return checkLiteral(strings.ReplaceAll(body, "\\`", "`"), start)
	}
	return nil
}

// escapes reports whether the byte at i takes the next one with it. In a raw
// string a backslash does so only before a quote.
func (s *scanner) escapes(quote byte, i int) bool {
	if s.src[i] != '\\' || i+1 >= len(s.src) {
		return false
	}
	return quote != '\'' || s.src[i+1] == '\''
}

func checkLiteral(body string, offset int) error {
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return &SyntaxError{offset, "the literal between backticks is not JSON"}
	}
	if nestingOf(v) > maxNesting {
		return &SyntaxError{offset, fmt.Sprintf("the literal is nested deeper than %d", maxNesting)}
	}
	return nil
}

// nestingOf counts the levels of containers of v. Its recursion ends where
// encoding/json refused to go deeper.
func nestingOf(v any) int {
	deepest := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			deepest = max(deepest, nestingOf(e))
		}
	case map[string]any:
		for _, e := range v {
			deepest = max(deepest, nestingOf(e))
		}
	default:
		return 0
	}
	return deepest + 1
}

func (s *scanner) number() error {
	start := s.pos
	s.pos++
	for s.pos < len(s.src) && isDigit(s.src[s.pos]) {
		s.pos++
	}
	if _, err := strconv.ParseInt(s.src[start:s.pos], 10, 32); err != nil {
		return &SyntaxError{start, strconv.Quote(s.src[start:s.pos]) + " is not an index"}
	}
	return nil
}

// identifier consumes a name and remembers it when a parenthesis follows.
func (s *scanner) identifier() {
	start := s.pos
	for s.pos < len(s.src) && (isLetter(s.src[s.pos]) || isDigit(s.src[s.pos])) {
		s.pos++
	}
	next := s.pos
	for next < len(s.src) && isSpace(s.src[next]) {
		next++
	}
	if next < len(s.src) && s.src[next] == '(' {
		s.calls = append(s.calls, call{s.src[start:s.pos], start})
	}
}

func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
