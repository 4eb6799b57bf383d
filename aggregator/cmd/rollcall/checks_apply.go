// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/checkfile"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/client"
)

type checkApply struct {
	File       []string `short:"f" required:"" placeholder:"FILE" help:"A YAML file, a folder of *.yaml and *.yml, or - for standard input; may be repeated."`
	DryRun     bool     `help:"Say what would be done, and do nothing."`
	CreateTags bool     `help:"Make tags that the checks name and that are not there. Without it they are an error."`
}

// planned is what becomes of a check of a file.
type planned struct {
	wanted  *checkfile.Check
	tags    []int64
	stored  check
	changed []string // fields; none: the check is as wanted
	create  bool
}

func (d *planned) result() string {
	switch {
	case d.create:
		return "created"
	case len(d.changed) > 0:
		return "updated"
	}
	return "unchanged"
}

// Run applies files. Everything that can be wrong with them is found before anything is changed.
func (a *checkApply) Run(p *program) error {
	wanted, err := p.readChecks(a.File)
	if err != nil {
		return err
	}
	c, err := p.connect()
	if err != nil {
		return err
	}
	plan, err := a.plan(p, c, wanted)
	if err != nil {
		return err
	}
	t := p.table(column{"CHECK", "name"}, column{"RESULT", "result"}, column{"ID", "id"}, column{"VERSION", "version"}, column{"CHANGED", "changed"})
	counts := map[string]int{}
	for i := range plan {
		if err := a.do(p, c, &plan[i]); err != nil {
			_ = t.end() // what was done until then is worth seeing; the error is what counts
			return err
		}
		counts[plan[i].result()]++
		if err := t.add(plan[i].row()); err != nil {
			return err
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	verb := ""
	if a.DryRun {
		verb = "Nothing was done. Would be: "
	}
	fmt.Fprintf(p.err, "%s%d created, %d updated, %d unchanged.\n", verb, counts["created"], counts["updated"], counts["unchanged"])
	return nil
}

func (d *planned) row() map[string]any {
	row := map[string]any{"name": d.wanted.Name, "result": d.result(), "id": nil, "version": nil, "changed": anys(d.changed)}
	if d.stored.ID != 0 {
		row["id"], row["version"] = d.stored.ID, d.stored.Version
	}
	return row
}

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// plan compares files with what is there. Tags come last: they are made only when all else is in order.
func (a *checkApply) plan(p *program, c *client.Client, wanted []checkfile.Check) ([]planned, error) {
	stored, err := p.checksByName(c)
	if err != nil {
		return nil, err
	}
	for _, create := range []bool{false, true} { // first whether all are there or may be made, then make them
		tags := &tagIDs{program: p, client: c, create: a.CreateTags, dry: a.DryRun || !create}
		var plan []planned
		for i := range wanted {
			ids, err := tags.of(&wanted[i])
			if err != nil {
				return nil, err
			}
			d := planned{wanted: &wanted[i], tags: ids}
			if before, ok := stored[wanted[i].Name]; ok {
				d.stored, d.changed = before, before.differences(&wanted[i], ids)
			} else {
				d.create = true
			}
			plan = append(plan, d)
		}
		if create {
			return plan, nil
		}
	}
	return nil, nil
}

// do creates or changes one check, where it takes that.
func (a *checkApply) do(p *program, c *client.Client, d *planned) error {
	method, path := http.MethodPost, "/api/v1/checks"
	switch {
	case a.DryRun, !d.create && len(d.changed) == 0:
		return nil
	case !d.create:
		method, path = http.MethodPut, fmt.Sprintf("/api/v1/checks/%d", d.stored.ID)
	}
	if err := c.Do(p.ctx, method, path, nil, body(d.wanted, d.tags), &d.stored); err != nil {
		return d.wanted.Errorf("%w", err)
	}
	return nil
}
