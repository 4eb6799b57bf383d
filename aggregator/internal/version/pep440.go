// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"errors"
	"strings"
)

// pythonVersion is a version as PEP 440 reads it, in lower case. Numbers are runs of digits; none is 0.
type pythonVersion struct {
	epoch   string
	release string // numbers and dots
	pre     int    // 1 alpha, 2 beta, 3 release candidate, 0 none
	preNo   string
	post    bool
	postNo  string
	dev     bool
	devNo   string
	local   string
}

// pythonPre are the spellings of pre-releases; of two with a common beginning the longer comes first.
var pythonPre = []struct {
	word string
	rank int
}{{"alpha", 1}, {"a", 1}, {"beta", 2}, {"b", 2}, {"preview", 3}, {"pre", 3}, {"rc", 3}, {"c", 3}}

// checkPEP440 accepts what the regular expression in the appendix of PEP 440 does, but for spaces around it.
//
// Source: PEP 440, now packaging.python.org, "Version specifiers".
func checkPEP440(v string) error {
	_, err := parsePEP440(v)
	return err
}

func comparePEP440(a, b string) int {
	va, _ := parsePEP440(a) // both were checked
	vb, _ := parsePEP440(b)
	return cmp.Or(
		compareNumbers(va.epoch, vb.epoch),
		compareReleases(va.release, vb.release),
		cmp.Compare(va.preRank(), vb.preRank()),
		compareNumbers(va.preNo, vb.preNo),
		compareFlags(va.post, vb.post),
		compareNumbers(va.postNo, vb.postNo),
		compareFlags(!va.dev, !vb.dev),
		compareNumbers(va.devNo, vb.devNo),
		compareLocals(va.local, vb.local),
	)
}

// preRank puts a development release of the release itself before its pre-releases, and the release after them.
func (v *pythonVersion) preRank() int {
	if v.pre == 0 && (v.post || !v.dev) {
		return 4
	}
	return v.pre
}

// parsePEP440 reads a version from left to right; every part but the release may be missing.
func parsePEP440(text string) (pythonVersion, error) {
	var v pythonVersion
	s := strings.TrimPrefix(strings.ToLower(text), "v")
	if n := run(s, isDigit); n > 0 && n < len(s) && s[n] == '!' {
		v.epoch, s = s[:n], s[n+1:]
	}
	n := run(s, isDigit)
	if n == 0 {
		return v, errors.New("it does not begin with a number")
	}
	for n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n += 1 + run(s[n+1:], isDigit)
	}
	v.release, s = s[:n], s[n:]
	for _, p := range pythonPre {
		if no, rest, ok := pythonPart(s, p.word); ok {
			v.pre, v.preNo, s = p.rank, no, rest
			break
		}
	}
	s = v.parsePost(s)
	if no, rest, ok := pythonPart(s, "dev"); ok {
		v.dev, v.devNo, s = true, no, rest
	}
	if local, ok := strings.CutPrefix(s, "+"); ok {
		v.local, s = local, ""
		if !isLocal(local) {
			return v, errors.New("its local part is none")
		}
	}
	if s != "" {
		return v, errors.New("it has something out of place")
	}
	return v, nil
}

// parsePost reads a post-release, which may also be a hyphen and a number, and returns what is behind it.
func (v *pythonVersion) parsePost(s string) string {
	if len(s) > 1 && s[0] == '-' && isDigit(s[1]) {
		n := 1 + run(s[1:], isDigit)
		v.post, v.postNo = true, s[1:n]
		return s[n:]
	}
	for _, word := range [...]string{"post", "rev", "r"} {
		if no, rest, ok := pythonPart(s, word); ok {
			v.post, v.postNo = true, no
			return rest
		}
	}
	return s
}

// pythonPart reads a word and its number, each with a separator before it or without.
func pythonPart(s, word string) (number, rest string, ok bool) {
	s, ok = strings.CutPrefix(afterSeparator(s), word)
	if !ok {
		return "", "", false
	}
	s = afterSeparator(s)
	n := run(s, isDigit)
	return s[:n], s[n:], true
}

func afterSeparator(s string) string {
	if s != "" && isLocalSeparator(s[0]) {
		return s[1:]
	}
	return s
}

func isLocalSeparator(c byte) bool { return c == '.' || c == '-' || c == '_' }

// isLocal says whether s is letters and digits with single separators between them.
func isLocal(s string) bool {
	for {
		n := run(s, isAlnum)
		switch {
		case n == 0:
			return false
		case n == len(s):
			return true
		case !isLocalSeparator(s[n]):
			return false
		}
		s = s[n+1:]
	}
}

// compareReleases compares number by number; missing ones are 0.
func compareReleases(a, b string) int {
	for a != "" || b != "" {
		var numberA, numberB string
		numberA, a, _ = strings.Cut(a, ".")
		numberB, b, _ = strings.Cut(b, ".")
		if c := compareNumbers(numberA, numberB); c != 0 {
			return c
		}
	}
	return 0
}

// compareLocals compares segment by segment: no more segments, then texts, then numbers.
func compareLocals(a, b string) int {
	for a != "" || b != "" {
		i, j := run(a, isAlnum), run(b, isAlnum)
		numberA, numberB := isNumber(a[:i]), isNumber(b[:j])
		c := compareFlags(numberA, numberB)
		switch {
		case i == 0 || j == 0:
			c = cmp.Compare(i, j)
		case numberA && numberB:
			c = compareNumbers(a[:i], b[:j])
		case c == 0:
			c = strings.Compare(a[:i], b[:j])
		}
		if c != 0 {
			return c
		}
		a, b = afterSeparator(a[i:]), afterSeparator(b[j:])
	}
	return 0
}

func isNumber(s string) bool { return s != "" && run(s, isDigit) == len(s) }

// compareFlags puts false before true.
func compareFlags(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
