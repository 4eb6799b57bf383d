// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"errors"
	"strings"
)

// semanticVersion is a semantic version without its build metadata, which counts for nothing.
type semanticVersion struct {
	core       [3]string
	prerelease string // without its hyphen
}

// checkSemantic accepts semantic versions 2.0.0, also with a v before them, as Go's have it. As there, 1 and 1.2 are
// short for 1.0.0 and 1.2.0.
//
// Source: semver.org and golang.org/x/mod/semver.
func checkSemantic(v string) error {
	_, err := parseSemantic(v)
	return err
}

// compareSemantic compares the numbers, then the pre-release: none is newest.
func compareSemantic(a, b string) int {
	va, _ := parseSemantic(a) // both were checked
	vb, _ := parseSemantic(b)
	for i := range va.core {
		if c := compareNumbers(va.core[i], vb.core[i]); c != 0 {
			return c
		}
	}
	if va.prerelease == "" || vb.prerelease == "" {
		return -cmp.Compare(len(va.prerelease), len(vb.prerelease)) // one has none: it is newer
	}
	return comparePrerelease(va.prerelease, vb.prerelease)
}

// parseSemantic cuts a version into its parts.
func parseSemantic(v string) (semanticVersion, error) {
	p := semanticVersion{}
	v = strings.TrimPrefix(v, "v")
	v, build, built := strings.Cut(v, "+")
	v, prerelease, early := strings.Cut(v, "-")
	parts := 0
	for more := true; more; parts++ {
		if parts == len(p.core) {
			return p, errors.New("it has more than three numbers")
		}
		p.core[parts], v, more = strings.Cut(v, ".")
		if !isSemanticNumber(p.core[parts]) {
			return p, errors.New("it does not begin with numbers and dots")
		}
	}
	if parts < len(p.core) && (early || built) {
		return p, errors.New("it has fewer than three numbers")
	}
	p.prerelease = prerelease
	if early && !areIdentifiers(prerelease, true) {
		return p, errors.New("its pre-release is none")
	}
	if built && !areIdentifiers(build, false) {
		return p, errors.New("its build metadata is none")
	}
	return p, nil
}

// isSemanticNumber says whether s is digits without a leading zero.
func isSemanticNumber(s string) bool {
	return s != "" && run(s, isDigit) == len(s) && (s == "0" || s[0] != '0')
}

// areIdentifiers says whether s is identifiers between dots; numbers is whether a number must not begin with zero.
func areIdentifiers(s string, numbers bool) bool {
	for more := true; more; {
		var id string
		id, s, more = strings.Cut(s, ".")
		if id == "" || only(id, "-") != nil || (numbers && run(id, isDigit) == len(id) && !isSemanticNumber(id)) {
			return false
		}
	}
	return true
}

// comparePrerelease compares identifier by identifier: numbers by value and before texts, fewer before more.
func comparePrerelease(a, b string) int {
	for moreA, moreB := true, true; moreA || moreB; {
		if moreA != moreB {
			if moreB {
				return -1
			}
			return 1
		}
		var idA, idB string
		idA, a, moreA = strings.Cut(a, ".")
		idB, b, moreB = strings.Cut(b, ".")
		numberA, numberB := run(idA, isDigit) == len(idA), run(idB, isDigit) == len(idB)
		c := strings.Compare(idA, idB)
		switch {
		case numberA && numberB:
			c = compareNumbers(idA, idB)
		case numberA:
			c = -1
		case numberB:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
