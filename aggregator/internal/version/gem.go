// SPDX-License-Identifier: Apache-2.0

package version

import (
	"errors"
	"strings"
)

// usualSegments is how many segments versions have without allocating.
const usualSegments = 16

// checkGem accepts digits, then segments of letters and digits behind dots, and the same again behind a hyphen.
//
// Source: Gem::Version in RubyGems.
func checkGem(v string) error {
	numbers, prerelease, early := strings.Cut(v, "-")
	first, others, more := strings.Cut(numbers, ".")
	if !isNumber(first) {
		return errors.New("it does not begin with a number")
	}
	if (more && !areGemSegments(others, "")) || (early && !areGemSegments(prerelease, "-")) {
		return errors.New("it is not segments of letters and digits between dots")
	}
	return nil
}

// areGemSegments says whether s is letters, digits and others between dots.
func areGemSegments(s, others string) bool {
	for more := true; more; {
		var segment string
		segment, s, more = strings.Cut(s, ".")
		if segment == "" || only(segment, others) != nil {
			return false
		}
	}
	return true
}

// compareGem compares segment by segment: letters before numbers, missing ones are 0.
func compareGem(a, b string) int {
	var bufA, bufB [usualSegments]string
	segmentsA, segmentsB := gemSegments(bufA[:0], a), gemSegments(bufB[:0], b)
	for i := range max(len(segmentsA), len(segmentsB)) {
		segmentA, segmentB := "0", "0"
		if i < len(segmentsA) {
			segmentA = segmentsA[i]
		}
		if i < len(segmentsB) {
			segmentB = segmentsB[i]
		}
		numberA, numberB := isDigit(segmentA[0]), isDigit(segmentB[0])
		c := compareFlags(numberA, numberB)
		switch {
		case numberA && numberB:
			c = compareNumbers(segmentA, segmentB)
		case c == 0:
			c = strings.Compare(segmentA, segmentB)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// gemSegments cuts a version into runs of letters and of digits; a hyphen is the segment "pre". Zeros before the first
// letters and at the end count for nothing.
func gemSegments(segments []string, v string) []string {
	numbers := true
	for v != "" {
		n := 1
		switch {
		case isDigit(v[0]):
			n = run(v, isDigit)
			segments = append(segments, v[:n])
		case v[0] != '.':
			if numbers {
				segments, numbers = withoutZeros(segments), false
			}
			if v[0] == '-' {
				segments = append(segments, "pre")
				break
			}
			n = run(v, isLetter)
			segments = append(segments, v[:n])
		}
		v = v[n:]
	}
	return withoutZeros(segments)
}

// withoutZeros cuts off the zeros at the end.
func withoutZeros(segments []string) []string {
	n := len(segments)
	for n > 0 && isZero(segments[n-1]) {
		n--
	}
	return segments[:n]
}
