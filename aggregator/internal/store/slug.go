// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Slugify returns the form of a name that stands in addresses, as the outside contract's server makes it: letters
// without their accents, lower case, ASCII only, words joined by hyphens. A name may have none. The migration that gave
// tags their slugs says the same in SQL.
func Slugify(name string) string {
	var slug strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(name) {
		switch {
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
		case r == ' ', r == '-', r >= '\t' && r <= '\r', r >= 0x1c && r <= 0x1f:
			gap = true
			continue
		default:
			continue
		}
		if gap {
			slug.WriteByte('-')
			gap = false
		}
		slug.WriteRune(r)
	}
	return strings.Trim(slug.String(), "-_")
}
