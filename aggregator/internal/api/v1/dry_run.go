// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// dryRunLimit is after how long a dry run answers with what it has.
	dryRunLimit = 25 * time.Second
	// defaultDryRunMachines and maxDryRunMachines are how many machines the answer tells one by one.
	defaultDryRunMachines = 100
	maxDryRunMachines     = 1000
)

// newDryRun is what a client asks. What it leaves out is as in the check with the id.
type newDryRun struct {
	CheckID      *int64    `json:"check_id"`
	SourceName   *string   `json:"source_name"`
	Platforms    *[]string `json:"platforms"`
	Tags         *[]int64  `json:"tags"`
	Expression   *string   `json:"jmespath_expression"`
	SerialNumber *string   `json:"serial_number"`
	Limit        *int      `json:"limit"`
}

// dryRun is the answer.
type dryRun struct {
	Counts         map[string]int64 `json:"counts"` // machines by OK, UNKNOWN and FAILED
	Evaluated      int64            `json:"evaluated"`
	InScope        int64            `json:"in_scope"`
	OutOfScope     int64            `json:"out_of_scope"`
	ElapsedSeconds float64          `json:"elapsed_seconds"`
	Complete       bool             `json:"complete"`
	NewlyFailing   *int64           `json:"newly_failing"` // null: there is no check to compare with
	NewlyPassing   *int64           `json:"newly_passing"`
	Machines       []dryRunMachine  `json:"machines"`
	Tree           json.RawMessage  `json:"tree,omitempty"` // of the machine that was asked for
}

// dryRunMachine is what the check would say of one machine.
type dryRunMachine struct {
	SerialNumber   string          `json:"serial_number"`
	Status         int             `json:"status"`
	Display        string          `json:"status_display"`
	PreviousStatus *int            `json:"previous_status"`
	Value          json.RawMessage `json:"value"`
	ValueTruncated bool            `json:"value_truncated"`
	Error          *string         `json:"error"`
}

// postDryRun evaluates a check over the stored fleet, or over one machine of it, without storing anything.
func (a *API) postDryRun(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	var body newDryRun
	if err := api.DecodeJSON(w, r, maxCheckBytes, &body); err != nil {
		return err
	}
	c, most, err := a.readDryRun(r, &body)
	if err != nil {
		return err
	}
	done, err := a.dryRuns.begin(w, r)
	if err != nil {
		return err
	}
	defer done()
	if body.SerialNumber != nil {
		return a.lookAt(w, r, c, *body.SerialNumber)
	}
	result, err := a.committer.DryRun(r.Context(), commit.DryRun{Check: c, Most: most, Limit: dryRunLimit})
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, dryRunOf(&result, c.ID != 0))
}

// readDryRun returns the check that a body describes, with the id of the one that it is compared with.
func (a *API) readDryRun(r *http.Request, body *newDryRun) (c compliance.Check, most int, err error) {
	if body.CheckID != nil {
		if c, err = a.store.Check(r.Context(), *body.CheckID); err != nil {
			return compliance.Check{}, 0, err
		}
	}
	c.Name = "dry run"
	if body.SourceName != nil {
		c.SourceName = strings.TrimSpace(*body.SourceName)
	}
	if body.Platforms != nil {
		c.Platforms = *body.Platforms
	}
	if body.Tags != nil {
		c.Tags = *body.Tags
	}
	if body.Expression != nil {
		c.Expression = *body.Expression
	}
	if err := c.Validate(); err != nil {
		return compliance.Check{}, 0, withPosition(err, c.Expression)
	}
	if body.Tags != nil {
		if err := a.knownTags(r.Context(), c.Tags); err != nil {
			return compliance.Check{}, 0, err
		}
	}
	most = defaultDryRunMachines
	if body.Limit != nil {
		most = *body.Limit
	}
	if most < 0 || most > maxDryRunMachines {
		return compliance.Check{}, 0, compliance.FieldErrors{"limit": {"Between 0 and 1000 are possible."}}
	}
	if body.SerialNumber != nil {
		problems := compliance.FieldErrors{}
		if checkTexts(problems, "serial_number", []string{*body.SerialNumber}); len(problems) > 0 {
			return compliance.Check{}, 0, problems
		}
	}
	return c, most, nil
}

// knownTags refuses tags that do not exist, in the words that a check is refused with. To who does not see every machine
// they are like tags that nobody carries.
func (a *API) knownTags(ctx context.Context, tags []int64) error {
	if len(tags) == 0 || !auth.ReachOf(ctx).All() {
		return nil
	}
	known, err := a.store.Tags(ctx)
	if err != nil {
		return err
	}
	problems := compliance.FieldErrors{}
	for i, tag := range tags {
		if !slices.ContainsFunc(known, func(t store.Tag) bool { return t.ID == tag }) {
			problems[fmt.Sprintf("tags[%d]", i)] = []string{fmt.Sprintf("There is no tag %d.", tag)}
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// lookAt answers for one machine, with its tree.
func (a *API) lookAt(w http.ResponseWriter, r *http.Request, c compliance.Check, serial string) error {
	begin := time.Now()
	d, err := a.machineNamed(r.Context(), serial)
	if err != nil {
		return err
	}
	look, err := a.committer.Look(r.Context(), c, d.ID, serial)
	if err != nil {
		return err
	}
	result := commit.DryRunResult{
		Statuses: map[compliance.Status]int64{}, Machines: []commit.DryRunMachine{look.DryRunMachine}, Complete: true,
	}
	before := look.Previous
	if look.Status == compliance.StatusOutOfScope {
		result.OutOfScope = 1
	} else {
		result.Statuses[look.Status] = 1
		result.NewlyFailing, result.NewlyPassing = commit.NewlyJudged(look.Status, before)
	}
	result.Elapsed = time.Since(begin)
	answer := dryRunOf(&result, c.ID != 0)
	answer.Tree = look.Tree
	return api.WriteJSON(w, http.StatusOK, answer)
}

func dryRunOf(result *commit.DryRunResult, compared bool) dryRun {
	out := dryRun{
		Counts:    map[string]int64{},
		Evaluated: result.Evaluated(), InScope: result.Evaluated(), OutOfScope: result.OutOfScope,
		ElapsedSeconds: result.Elapsed.Seconds(), Complete: result.Complete, Machines: []dryRunMachine{},
	}
	for _, status := range []compliance.Status{compliance.StatusOK, compliance.StatusUnknown, compliance.StatusFailed} {
		out.Counts[status.String()] = result.Statuses[status]
	}
	if compared {
		out.NewlyFailing, out.NewlyPassing = &result.NewlyFailing, &result.NewlyPassing
	}
	for i := range result.Machines {
		out.Machines = append(out.Machines, dryRunMachineOf(&result.Machines[i]))
	}
	return out
}

func dryRunMachineOf(m *commit.DryRunMachine) dryRunMachine {
	out := dryRunMachine{
		SerialNumber: m.Serial, Status: int(m.Status), Display: m.Status.String(), Value: m.Value.JSON, ValueTruncated: m.Value.Cut,
	}
	if m.Previous != nil {
		out.PreviousStatus, _ = statusOf(*m.Previous)
	}
	if m.Err != nil {
		text := m.Err.Error()
		out.Error = &text
	}
	return out
}
