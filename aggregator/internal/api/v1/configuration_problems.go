// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Limits of a configuration.
const (
	maxConfigurationName = 256
	minConfigInterval    = 10            // seconds
	maxConfigInterval    = 7 * 24 * 3600 // seconds
	maxCollectorDeadline = 5 * 60        // seconds
	maxFactKeys          = 1000
	maxFactKeyBytes      = 256
)

// osquerySource switches, like a collector, the whole of what agents report of osquery.
const osquerySource = "osquery"

// problems says what is wrong with each field. A collector is named like its kind, so that a name that is no kind is a
// typing error: agents would pass it over in silence.
func (c *newConfiguration) problems() compliance.FieldErrors {
	problems := compliance.FieldErrors{}
	add := func(field, format string, args ...any) {
		problems[field] = append(problems[field], fmt.Sprintf(format, args...))
	}
	switch {
	case c.Name == "":
		add("name", "This field is required.")
	case len(c.Name) > maxConfigurationName:
		add("name", "Longer than %d bytes.", maxConfigurationName)
	case !plainText(c.Name):
		add("name", "Not valid text.")
	}
	if n := c.IntervalSeconds; n != nil && (*n < minConfigInterval || *n > maxConfigInterval) {
		add("interval_seconds", "Not between %d and %d.", minConfigInterval, maxConfigInterval)
	}
	for name, setting := range c.Collectors {
		field := "collectors." + name
		if _, known := snapshot.KindOf(name); !known && name != osquerySource {
			add(field, "There is no such collector.")
		}
		if n := setting.DeadlineSeconds; n != nil && (*n < 1 || *n > maxCollectorDeadline) {
			add(field+".deadline_seconds", "Not between 1 and %d.", maxCollectorDeadline)
		}
	}
	if c.FactKeys == nil {
		return problems
	}
	if len(*c.FactKeys) > maxFactKeys {
		add("fact_keys", "More than %d.", maxFactKeys)
		return problems
	}
	for i, key := range *c.FactKeys {
		field := fmt.Sprintf("fact_keys[%d]", i)
		switch {
		case key == "" || len(key) > maxFactKeyBytes || !plainText(key):
			add(field, "Not a key of 1 to %d bytes.", maxFactKeyBytes)
		case slices.Contains((*c.FactKeys)[:i], key):
			add(field, "It is there twice.")
		}
	}
	return problems
}

// plainText tells whether PostgreSQL can hold a text.
func plainText(s string) bool {
	return utf8.ValidString(s) && !slices.Contains([]byte(s), 0)
}
