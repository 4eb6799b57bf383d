// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/checkfile"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/client"
)

type checksCmd struct {
	List   checkList   `cmd:"" help:"List the checks."`
	Apply  checkApply  `cmd:"" help:"Create the checks of files, and change those that differ. Others stay as they are."`
	DryRun checkDryRun `cmd:"" help:"Try the checks of files on the stored fleet; nothing is changed."`
}

// check is what the API says of one.
type check struct {
	ID          int64    `json:"id"`
	Version     int      `json:"version"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Severity    string   `json:"severity"`
	Labels      []string `json:"labels"`
	SourceName  string   `json:"source_name"`
	Platforms   []string `json:"platforms"`
	Tags        []int64  `json:"tags"`
	Expression  string   `json:"jmespath_expression"`
}

// differences names the fields in which a file wants a check to be another one. Tags have no order, and platforms have.
func (c *check) differences(wanted *checkfile.Check, tags []int64) []string {
	var fields []string
	add := func(field string, same bool) {
		if !same {
			fields = append(fields, field)
		}
	}
	add("description", c.Description == wanted.Description)
	add("severity", c.Severity == wanted.Severity)
	add("labels", slices.Equal(c.Labels, wanted.Labels))
	add("source_name", c.SourceName == wanted.SourceName)
	add("platforms", slices.Equal(c.Platforms, wanted.Platforms))
	add("tags", slices.Equal(sortedIDs(c.Tags), sortedIDs(tags)))
	add("jmespath_expression", c.Expression == wanted.Expression)
	return fields
}

func sortedIDs(ids []int64) []int64 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// body is what is sent for a check of a file.
func body(c *checkfile.Check, tags []int64) map[string]any {
	return map[string]any{
		"name": c.Name, "description": c.Description, "severity": c.Severity, "labels": append([]string{}, c.Labels...),
		"source_name": c.SourceName, "platforms": append([]string{}, c.Platforms...), "tags": append([]int64{}, tags...),
		"jmespath_expression": c.Expression,
	}
}

type checkList struct{}

// Run lists checks.
func (checkList) Run(p *program) error {
	return p.list("/api/v1/checks", "checks", url.Values{"limit": {"1000"}}, column{"ID", "id"}, column{"NAME", "name"}, column{"SEVERITY", "severity"},
		column{"VERSION", "version"}, column{"EVALUATED", "evaluated_version"}, column{"SOURCE", "source_name"},
		column{"PLATFORMS", "platforms"}, column{"LABELS", "labels"})
}

// checksByName asks for all checks.
func (p *program) checksByName(c *client.Client) (map[string]check, error) {
	checks := map[string]check{}
	err := c.Each(p.ctx, "/api/v1/checks", "checks", url.Values{"limit": {"1000"}}, func(raw json.RawMessage) error {
		var one check
		if err := json.Unmarshal(raw, &one); err != nil {
			return err
		}
		checks[one.Name] = one
		return nil
	})
	return checks, err
}

// tagIDs finds the ids of tags by their names.
type tagIDs struct {
	program *program
	client  *client.Client
	known   map[string]int64 // nil: not asked for yet
	create  bool             // make those that are missing
	dry     bool             // say that they are there, instead of making them
}

// of returns the ids of a check's tags. It asks nobody as long as no check has tags.
func (t *tagIDs) of(c *checkfile.Check) ([]int64, error) {
	if len(c.Tags) == 0 {
		return nil, nil
	}
	if t.known == nil {
		if err := t.ask(); err != nil {
			return nil, err
		}
	}
	var ids []int64
	for _, name := range c.Tags {
		id, ok := t.known[name]
		if !ok {
			made, err := t.make(c, name)
			if err != nil {
				return nil, err
			}
			id = made
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (t *tagIDs) ask() error {
	t.known = map[string]int64{}
	return t.client.Each(t.program.ctx, "/api/v1/tags", "tags", url.Values{"limit": {"1000"}}, func(raw json.RawMessage) error {
		var tag struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
		}
		err := json.Unmarshal(raw, &tag)
		t.known[tag.Name] = tag.ID
		return err
	})
}

// make creates a missing tag, where that is wanted. A tag that is only said to be made has an id that no other has.
func (t *tagIDs) make(c *checkfile.Check, name string) (int64, error) {
	if !t.create {
		return 0, errors.Join(errUsage, c.Errorf("there is no tag %q; --create-tags makes it", name))
	}
	if t.dry {
		t.known[name] = -int64(len(t.known)) - 1
		return t.known[name], nil
	}
	var tag struct {
		ID int64 `json:"id"`
	}
	if err := t.client.Do(t.program.ctx, http.MethodPost, "/api/inventory/tags/", nil, map[string]any{"name": name}, &tag); err != nil {
		return 0, c.Errorf("tag %q: %w", name, err)
	}
	fmt.Fprintf(t.program.err, "Made the tag %s.\n", printable(name))
	t.known[name] = tag.ID
	return tag.ID, nil
}
