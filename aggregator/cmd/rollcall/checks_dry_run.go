// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/checkfile"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/client"
)

type checkDryRun struct {
	File  []string `short:"f" required:"" placeholder:"FILE" help:"A YAML file, a folder of *.yaml and *.yml, or - for standard input; may be repeated."`
	Name  string   `help:"Only the check of this name."`
	Limit int      `default:"10" help:"Show at most so many machines of a check, the worst first; 0: none."`
}

// tried is what the API says of a dry run.
type tried struct {
	Counts         map[string]int64 `json:"counts"`
	InScope        int64            `json:"in_scope"`
	ElapsedSeconds float64          `json:"elapsed_seconds"`
	Complete       bool             `json:"complete"`
	NewlyFailing   *int64           `json:"newly_failing"`
	Machines       []struct {
		SerialNumber string          `json:"serial_number"`
		Display      string          `json:"status_display"`
		Value        json.RawMessage `json:"value"`
		Error        *string         `json:"error"`
	} `json:"machines"`
}

// Run tries checks.
func (d *checkDryRun) Run(p *program) error {
	checks, err := d.chosen(p)
	if err != nil {
		return err
	}
	c, err := p.connect()
	if err != nil {
		return err
	}
	stored, err := p.checksByName(c)
	if err != nil {
		return err
	}
	tags := &tagIDs{program: p, client: c}
	t := p.table(column{"CHECK", "name"}, column{"OK", "counts.OK"}, column{"UNKNOWN", "counts.UNKNOWN"}, column{"FAILED", "counts.FAILED"},
		column{"NEWLY FAILING", "newly_failing"}, column{"COMPLETE", "complete"}, column{"SECONDS", "elapsed_seconds"})
	var machines []map[string]any
	for i := range checks {
		answer, err := d.try(p, c, &checks[i], stored, tags)
		if err != nil {
			return err
		}
		row, worst, err := shown(&checks[i], answer)
		if err != nil {
			return err
		}
		machines = append(machines, worst...)
		if err := t.add(row); err != nil {
			return err
		}
	}
	if err := t.end(); err != nil || p.cli.Output != "table" || len(machines) == 0 {
		return err
	}
	fmt.Fprintln(p.out)
	return d.worst(p, machines)
}

// chosen reads the files.
func (d *checkDryRun) chosen(p *program) ([]checkfile.Check, error) {
	if d.Limit < 0 || d.Limit > 1000 {
		return nil, usage("--limit: a number from 0 to 1000")
	}
	checks, err := p.readChecks(d.File)
	if err != nil || d.Name == "" {
		return checks, err
	}
	for i := range checks {
		if checks[i].Name == d.Name {
			return checks[i : i+1], nil
		}
	}
	return nil, usage("there is no check %q in %v", d.Name, d.File)
}

// try asks for one dry run, compared with the check of the same name where there is one.
func (d *checkDryRun) try(p *program, c *client.Client, wanted *checkfile.Check, stored map[string]check, tags *tagIDs) (json.RawMessage, error) {
	ids, err := tags.of(wanted)
	if err != nil {
		return nil, err
	}
	question := map[string]any{
		"source_name": wanted.SourceName, "platforms": append([]string{}, wanted.Platforms...), "tags": append([]int64{}, ids...),
		"jmespath_expression": wanted.Expression, "limit": d.Limit,
	}
	if before, ok := stored[wanted.Name]; ok {
		question["check_id"] = before.ID
	}
	var answer json.RawMessage
	if err := c.Do(p.ctx, http.MethodPost, "/api/v1/checks/dry-run", nil, question, &answer); err != nil {
		return nil, wanted.Errorf("%w", err)
	}
	return answer, nil
}

// shown makes the row of a dry run, and those of the machines that would not be well.
func shown(c *checkfile.Check, answer json.RawMessage) (row map[string]any, worst []map[string]any, err error) {
	var t tried
	row = map[string]any{}
	if err := json.Unmarshal(answer, &t); err != nil {
		return nil, nil, err
	}
	err = eachField(answer, func(name string, value any) error {
		row[name] = value
		return nil
	})
	row["name"], row["elapsed_seconds"] = c.Name, math.Round(t.ElapsedSeconds*100)/100
	for _, m := range t.Machines {
		if m.Display == "OK" {
			continue
		}
		says := string(m.Value)
		if m.Error != nil {
			says = *m.Error
		}
		worst = append(worst, map[string]any{"name": c.Name, "serial_number": m.SerialNumber, "status": m.Display, "says": says})
	}
	return row, worst, err
}

// worst lists machines.
func (d *checkDryRun) worst(p *program, machines []map[string]any) error {
	t := p.table(column{"CHECK", "name"}, column{"SERIAL NUMBER", "serial_number"}, column{"STATUS", "status"}, column{"VALUE", "says"})
	for _, m := range machines {
		if err := t.add(m); err != nil {
			return err
		}
	}
	return t.end()
}
