// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strconv"
	"time"
)

// units of ages, the largest first.
var units = []struct {
	letter byte
	length time.Duration
}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

// maxAge is long enough for everything that was ever seen.
const maxAge = 100 * 365 * 24 * time.Hour

// timeOf reads an age or a moment.
func timeOf(value token) (time.Duration, time.Time, *Error) {
	text := value.raw
	if age, ok := ageOf(text); ok {
		return age, time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() > 0 && at.Year() < 10_000 {
			return 0, at.UTC(), nil
		}
	}
	return 0, time.Time{}, wrong(value.position, "write an age like 7d or 12h, or a moment like 2026-03-04 or 2026-03-04T05:06:07Z")
}

func ageOf(text string) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	last := len(text) - 1
	n, err := strconv.ParseUint(text[:last], 10, 32)
	for _, u := range units {
		if text[last] == u.letter && err == nil && n <= uint64(maxAge/u.length) {
			return time.Duration(n) * u.length, true //nolint:gosec // bounded
		}
	}
	return 0, false
}
