// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
)

// Completion writes the completion of a shell: bash, zsh or fish. Verbs, flags, their fixed values and file names are
// completed; nothing is asked of the program.
func Completion(w io.Writer, m config.Model, shell string) error {
	var b strings.Builder
	switch shell {
	case "bash":
		bash(&b, m)
	case "zsh":
		zsh(&b, m)
	case "fish":
		fish(&b, m)
	default:
		return fmt.Errorf("no completion for %q", shell)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// flagsOf lists the flags that a verb takes, those of every verb included.
func flagsOf(m config.Model, verb *kong.Node) []*kong.Flag {
	all := slices.Concat(verb.Flags, m.Flags)
	return slices.DeleteFunc(all, func(f *kong.Flag) bool { return f.Hidden })
}

// values are the words that a flag takes, or nil.
func values(flag *kong.Flag) []string {
	if flag.Enum == "" {
		return nil
	}
	return strings.Split(flag.Enum, ",")
}

// takes says whether a flag wants the path of a file or a folder.
func takes(flag *kong.Flag) (file, folder bool) {
	return flag.PlaceHolder == "FILE", flag.PlaceHolder == "DIR"
}

func bash(b *strings.Builder, m config.Model) {
	fmt.Fprintf(b, "# bash completion of %s. Made from its command line.\n_%s() {\n", m.Name, ident(m.Name))
	b.WriteString("  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= word\n  COMPREPLY=()\n")
	b.WriteString("  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case $word in\n")
	var words []string
	for _, verb := range verbs(m) {
		words = append(words, verb.Name)
	}
	fmt.Fprintf(b, "      %s) verb=$word; break ;;\n    esac\n  done\n", strings.Join(words, "|"))
	b.WriteString("  case $prev in\n")
	seen := map[string]bool{}
	for _, verb := range verbs(m) {
		for _, flag := range flagsOf(m, verb) {
			if !flag.IsBool() && !seen[flag.Name] {
				seen[flag.Name] = true
				fmt.Fprintf(b, "    --%s) %s; return ;;\n", flag.Name, bashReply(flag))
			}
		}
	}
	b.WriteString("  esac\n  local words\n  case $verb in\n")
	for _, verb := range verbs(m) {
		fmt.Fprintf(b, "    %s) words='%s' ;;\n", verb.Name, strings.Join(names(flagsOf(m, verb)), " "))
	}
	fmt.Fprintf(b, "    *) words='%s %s' ;;\n  esac\n", strings.Join(words, " "), strings.Join(names(m.Flags), " "))
	b.WriteString("  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n")
	fmt.Fprintf(b, "complete -F _%s %s\n", ident(m.Name), m.Name)
}

// bashReply completes the value of a flag.
func bashReply(flag *kong.Flag) string {
	file, folder := takes(flag)
	switch {
	case values(flag) != nil:
		return fmt.Sprintf(`mapfile -t COMPREPLY < <(compgen -W '%s' -- "$cur")`, strings.Join(values(flag), " "))
	case file:
		return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")`
	case folder:
		return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")`
	default:
		return ":"
	}
}

func zsh(b *strings.Builder, m config.Model) {
	fmt.Fprintf(b, "#compdef %s\n# Made from its command line.\n_%s() {\n", m.Name, ident(m.Name))
	b.WriteString("  local context state state_descr line\n  typeset -A opt_args\n  _arguments -C \\\n")
	for _, flag := range m.Flags {
		fmt.Fprintf(b, "    %s \\\n", zshFlag(flag))
	}
	b.WriteString("    '1:command:->command' '*::argument:->argument'\n  case $state in\n    command)\n      local -a verbs=(\n")
	for _, verb := range verbs(m) {
		fmt.Fprintf(b, "        %s\n", quote(verb.Name+":"+verb.Help))
	}
	b.WriteString("      )\n      _describe command verbs ;;\n    argument)\n      case $line[1] in\n")
	for _, verb := range verbs(m) {
		fmt.Fprintf(b, "        %s) _arguments", verb.Name)
		for _, flag := range flagsOf(m, verb) {
			fmt.Fprintf(b, " \\\n          %s", zshFlag(flag))
		}
		b.WriteString(" ;;\n")
	}
	fmt.Fprintf(b, "      esac ;;\n  esac\n}\n_%s \"$@\"\n", ident(m.Name))
}

// zshFlag is a specification of _arguments.
func zshFlag(flag *kong.Flag) string {
	help := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(flag.Help)
	spec := fmt.Sprintf("--%s[%s]", flag.Name, help)
	file, folder := takes(flag)
	switch {
	case flag.IsBool():
	case values(flag) != nil:
		spec += fmt.Sprintf(":%s:(%s)", flag.Name, strings.Join(values(flag), " "))
	case file:
		spec += ":file:_files"
	case folder:
		spec += ":folder:_files -/"
	default:
		spec += ":" + flag.Name + ": "
	}
	return quote(spec)
}

func fish(b *strings.Builder, m config.Model) {
	fmt.Fprintf(b, "# fish completion of %s. Made from its command line.\ncomplete -c %s -f\n", m.Name, m.Name)
	var words []string
	for _, verb := range verbs(m) {
		words = append(words, verb.Name)
	}
	for _, verb := range verbs(m) {
		fmt.Fprintf(b, "complete -c %s -n 'not __fish_seen_subcommand_from %s' -a %s -d %s\n",
			m.Name, strings.Join(words, " "), verb.Name, quote(verb.Help))
	}
	for _, flag := range m.Flags {
		fmt.Fprintf(b, "complete -c %s%s\n", m.Name, fishFlag(flag))
	}
	for _, verb := range verbs(m) {
		for _, flag := range verb.Flags {
			fmt.Fprintf(b, "complete -c %s -n '__fish_seen_subcommand_from %s'%s\n", m.Name, verb.Name, fishFlag(flag))
		}
	}
}

func fishFlag(flag *kong.Flag) string {
	spec := " -l " + flag.Name
	file, folder := takes(flag)
	switch {
	case flag.IsBool():
	case values(flag) != nil:
		spec += " -x -a " + quote(strings.Join(values(flag), " "))
	case file:
		spec += " -r -F"
	case folder:
		spec += " -x -a '(__fish_complete_directories)'"
	default:
		spec += " -x"
	}
	return spec + " -d " + quote(flag.Help)
}

// names are the flags as they are typed.
func names(flags []*kong.Flag) []string {
	out := make([]string, 0, len(flags))
	for _, flag := range flags {
		out = append(out, "--"+flag.Name)
	}
	return out
}

// ident turns the program's name into that of a function.
func ident(name string) string { return strings.ReplaceAll(name, "-", "_") }

// quote makes one word of a text, for all three shells: an apostrophe ends the quotation and begins it again.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
