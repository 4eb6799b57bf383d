// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"strconv"
	"strings"
	"time"
)

// Dict is a dictionary. Its methods return the zero value for a key that is missing or holds something of another type:
// the lists of applications are written by hand.
type Dict map[string]any

// Text returns a string; a number is spelled in decimal, and data is taken for text that may end in NUL, which is how
// the registry of the kernel keeps it.
func (d Dict) Text(key string) string {
	switch v := d[key].(type) {
	case string:
		return strings.TrimSpace(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []byte:
		return strings.Trim(string(v), "\x00 \t\r\n")
	}
	return ""
}

// Int returns an integer, nil for none. Text that is a decimal number counts.
func (d Dict) Int(key string) *int64 {
	switch v := d[key].(type) {
	case int64:
		return &v
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return &n
		}
	}
	return nil
}

// Bool returns a truth value, nil for none. So does it for the words and numbers that lists of old spell it with.
func (d Dict) Bool(key string) *bool {
	var b bool
	switch v := d[key].(type) {
	case bool:
		b = v
	case int64:
		b = v != 0
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "1":
			b = true
		case "false", "no", "0":
		default:
			return nil
		}
	default:
		return nil
	}
	return &b
}

// Is tells whether a truth value is there and true.
func (d Dict) Is(key string) bool {
	b := d.Bool(key)
	return b != nil && *b
}

// Time returns a date, the zero Time for none. Text counts as `profiles` spells it: 2006-01-02 15:04:05 -0700.
func (d Dict) Time(key string) time.Time {
	switch v := d[key].(type) {
	case time.Time:
		return v
	case string:
		for _, layout := range []string{"2006-01-02 15:04:05 -0700", time.RFC3339} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC()
			}
		}
	}
	return time.Time{}
}

// Dict returns a dictionary, nil for none.
func (d Dict) Dict(key string) Dict {
	v, _ := d[key].(Dict)
	return v
}

// Dicts returns the dictionaries of an array; a dictionary that stands where an array may is an array of one.
func (d Dict) Dicts(key string) []Dict { return Dicts(d[key]) }

// Dicts returns the dictionaries among the elements of a value, or the value itself if it is one.
func Dicts(value any) []Dict {
	switch v := value.(type) {
	case Dict:
		return []Dict{v}
	case []any:
		found := make([]Dict, 0, len(v))
		for _, e := range v {
			if dict, ok := e.(Dict); ok {
				found = append(found, dict)
			}
		}
		return found
	}
	return nil
}

// Strings returns the strings of an array; one string that stands where an array may is an array of one.
func (d Dict) Strings(key string) []string {
	switch v := d[key].(type) {
	case string:
		return []string{v}
	case []any:
		found := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				found = append(found, s)
			}
		}
		return found
	}
	return nil
}

// First returns the first string of an array, "" for none.
func (d Dict) First(key string) string {
	if all := d.Strings(key); len(all) > 0 {
		return strings.TrimSpace(all[0])
	}
	return ""
}
