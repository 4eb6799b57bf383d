// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"errors"
	"strings"
)

// apkToken is what a piece of an apk version is. The order is the one in which they may follow each other; where two
// versions go on differently, the one with the earlier token is newer, but for suffixes of pre-releases.
type apkToken int

const (
	apkFirst    apkToken = iota // the digits it begins with
	apkDigits                   // digits after a dot
	apkLetter                   // one lower-case letter
	apkSuffix                   // _rc
	apkSuffixNo                 // the 2 of _rc2
	apkHash                     // ~ and hexadecimal digits: a commit
	apkRevision                 // the 1 of -r1
	apkEnd
)

// apkSuffixes are in their order; those before apkRelease are older than the version without them.
var apkSuffixes = []string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}

// apkRelease is where no suffix stands in apkSuffixes.
const apkRelease = 4

// checkAPK accepts digits{.digits}[letter]{_suffix[digits]}[~hash][-rdigits].
//
// Source: apk-package(5), "version".
func checkAPK(v string) error {
	for token := apkFirst; token != apkEnd; {
		_, rest, err := apkValue(token, v)
		if err != nil {
			return err
		}
		if token, v, err = apkNext(token, rest); err != nil {
			return err
		}
	}
	return nil
}

func compareAPK(a, b string) int {
	tokenA, tokenB := apkFirst, apkFirst
	for tokenA == tokenB && tokenA != apkEnd {
		valueA, restA, _ := apkValue(tokenA, a) // both were checked
		valueB, restB, _ := apkValue(tokenB, b)
		if c := compareAPKValues(tokenA, valueA, valueB); c != 0 {
			return c
		}
		tokenA, a, _ = apkNext(tokenA, restA)
		tokenB, b, _ = apkNext(tokenB, restB)
	}
	earlyA, earlyB := isAPKEarly(tokenA, a), isAPKEarly(tokenB, b)
	switch {
	case earlyA && !earlyB:
		return -1
	case earlyB && !earlyA:
		return 1
	}
	return cmp.Compare(tokenB, tokenA)
}

// apkNext says which token follows one, and returns s without what announces it.
func apkNext(after apkToken, s string) (apkToken, string, error) {
	next := apkEnd
	switch {
	case s == "":
	case s[0] == '.':
		next, s = apkDigits, s[1:]
		if after == apkDigits {
			return next, s, nil
		}
	case s[0] >= 'a' && s[0] <= 'z':
		next = apkLetter
	case s[0] == '_':
		next, s = apkSuffix, s[1:]
		if after == apkSuffix || after == apkSuffixNo {
			return next, s, nil
		}
	case after == apkSuffix && isDigit(s[0]):
		next = apkSuffixNo
	case s[0] == '~':
		next, s = apkHash, s[1:]
	case strings.HasPrefix(s, "-r"):
		next, s = apkRevision, s[2:]
	default:
		return 0, s, errors.New("it has something out of place")
	}
	if next <= after {
		return 0, s, errors.New("it has something out of place")
	}
	return next, s, nil
}

// apkValue returns the value of the token at the beginning of s, and what is behind it.
func apkValue(token apkToken, s string) (value, rest string, err error) {
	var n int
	switch token {
	case apkLetter:
		n = 1
	case apkSuffix:
		n = run(s, func(c byte) bool { return c >= 'a' && c <= 'z' })
		if n == 0 || apkSuffixRank(s[:n]) < 0 {
			return "", "", errors.New("it has an unknown suffix")
		}
	case apkHash:
		n = run(s, func(c byte) bool { return isDigit(c) || (c >= 'a' && c <= 'f') })
	default:
		n = run(s, isDigit)
	}
	if n == 0 {
		return "", "", errors.New("it lacks digits")
	}
	return s[:n], s[n:], nil
}

// compareAPKValues compares the values of two tokens of one sort. Digits behind a dot are a fraction when one of them
// begins with zero: 1.05 < 1.1, but 1.5 < 1.10.
func compareAPKValues(token apkToken, a, b string) int {
	switch token {
	case apkSuffix:
		return cmp.Compare(apkSuffixRank(a), apkSuffixRank(b))
	case apkLetter, apkHash:
		return strings.Compare(a, b)
	case apkDigits:
		if a[0] == '0' || b[0] == '0' {
			return strings.Compare(a, b)
		}
	}
	return compareNumbers(a, b)
}

// isAPKEarly says whether a pre-release's suffix comes next.
func isAPKEarly(token apkToken, s string) bool {
	if token != apkSuffix {
		return false
	}
	suffix, _, _ := apkValue(token, s) // the version was checked
	return apkSuffixRank(suffix) < apkRelease
}

// apkSuffixRank returns a suffix's place, negative when there is no such suffix.
func apkSuffixRank(suffix string) int {
	for i, s := range apkSuffixes {
		if s == suffix {
			return i
		}
	}
	return -1
}
