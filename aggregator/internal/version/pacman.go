// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"errors"
	"strings"
)

// checkPacman accepts what a PKGBUILD may hold and the tilde. A version or release that ends with a separator is
// refused: pacman has no consistent place for it (1.0.1 < 1.0..a < 1.0. < 1.0.1).
//
// Source: vercmp(8) and PKGBUILD(5).
func checkPacman(v string) error {
	if err := checkEVR(v, "._+~"); err != nil {
		return err
	}
	_, version, release, _ := splitEVR(v)
	for _, part := range []string{version, release} {
		if part != "" && !isAlnum(part[len(part)-1]) {
			return errors.New("it ends with a separator")
		}
	}
	return nil
}

func comparePacman(a, b string) int { return compareEVR(a, b, comparePacmanPart) }

// comparePacmanPart compares segment by segment like rpm, but more separators are newer than fewer, and letters that
// follow digits directly are older than nothing: 1.0rc < 1.0 < 1.0.rc < 1.0.1.
func comparePacmanPart(a, b string) int {
	for first := true; ; first = false {
		rankA, segmentA, restA := pacmanSegment(a, first)
		rankB, segmentB, restB := pacmanSegment(b, first)
		if rankA != rankB {
			return cmp.Compare(rankA, rankB)
		}
		if rankA == pacmanEnd {
			return 0
		}
		c := strings.Compare(segmentA, segmentB)
		if isDigit(segmentA[0]) {
			c = compareNumbers(segmentA, segmentB)
		}
		if c != 0 {
			return c
		}
		a, b = restA, restB
	}
}

// pacmanEnd is the rank of nothing; letters without a separator rank before it.
const pacmanEnd = 1

// pacmanSegment returns the letters or digits that come next in s, what is behind them, and their rank: nothing between
// letters and digits, then by the number of separators, letters before digits.
func pacmanSegment(s string, first bool) (rank int, segment, rest string) {
	separators := run(s, func(c byte) bool { return !isAlnum(c) })
	s = s[separators:]
	switch {
	case s == "":
		return pacmanEnd, "", ""
	case isDigit(s[0]):
		n := run(s, isDigit)
		return pacmanEnd + 2 + 2*separators, s[:n], s[n:]
	default:
		n := run(s, isLetter)
		if separators == 0 && !first {
			return pacmanEnd - 1, s[:n], s[n:]
		}
		return pacmanEnd + 1 + 2*separators, s[:n], s[n:]
	}
}
