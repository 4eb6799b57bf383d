// SPDX-License-Identifier: Apache-2.0

// Package manual writes what packages ship beside the program and what can be read off its command line: manual pages
// and completions. It knows no verb or flag by name, but for the words around them.
package manual

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
)

// exits are the program's exit codes, for readers.
var exits = []struct {
	code int
	text string
}{
	{config.ExitOK, "done"},
	{config.ExitFailure, "something else failed"},
	{config.ExitUsage, "usage or configuration; also: not enrolled"},
	{config.ExitCheckFailed, "a check failed"},
	{config.ExitPartial, "partial data: a collector failed for another reason than missing privilege"},
	{config.ExitNotAuthorised, "not authorised"},
	{config.ExitUnreachable, "the aggregator cannot be reached"},
}

// page writes man(7) requests. Errors of the writer come back from close.
type page struct{ w *bufio.Writer }

func newPage(w io.Writer, name string, section int, purpose string) page {
	p := page{bufio.NewWriter(w)}
	p.line(`.\" Made from the command line of rollcall-agent. Do not edit.`)
	p.line(fmt.Sprintf(`.TH %s %d "" Rollcall "Rollcall"`, escape(strings.ToUpper(name)), section))
	p.section("NAME")
	p.line(escape(name) + ` \- ` + escape(purpose))
	return p
}

func (p page) line(text string)    { _, _ = p.w.WriteString(text + "\n") } // Flush tells
func (p page) section(name string) { p.line(".SH " + name) }
func (p page) text(text string)    { p.line(escape(text)) }

// item writes a term and its explanation.
func (p page) item(term, text string) {
	p.line(".TP")
	p.line(".B " + escape(term))
	p.line(escape(text))
}

func (p page) close() error { return p.w.Flush() }

// escape keeps text from being taken for requests, and hyphens from becoming dashes.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

// Program writes rollcall-agent(1).
func Program(w io.Writer, m config.Model) error {
	p := newPage(w, m.Name, 1, "collects the inventory of this machine")
	p.section("SYNOPSIS")
	p.line(".B " + escape(m.Name))
	p.line(".I command")
	p.line("[flags]")
	p.section("DESCRIPTION")
	p.text(m.Help)
	p.text("It opens no listening socket, starts no other program and executes nothing that the aggregator says.")
	p.section("COMMANDS")
	for _, verb := range verbs(m) {
		p.line(".SS " + escape(strings.TrimPrefix(verb.FullPath(), m.Name+" ")))
		p.text(verb.Help)
		for _, flag := range verb.Flags {
			p.flag(m, flag)
		}
	}
	p.section("FLAGS OF EVERY COMMAND")
	for _, flag := range m.Flags {
		p.flag(m, flag)
	}
	p.section("EXIT STATUS")
	for _, exit := range exits {
		p.item(fmt.Sprint(exit.code), exit.text)
	}
	p.section("FILES")
	p.item("/etc/rollcall-agent/agent.yaml", "The configuration that the packaged service reads.")
	p.item("/etc/rollcall-agent/facts.d", "Facts of your own, as JSON or YAML files.")
	p.item("/var/lib/rollcall-agent", "Identity, credential and what is not yet acknowledged.")
	p.section("SEE ALSO")
	p.line(".BR rollcall\\-agent.yaml (5)")
	return p.close()
}

// flag writes a flag, what it does and what else sets it.
func (p page) flag(m config.Model, flag *kong.Flag) {
	if flag.Hidden {
		return
	}
	term := "--" + flag.Name
	if value := placeholder(flag); value != "" {
		term += " " + value
	}
	text := flag.Help
	if env := m.Env(flag); env != "" {
		text += " Environment: " + env + "."
	}
	p.item(term, text)
}

// placeholder stands for the value of a flag, or is empty for a switch.
func placeholder(flag *kong.Flag) string {
	switch {
	case flag.IsBool():
		return ""
	case flag.PlaceHolder != "":
		return flag.PlaceHolder
	case flag.Enum != "":
		return strings.ReplaceAll(flag.Enum, ",", "|")
	case strings.HasSuffix(flag.Target.Type().String(), "time.Duration"):
		return "DURATION"
	default:
		return "VALUE"
	}
}

// Configuration writes rollcall-agent.yaml(5).
func Configuration(w io.Writer, m config.Model) error {
	p := newPage(w, m.Name+".yaml", 5, "configuration file of "+m.Name)
	p.section("DESCRIPTION")
	p.text("A YAML file, read when --config or ROLLCALL_AGENT_CONFIG names it; the packaged service names " +
		"/etc/rollcall-agent/agent.yaml. Flags win over environment variables, those over the file, that over the " +
		"default. An unknown key is an error. A dot stands for a mapping inside a mapping.")
	p.section("KEYS")
	seen := map[string]bool{}
	nodes := append([]*kong.Node{m.Node}, verbs(m)...)
	for _, node := range nodes {
		for _, flag := range node.Flags {
			key := m.Key(flag)
			if key == "" || seen[key] || flag.Hidden {
				continue
			}
			seen[key] = true
			p.item(key, flag.Help)
		}
	}
	p.section("SEE ALSO")
	p.line(".BR rollcall\\-agent (1)")
	return p.close()
}

// verbs lists the commands that are not hidden, in the order of the help.
func verbs(m config.Model) []*kong.Node { return m.Leaves(true) }
