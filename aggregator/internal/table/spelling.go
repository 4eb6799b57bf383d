// SPDX-License-Identifier: Apache-2.0

package table

import (
	"strconv"
	"time"
)

// Spelling is how text formats write times and booleans.
type Spelling uint8

// The spellings. RFC is RFC 3339 in UTC, true and false. Python is what that language's csv module makes of its values:
// 2026-03-04 05:06:07 in UTC, with six digits of fraction unless it is zero, True and False.
const (
	RFC Spelling = iota
	Python
)

const (
	pythonTime     = "2006-01-02 15:04:05"
	pythonFraction = pythonTime + ".000000"
)

func (s Spelling) appendTime(buf []byte, t time.Time) []byte {
	switch {
	case s == RFC:
		return t.AppendFormat(buf, time.RFC3339Nano)
	case t.Nanosecond() == 0:
		return t.AppendFormat(buf, pythonTime)
	}
	return t.AppendFormat(buf, pythonFraction)
}

func (s Spelling) appendBool(buf []byte, b bool) []byte {
	switch {
	case s == RFC:
		return strconv.AppendBool(buf, b)
	case b:
		return append(buf, "True"...)
	}
	return append(buf, "False"...)
}
