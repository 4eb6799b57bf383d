// SPDX-License-Identifier: Apache-2.0

// Package manual makes what packages ship beside a program from its command line: the manual page, and what shells need to
// complete it. It refuses to know any program.
package manual

import (
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

// titleDate is the date in the head of a manual page: that of the day it was made, which says nothing.
var titleDate = regexp.MustCompile(`^(\.TH \S+ \d+) "[^"]*"`)

// Page returns the manual page of a program, for section 1, in the form of man(7).
func Page(app *kong.Application) string {
	page := mangokong.NewManPage(1, app).Build(roff.NewDocument())
	return titleDate.ReplaceAllString(page, `$1 ""`) + "\n"
}

// completions ask the program itself, so that they stay right when it is upgraded.
var completions = map[string]string{
	"bash": `complete -C PROGRAM PROGRAM
`,
	"zsh": `#compdef PROGRAM
autoload -U +X bashcompinit && bashcompinit
complete -C PROGRAM PROGRAM
`,
	"fish": `function __complete_PROGRAM
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct); and set COMP_LINE "$COMP_LINE "
    command PROGRAM
end
complete -f -c PROGRAM -a "(__complete_PROGRAM)"
`,
}

// Completion returns the lines that make a shell ask a program, which has to answer COMP_LINE as bash's "complete -C" has
// it; "" for a shell other than bash, fish and zsh.
func Completion(program, shell string) string {
	text := strings.ReplaceAll(completions[shell], "__complete_PROGRAM", "__complete_"+strings.ReplaceAll(program, "-", "_"))
	return strings.ReplaceAll(text, "PROGRAM", program)
}
