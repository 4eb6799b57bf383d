// SPDX-License-Identifier: Apache-2.0

package version

import (
	"errors"
	"strings"
)

// checkMaven accepts letters, digits and the usual separators, with a digit somewhere: a component whose version nobody
// knows has none (UNKNOWN, ${project.version}).
//
// Source: "Version Order Specification" in Maven's POM reference.
func checkMaven(v string) error {
	if strings.IndexFunc(v, func(r rune) bool { return r >= '0' && r <= '9' }) < 0 {
		return errors.New("it has no number")
	}
	return only(v, ".-_+~")
}

// compareMaven follows the specification, not the program: there an underscore is a hyphen, and what counts for nothing
// does so in the middle too (1-0-1 is 1-1), where the program's answers depend on its release and are no order.
func compareMaven(a, b string) int {
	return compareDotted(strings.ToLower(a), strings.ToLower(b), mavenWord)
}

// mavenWord knows the qualifiers of Maven. One letter stands for a word only when a number follows directly.
func mavenWord(word string, numbered bool) (rank int, known bool) {
	switch word {
	case "a", "b", "m":
		if !numbered {
			return 0, false
		}
	}
	switch word {
	case "alpha", "a":
		return -5, true
	case "beta", "b":
		return -4, true
	case "milestone", "m":
		return -3, true
	case "rc", "cr":
		return -2, true
	case "snapshot":
		return -1, true
	case "ga", "final", "release":
		return rankNothing, true
	case "sp":
		return 1, true
	default:
		return 0, false
	}
}
