// SPDX-License-Identifier: Apache-2.0

package store

import "slices"

// SumUp returns what lists show of a machine whose heads, by id, have these summaries: what machineFactsSQL does, but for
// the hardware model and the business unit, which lists do not show.
func SumUp(heads []Summary) Summary {
	var s Summary
	platforms, types := make([]string, len(heads)), make([]string, len(heads))
	for i := range heads {
		if s.ComputerName == "" {
			s.ComputerName = heads[i].ComputerName
		}
		if s.OSVersion == "" {
			s.OSVersion = heads[i].OSVersion
		}
		platforms[i], types[i] = heads[i].Platform, heads[i].Type
	}
	s.Platform, s.Type = mode(platforms), mode(types)
	return s
}

// mode returns the text that most say, of several the first in order; those that say nothing do not count.
func mode(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	slices.Sort(texts)
	best, most := "", 0
	for i := 0; i < len(texts); {
		n := i
		for n < len(texts) && texts[n] == texts[i] {
			n++
		}
		if texts[i] != "" && n-i > most {
			best, most = texts[i], n-i
		}
		i = n
	}
	return best
}
