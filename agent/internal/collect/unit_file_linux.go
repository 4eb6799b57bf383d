// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"slices"
	"strings"
)

// assignment is one line of a unit file: Section.Key and what it is set to.
type assignment struct{ key, value string }

// unitFile is what a unit file and its drop-ins set, in the order of reading.
type unitFile []assignment

// unitKeys are the settings that are kept.
var unitKeys = []string{
	"Unit.Description", "Unit.SourcePath",
	"Service.Type", "Service.ExecStart", "Service.User", "Service.DynamicUser", "Service.BusName",
	"Install.WantedBy", "Install.RequiredBy", "Install.UpheldBy", "Install.Alias", "Install.Also",
	"Timer.OnActiveSec", "Timer.OnBootSec", "Timer.OnStartupSec", "Timer.OnUnitActiveSec", "Timer.OnUnitInactiveSec", "Timer.OnCalendar",
	"Timer.Unit",
}

// parseUnitFile reads the settings of unitKeys.
//
// Source: systemd.syntax(7).
func parseUnitFile(text string) unitFile {
	var out unitFile
	section, before := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue // also between the parts of a long line
		}
		if part, more := strings.CutSuffix(line, `\`); more {
			before += part + " "
			continue
		}
		line = strings.TrimSpace(before + line)
		before = ""
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = line[1 : len(line)-1]
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		key := section + "." + strings.TrimSpace(name)
		if i := slices.Index(unitKeys, key); ok && i >= 0 {
			out = append(out, assignment{unitKeys[i], strings.Clone(strings.TrimSpace(value))})
		}
	}
	return out
}

// last returns the value that a setting has in the end.
func (f unitFile) last(key string) string {
	for _, a := range slices.Backward(f) {
		if a.key == key {
			return a.value
		}
	}
	return ""
}

// list returns the values of a setting that adds up, where an empty one forgets those before it.
func (f unitFile) list(key string) []string {
	var values []string
	for _, a := range f {
		switch {
		case a.key != key:
		case a.value == "":
			values = nil
		default:
			values = append(values, a.value)
		}
	}
	return values
}

// execPrefixes stand before a command and change how it is run.
const execPrefixes = "@-:+!|"

// executable returns the program that the first ExecStart names.
//
// Source: systemd.service(5), COMMAND LINES.
func (f unitFile) executable() string {
	commands := f.list("Service.ExecStart")
	if len(commands) == 0 {
		return ""
	}
	command := strings.TrimLeft(commands[0], execPrefixes)
	if command == "" {
		return ""
	}
	if q := command[0]; q == '"' || q == '\'' {
		return command[1 : 1+quotedLength(command[1:], q)]
	}
	word, _, _ := strings.Cut(command, " ")
	return word
}

// account returns the account that a service runs as: root unless it says otherwise, as systemd.exec(5) has it; "" for
// one that is made at every start.
func (f unitFile) account() string {
	user := f.last("Service.User")
	if user == "" && !truth(f.last("Service.DynamicUser")) && len(f.list("Service.ExecStart")) > 0 {
		return "root"
	}
	return user
}

// truth reads a boolean of systemd.
func truth(value string) bool {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}

// expand replaces the specifiers of a unit's name.
//
// Source: systemd.unit(5), SPECIFIERS.
func expand(text, unit string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	base, _, _ := cutLast(unit, ".")
	prefix, instance, _ := strings.Cut(base, "@")
	return strings.NewReplacer("%%", "%", "%n", unit, "%N", base, "%p", prefix, "%P", unescapeUnit(prefix),
		"%i", instance, "%I", unescapeUnit(instance)).Replace(text)
}

// unescapeUnit undoes systemd-escape(1).
func unescapeUnit(name string) string {
	name = strings.ReplaceAll(name, "-", "/")
	var out strings.Builder
	for {
		before, after, found := strings.Cut(name, `\x`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if len(after) < 2 {
			out.WriteString(`\x`)
			name = after
			continue
		}
		high, low := strings.IndexByte(hexDigits, after[0]|0x20), strings.IndexByte(hexDigits, after[1]|0x20)
		if high < 0 || low < 0 {
			out.WriteString(`\x`)
			name = after
			continue
		}
		out.WriteByte(byte(high<<4 | low))
		name = after[2:]
	}
}

const hexDigits = "0123456789abcdef"

// cutLast is strings.Cut at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}
