// SPDX-License-Identifier: Apache-2.0

package jar

import (
	"slices"
	"strings"
)

// qualifiers are words that belong to a version, or that follow one, rather than to a name between two numbers.
var qualifiers = []string{
	"alpha", "beta", "rc", "cr", "m", "sp", "ga", "final", "release", "snapshot", "build", "pre", "preview", "dev", "ea",
	"jre", "android", "incubating", "rev", "r", "b", "patch", "p", "fix", "hotfix", "linux", "windows", "win", "osx",
	"macos", "x86", "aarch", "amd", "jdk", "java", "hadoop", "redhat", "jboss", "atlassian",
}

// splitName parts the name of a file into name and version, which begins with a digit, rc1, r1 or build1 after a hyphen;
// where there is no such place, after an underscore or dot. Without any of them both are empty or the name stands alone.
func splitName(stem string) (name, version string) {
	for _, separator := range []byte("-_.") {
		if name, version = splitAt(stem, separator); version != "" {
			return name, version
		}
	}
	return stem, ""
}

// splitAt is splitName for one separator. A number in the middle of a name is passed over: log4j-1.2-api-2.17.1 is
// version 2.17.1 of log4j-1.2-api, while commons-1.0-beta-2 is version 1.0-beta-2.
func splitAt(stem string, separator byte) (name, version string) {
	at := 0
	for i := 1; i < len(stem)-1; i++ {
		if stem[i] != separator || !versionBegins(stem[i+1:]) {
			continue
		}
		if at == 0 || separator == '-' && nameWithin(stem[at+1:i]) {
			at = i
		}
	}
	if at == 0 {
		return "", ""
	}
	return stem[:at], stem[at+1:]
}

// nameWithin tells whether what stands between two possible begins of a version ends with a word of a name.
func nameWithin(between string) bool {
	word := between[strings.LastIndexByte(between, '-')+1:]
	if word == "" || isDigit(word[0]) {
		return false
	}
	word = strings.ToLower(strings.TrimRight(word, "0123456789"))
	return !slices.Contains(qualifiers, word)
}

// versionBegins tells whether a text begins as a version does.
func versionBegins(s string) bool {
	if s == "" {
		return false
	}
	s = strings.ToLower(s[:min(len(s), 6)])
	for _, prefix := range []string{"", "rc", "r", "build"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" && isDigit(rest[0]) {
			return true
		}
	}
	return false
}

// isDigit tells whether a byte is a decimal digit.
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
