// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// Error says why a submitted tree was refused and where.
type Error struct {
	Path     string // deb_packages[3].name; "" stands for the tree as a whole
	Message  string
	TooLarge bool // a limit was exceeded, the tree may be fine otherwise
}

// Error gives path and message.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

func refuse(path, format string, args ...any) error {
	return &Error{Path: path, Message: fmt.Sprintf(format, args...)}
}

func tooLarge(path, format string, args ...any) error {
	return &Error{Path: path, Message: fmt.Sprintf(format, args...), TooLarge: true}
}

// refuseFact refuses what has no canonical body, and says whether only its size is to blame.
func refuseFact(path string, err error) error {
	if errors.Is(err, asset.ErrTooLarge) {
		return tooLarge(path, "%v", err)
	}
	return refuse(path, "%v", err)
}

// step is one element of a path: a key, or the index of a list when key is "".
type step struct {
	key   string
	index int
}

// pathOf writes steps as people do. Keys come from outside: odd ones are quoted and long ones cut.
func pathOf(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		switch {
		case s.key == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		case b.Len() > 0:
			b.WriteByte('.')
		}
		b.WriteString(printable(s.key))
	}
	return b.String()
}

// maxShownKey is how much of an unknown key an error repeats, in bytes.
const maxShownKey = 64

func printable(key string) string {
	plain := key != ""
	for _, r := range key {
		plain = plain && (r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	switch {
	case !plain && len(key) > maxShownKey:
		return strconv.QuoteToASCII(key[:maxShownKey]) + "…"
	case !plain:
		return strconv.QuoteToASCII(key)
	case len(key) > maxShownKey:
		return key[:maxShownKey] + "…"
	}
	return key
}

// nearest returns the name that key was most likely meant to be, "" when none is close.
func nearest(key string, names []string) string {
	best, bound := "", 1+len(key)/4
	if len(key) > maxShownKey {
		return ""
	}
	for _, name := range names {
		if d := distance(key, name); d <= bound {
			best, bound = name, d-1
		}
	}
	return best
}

// distance counts the edits between two names: a letter added, left out,
// replaced, or exchanged with the next one.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now := rows[0], rows[1], rows[2]
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		rows = [3][]int{last, now, before}
	}
	return rows[1][len(b)]
}
