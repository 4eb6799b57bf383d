// SPDX-License-Identifier: Apache-2.0

package version

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkNatural accepts any text that can be printed and has a digit: programs number themselves as they like.
func checkNatural(v string) error {
	switch {
	case !utf8.ValidString(v):
		return errors.New("it is not UTF-8")
	case strings.IndexFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
		return errors.New("it has characters that cannot be printed")
	case strings.IndexFunc(v, func(r rune) bool { return r >= '0' && r <= '9' }) < 0:
		return errors.New("it has no number")
	}
	return nil
}

// compareNatural is the order of kinds without a rule of their own: applications, programs, extensions. It compares
// numbers by value and words by their letters, whatever their case. Missing numbers are 0 (1.0 is 1.0.0), a number
// behind a dot is newer than one behind anything else (1.2 < 1.2_2 < 1.2 (34) < 1.2.1), words of pre-releases are older
// than nothing and other words newer (1.0 beta < 1.0 < 1.0a < 1.0-1).
func compareNatural(a, b string) int {
	return compareDotted(strings.ToLower(a), strings.ToLower(b), naturalWord)
}

// naturalWord knows the words that people give to early versions and those that say nothing. The letters a and b stand
// for alpha and beta only when a number follows directly: 1.0.2a is a later release of OpenSSL.
func naturalWord(word string, numbered bool) (rank int, known bool) {
	switch word {
	case "dev", "nightly", "canary", "snapshot":
		return -5, true
	case "alpha":
		return -4, true
	case "beta":
		return -3, true
	case "pre", "preview", "insider", "eap":
		return -2, true
	case "rc":
		return -1, true
	case "v", "ver", "version", "build", "release", "final", "ga", "stable":
		return rankNothing, true
	case "a":
		return -4, numbered
	case "b":
		return -3, numbered
	default:
		return 0, false
	}
}
