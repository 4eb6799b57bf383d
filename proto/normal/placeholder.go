// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// letterOrDigit lower-cases letters, keeps digits and drops everything else, so that one entry of the deny-list
// covers all spellings.
func letterOrDigit(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return unicode.ToLower(r)
	}
	return -1
}

// saysNothing tells whether a serial number, as letterOrDigit leaves it, is one that many machines have.
func saysNothing(bare string) bool {
	if placeholderSerials[bare] || filler(bare) || unset(bare) || strings.HasPrefix(bare, seedPrefix) {
		return true
	}
	return slices.ContainsFunc(serialLabels, func(label string) bool {
		rest, ok := strings.CutPrefix(bare, label)
		return ok && (unset(rest) || len(rest) >= minPattern && filler(rest))
	})
}

// unset tells whether a text is empty, or made of 0 and x: 0x0000, XXXX.
func unset(s string) bool { return strings.Trim(s, "0x") == "" }

// seedPrefix begins what people give cloud-init through the serial number of a virtual machine: where to fetch its
// settings, `ds=nocloud;s=http://…`.
const seedPrefix = "dsnocloud"

// minPattern is the shortest text that is taken for a pattern: 123 may be the number of a machine.
const minPattern = 4

// filler tells whether a text only fills a field: one character, two in turn, or a count.
func filler(s string) bool {
	return oneCharacter(s) || len(s) >= minPattern && counts(s) || len(s) >= 2*minPattern && inTurn(s)
}

// oneCharacter tells whether a text is one character, repeated or not, or none at all.
func oneCharacter(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return s == "" || s == strings.Repeat(s[:size], len(s)/size)
}

// inTurn tells whether a text is two characters of one byte, repeated.
func inTurn(s string) bool {
	return s[:len(s)/2*2] == strings.Repeat(s[:2], len(s)/2) && s[len(s)-1] == s[len(s)-1-2]
}

// counts tells whether every character follows the one before it, up or down: 1234567890, 0123456789abcdef, 987654.
func counts(s string) bool {
	up, down := true, true
	for i := 1; i < len(s); i++ {
		up = up && follows(s[i-1], s[i])
		down = down && follows(s[i], s[i-1])
	}
	return up || down
}

// follows tells whether b comes after a: the digits begin again after 9, or go on with letters.
func follows(a, b byte) bool {
	switch a {
	case '9':
		return b == '0' || b == 'a'
	case '0':
		return b == '1' || b == 'a' // 1234567890abcdef
	case 'f':
		return b == 'g' || b == '0' || b == '1'
	}
	return b == a+1
}

// patternUUID tells whether the 32 digits of a UUID, and its bytes, are a pattern: a digit group repeated, a count, equal
// steps, nothing but 00 and FF, or one byte that differs from all others.
func patternUUID(digits string, raw [16]byte) bool {
	for _, period := range []int{2, 4, 8} {
		if digits == strings.Repeat(digits[:period], len(digits)/period) {
			return true
		}
	}
	most := 0
	number := map[byte]int{}
	for _, b := range raw {
		number[b]++
		most = max(most, number[b])
	}
	return counts(digits) || equalSteps(raw[:]) || equalSteps(turned(raw[:])) ||
		most >= len(raw)-1 || number[0x00]+number[0xff] == len(raw)
}

// equalSteps tells whether bytes grow by one difference: 00 01 02 …, 00 11 22 …
func equalSteps(raw []byte) bool {
	for i := 2; i < len(raw); i++ {
		if raw[i]-raw[i-1] != raw[1]-raw[0] {
			return false
		}
	}
	return true
}

// turned returns a UUID's bytes with the first three fields in the other order: firmware before SMBIOS 2.6 and after does
// not agree about it.
func turned(raw []byte) []byte {
	out := slices.Clone(raw)
	slices.Reverse(out[:4])
	slices.Reverse(out[4:6])
	slices.Reverse(out[6:8])
	return out
}
