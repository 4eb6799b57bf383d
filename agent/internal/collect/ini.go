// SPDX-License-Identifier: Apache-2.0

package collect

import "strings"

// iniSection is one section of a file in the style of INI, with its settings by lower-case name.
type iniSection struct {
	name   string
	values map[string]string
	// lists are all values of a setting, in order: those of lines that repeat it and of lines that continue it.
	lists map[string][]string
}

// parseINI reads sections "[name]" of lines "setting = value", of which the last counts. Lines that begin with a blank
// continue the one before, unless they are settings themselves, as git indents them; # and ; begin comments, and a setting
// may stand without a value. Lines before the first section belong to one without a name; a section that comes twice is
// returned twice.
func parseINI(text string) []iniSection {
	var sections []iniSection
	begin := func(name string) {
		sections = append(sections, iniSection{name: name, values: map[string]string{}, lists: map[string][]string{}})
	}
	var last string
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		if trimmed[0] == '[' && trimmed[len(trimmed)-1] == ']' {
			begin(trimmed[1 : len(trimmed)-1])
			last = ""
			continue
		}
		if len(sections) == 0 {
			begin("")
		}
		s := &sections[len(sections)-1]
		if (line[0] == ' ' || line[0] == '\t') && last != "" && !strings.Contains(trimmed, " = ") && len(s.lists[last]) > 0 {
			s.lists[last] = append(s.lists[last], trimmed)
			continue
		}
		name, value, _ := strings.Cut(trimmed, "=")
		last, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		s.values[last] = value
		s.lists[last] = append(s.lists[last], value)
	}
	return sections
}
