// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
)

// splitDeb cuts [epoch:]upstream[-revision]. The epoch ends at the first colon, the revision begins at the last hyphen.
// A revision that is not there equals 0.
func splitDeb(v string) (epoch, upstream, revision string) {
	if i := strings.IndexByte(v, ':'); i >= 0 {
		epoch, v = v[:i], v[i+1:]
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:]
	}
	return epoch, v, ""
}

// checkDeb accepts what dpkg accepts without a warning.
//
// Source: deb-version(7).
func checkDeb(v string) error {
	epoch, upstream, revision := splitDeb(v)
	if strings.Contains(v, ":") {
		if _, err := strconv.ParseUint(epoch, 10, 31); err != nil {
			return errors.New("its epoch is not a number")
		}
	}
	switch {
	case upstream == "":
		return errors.New("it is empty but for the epoch or revision")
	case !isDigit(upstream[0]):
		return errors.New("it does not begin with a digit")
	case strings.HasSuffix(v, "-"):
		return errors.New("its revision is empty")
	}
	if err := only(upstream, ".-+~:"); err != nil {
		return err
	}
	return only(revision, ".+~")
}

func compareDeb(a, b string) int {
	epochA, upstreamA, revisionA := splitDeb(a)
	epochB, upstreamB, revisionB := splitDeb(b)
	return cmp.Or(
		compareNumbers(epochA, epochB),
		compareDebPart(upstreamA, upstreamB),
		compareDebPart(revisionA, revisionB),
	)
}

// compareDebPart compares runs without digits and runs of digits in turn, beginning with the former.
func compareDebPart(a, b string) int {
	for a != "" || b != "" {
		for (a != "" && !isDigit(a[0])) || (b != "" && !isDigit(b[0])) {
			if c := cmp.Compare(debWeight(a), debWeight(b)); c != 0 {
				return c
			}
			a, b = a[1:], b[1:] // both have one: the end and a digit weigh the same, and one of them is no digit
		}
		i, j := run(a, isDigit), run(b, isDigit)
		if c := compareNumbers(a[:i], b[:j]); c != 0 {
			return c
		}
		a, b = a[i:], b[j:]
	}
	return 0
}

// debWeight ranks what comes next: a tilde before the end or a digit, those before letters, letters before the rest.
func debWeight(s string) int {
	switch {
	case s == "" || isDigit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case isLetter(s[0]):
		return int(s[0])
	default:
		return int(s[0]) + 256
	}
}
