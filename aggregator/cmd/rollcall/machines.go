// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/client"
)

type machinesCmd struct {
	List    machineList    `cmd:"" help:"List machines, all or those that a filter chooses."`
	Get     machineGet     `cmd:"" help:"Show one machine."`
	Diff    machineDiff    `cmd:"" help:"Show what differs between two moments, two sources or two machines."`
	Tag     machineTag     `cmd:"" help:"Give machines tags, or take them away."`
	Archive machineArchive `cmd:"" help:"Take machines out of sight until they report again."`
	Prune   machinePrune   `cmd:"" help:"Delete what is stored of machines, for good. Tags and credentials stay."`
}

// machinePath is the address of a machine, or of something of it.
func machinePath(serial string, rest ...string) string {
	return "/api/v1/machines/" + url.PathEscape(client.URLSafeSerial(serial)) + strings.Join(append([]string{""}, rest...), "/")
}

type machineList struct {
	Filter string `arg:"" optional:"" help:"Which machines, as in: platform:LINUX AND software.name:openssl AND software.version<3.0.11. A single word is a part of a name or serial number."`
	Limit  int    `help:"At most so many. All by default."`
}

// errEnough ends a list early.
var errEnough = errors.New("enough")

// Run lists machines.
func (l *machineList) Run(p *program) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	query := url.Values{"limit": {"1000"}}
	if l.Limit > 0 {
		query.Set("limit", strconv.Itoa(min(l.Limit, 1000)))
	}
	if l.Filter != "" {
		query.Set("q", l.Filter)
	}
	t := p.table(column{"SERIAL NUMBER", "serial_number"}, column{"NAME", "computer_name"}, column{"PLATFORM", "platform"},
		column{"TYPE", "type"}, column{"OS", "os_version"}, column{"LAST SEEN", "last_seen"})
	n := 0
	err = c.Each(p.ctx, "/api/v1/machines", "machines", query, func(row json.RawMessage) error {
		if err := t.raw(row); err != nil {
			return err
		}
		if n++; n == l.Limit {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return t.end()
}

type machineGet struct {
	SerialNumber string `arg:"" help:"The machine."`
	At           string `placeholder:"TIME" help:"As it was at a moment, as in 2026-03-01T12:00:00Z."`
	Source       string `placeholder:"NAME" help:"What this source reports, whole. Without it, a summary over all sources."`
	Merged       bool   `help:"One value for each field, over all sources, and where they differ."`
}

// Run shows a machine.
func (g *machineGet) Run(p *program) error {
	path := machinePath(g.SerialNumber)
	switch {
	case g.Source != "" && g.Merged:
		return usage("--source and --merged exclude each other")
	case g.Source != "":
		path = machinePath(g.SerialNumber, "snapshot")
	case g.Merged:
		path = machinePath(g.SerialNumber, "merged")
	}
	return p.show(path, url.Values{"at": {g.At}, "source": {g.Source}})
}

// show prints the answer of an address. Parameters without a value are left out.
func (p *program) show(path string, query url.Values) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	for name, values := range query {
		if values[0] == "" {
			delete(query, name)
		}
	}
	var answer json.RawMessage
	if err := c.Do(p.ctx, http.MethodGet, path, query, nil, &answer); err != nil {
		return err
	}
	return p.object(answer)
}

type machineDiff struct {
	SerialNumber string `arg:"" help:"The machine."`
	With         string `arg:"" optional:"" help:"Another machine to compare it with."`
	From         string `placeholder:"TIME" help:"Compare with how it was at this moment."`
	To           string `placeholder:"TIME" help:"And this one; now by default."`
	Source       string `placeholder:"NAME" help:"What this source reports."`
	Against      string `placeholder:"NAME" help:"Compare with what this source reports."`
}

// Run shows what differs.
func (d *machineDiff) Run(p *program) error {
	if d.With != "" {
		if d.From != "" || d.To != "" || d.Against != "" {
			return usage("two machines are compared as they are: no --from, --to or --against")
		}
		return p.show("/api/v1/diff", url.Values{
			"left": {d.SerialNumber}, "right": {d.With}, "left_source": {d.Source}, "right_source": {d.Source},
		})
	}
	if d.From == "" && d.Against == "" {
		return usage("compare with what? Give --from, --against or another machine")
	}
	return p.show(machinePath(d.SerialNumber, "diff"), url.Values{
		"from": {d.From}, "to": {d.To}, "source": {d.Source}, "against": {d.Against},
	})
}

type machineTag struct {
	SerialNumbers []string `arg:"" help:"The machines."`
	Add           []string `placeholder:"TAG" help:"Give them this tag; TAXONOMY=TAG when it is new and belongs to one. May be repeated."`
	Remove        []string `placeholder:"TAG" help:"Take this tag away. May be repeated."`
	Set           []string `placeholder:"TAXONOMY=TAG" help:"Give them this tag as the only one of its taxonomy; TAXONOMY= takes all of them away. May be repeated."`
}

// tagging is one operation on the tags of machines.
type tagging struct {
	Kind     string   `json:"kind"`
	Taxonomy string   `json:"taxonomy,omitempty"`
	Names    []string `json:"names"`
}

func (t *machineTag) operations() ([]tagging, error) {
	var all []tagging
	for _, text := range t.Set {
		taxonomy, name, ok := strings.Cut(text, "=")
		if !ok || taxonomy == "" {
			return nil, usage("--set %s: write TAXONOMY=TAG", text)
		}
		set := tagging{Kind: "SET", Taxonomy: taxonomy, Names: []string{}}
		if name != "" {
			set.Names = append(set.Names, name)
		}
		all = append(all, set)
	}
	for _, text := range t.Add {
		taxonomy, name, ok := strings.Cut(text, "=")
		if !ok {
			taxonomy, name = "", text
		}
		all = append(all, tagging{Kind: "ADD", Taxonomy: taxonomy, Names: []string{name}})
	}
	if len(t.Remove) > 0 {
		all = append(all, tagging{Kind: "REMOVE", Names: t.Remove})
	}
	if len(all) == 0 {
		return nil, usage("nothing to do: give --add, --remove or --set")
	}
	return all, nil
}

// Run tags machines.
func (t *machineTag) Run(p *program) error {
	operations, err := t.operations()
	if err != nil {
		return err
	}
	return p.change("/api/v1/machines/tags", map[string]any{"serial_numbers": t.SerialNumbers, "operations": operations})
}

// change sends a change and prints the answer.
func (p *program) change(path string, body any) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := c.Do(p.ctx, http.MethodPost, path, nil, body, &answer); err != nil {
		return err
	}
	return p.object(answer)
}

type machineArchive struct {
	SerialNumbers []string `arg:"" help:"The machines, at most 1000."`
}

// Run archives machines.
func (a *machineArchive) Run(p *program) error {
	return p.change("/api/v1/machines/archive", map[string]any{"serial_numbers": a.SerialNumbers})
}

type machinePrune struct {
	SerialNumbers []string `arg:"" help:"The machines, at most 1000."`
	Yes           bool     `help:"Do not ask."`
}

// Run prunes machines.
func (m *machinePrune) Run(p *program) error {
	if !m.Yes {
		fmt.Fprintf(p.err, "Delete snapshots and history of %s? There is no way back. [y/N] ", strings.Join(m.SerialNumbers, ", "))
		answer, err := bufio.NewReader(p.in).ReadString('\n')
		if err != nil && answer == "" {
			return usage("nobody answers: give --yes")
		}
		if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
			return errors.New("nothing was deleted")
		}
	}
	return p.change("/api/v1/machines/prune", map[string]any{"serial_numbers": m.SerialNumbers})
}
