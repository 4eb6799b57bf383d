// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrDatetime is what ParseDatetime returns, wrapped, for text that names no moment.
var ErrDatetime = errors.New("not a date or time")

// The canonical spelling of a moment: naive UTC, six digits of fraction or none.
const (
	secondsLayout = "2006-01-02T15:04:05"
	microsLayout  = "2006-01-02T15:04:05.000000"
)

// maxDatetime bounds the text that ParseDatetime looks at, in bytes.
const maxDatetime = 64

// datetimeLayouts are tried in order, after the text went through tidyDatetime. Go takes a fraction after the
// seconds although the layouts have none. Text without an offset is UTC.
var datetimeLayouts = []string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
	"20060102T150405Z07:00",
	"20060102T150405Z0700",
	"20060102T150405",
	"20060102150405Z0700",
	"20060102150405",
	"20060102",
}

// Datetime returns the canonical spelling of t: naive UTC with six digits of fraction, or none when the microseconds
// are zero. What is finer than a microsecond is cut off.
func Datetime(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format(secondsLayout)
	}
	return t.Format(microsLayout)
}

// ParseDatetime returns the canonical spelling of the moment that text names, so that all spellings of one moment
// become equal. It takes RFC 3339 and ISO 8601 in extended and basic form, with a blank instead of the T, with any
// number of fraction digits, with or without an offset (without means UTC), dates alone (midnight), and nine or ten
// digits as seconds since 1970. Years run from 1 to 9999.
func ParseDatetime(text string) (string, error) {
	t, err := parseTime(text)
	if err != nil {
		return "", err
	}
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return "", fmt.Errorf("year of %q: %w", text, ErrDatetime)
	}
	return Datetime(t), nil
}

// parseTime finds the layout of text.
func parseTime(text string) (time.Time, error) {
	if len(text) > maxDatetime {
		return time.Time{}, fmt.Errorf("text of %d bytes: %w", len(text), ErrDatetime)
	}
	tidy := tidyDatetime(text)
	if n := len(tidy); n == 9 || n == 10 {
		if seconds, err := strconv.ParseUint(tidy, 10, 63); err == nil {
			return time.Unix(int64(seconds), 0), nil
		}
	}
	for _, layout := range datetimeLayouts {
		if t, err := time.Parse(layout, tidy); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: %w", text, ErrDatetime)
}

// tidyDatetime reduces the freedom of spelling: T between date and time, no blanks, Z for UTC.
func tidyDatetime(text string) string {
	text = strings.ToUpper(strings.TrimSpace(text))
	for _, zone := range []string{"UTC", "GMT"} {
		if rest, found := strings.CutSuffix(text, zone); found {
			text = strings.TrimSpace(rest) + "Z"
		}
	}
	text = strings.Replace(text, " +", "+", 1)
	text = strings.Replace(text, " -", "-", 1)
	return strings.Replace(text, " ", "T", 1)
}
