// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"fmt"
	"strings"
)

// What several orders look at. Versions are compared as bytes: characters beyond ASCII are nobody's digits.

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

// run returns how many bytes at the beginning of s are of the class.
func run(s string, class func(byte) bool) int {
	n := 0
	for n < len(s) && class(s[n]) {
		n++
	}
	return n
}

// only refuses a text with anything but letters, digits and the others given.
func only(s, others string) error {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return fmt.Errorf("unexpected %q", s[i:i+1])
		}
	}
	return nil
}

// compareNumbers compares runs of digits by value, however long they are. No digits at all are 0.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// isZero says whether a run of digits has the value 0.
func isZero(digits string) bool {
	return strings.Trim(digits, "0") == ""
}
