// SPDX-License-Identifier: Apache-2.0

package version

import (
	"cmp"
	"errors"
	"strings"
)

// splitEVR cuts [epoch:]version[-release], as rpm and pacman do: the epoch is the digits before a colon, the release
// what follows the last hyphen. released tells a release that is there.
func splitEVR(v string) (epoch, version, release string, released bool) {
	if i := run(v, isDigit); i < len(v) && v[i] == ':' {
		epoch, v = v[:i], v[i+1:]
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:], true
	}
	return epoch, v, "", false
}

// checkEVR checks [epoch:]version[-release]; separators are what may stand between letters and digits.
func checkEVR(v, separators string) error {
	_, version, release, released := splitEVR(v)
	switch {
	case version == "":
		return errors.New("it is empty but for the epoch or release")
	case released && release == "":
		return errors.New("its release is empty")
	}
	if err := only(version, separators); err != nil {
		return err
	}
	return only(release, separators)
}

// compareEVR compares epochs, then versions, then releases by parts. A version without a release is older than the same
// with one: to the tools it equals all of them, which is no order.
func compareEVR(a, b string, parts func(a, b string) int) int {
	epochA, versionA, releaseA, releasedA := splitEVR(a)
	epochB, versionB, releaseB, releasedB := splitEVR(b)
	if c := cmp.Or(compareNumbers(epochA, epochB), parts(versionA, versionB)); c != 0 {
		return c
	}
	if releasedA != releasedB {
		if releasedB {
			return -1
		}
		return 1
	}
	return parts(releaseA, releaseB)
}

// checkRPM accepts the characters that rpmbuild does.
//
// Source: rpm-version(7).
func checkRPM(v string) error { return checkEVR(v, "._+~^") }

func compareRPM(a, b string) int { return compareEVR(a, b, compareRPMPart) }

// Classes of what comes next in a part of an rpm version, oldest first.
const (
	rpmTilde = iota
	rpmEnd
	rpmCaret
	rpmLetters
	rpmDigits
)

// compareRPMPart compares segment by segment. What separates segments does not matter but for tilde and caret, which
// are segments themselves.
func compareRPMPart(a, b string) int {
	for {
		classA, segmentA, restA := rpmSegment(a)
		classB, segmentB, restB := rpmSegment(b)
		if classA != classB {
			return cmp.Compare(classA, classB)
		}
		switch classA {
		case rpmEnd:
			return 0
		case rpmDigits:
			if c := compareNumbers(segmentA, segmentB); c != 0 {
				return c
			}
		default:
			if c := strings.Compare(segmentA, segmentB); c != 0 {
				return c
			}
		}
		a, b = restA, restB
	}
}

// rpmSegment returns what comes next in s, its class, and what is behind it.
func rpmSegment(s string) (class int, segment, rest string) {
	for s != "" && !isAlnum(s[0]) && s[0] != '~' && s[0] != '^' {
		s = s[1:]
	}
	n := 1
	switch {
	case s == "":
		return rpmEnd, "", ""
	case s[0] == '~':
		class = rpmTilde
	case s[0] == '^':
		class = rpmCaret
	case isDigit(s[0]):
		class, n = rpmDigits, run(s, isDigit)
	default:
		class, n = rpmLetters, run(s, isLetter)
	}
	return class, s[:n], s[n:]
}
