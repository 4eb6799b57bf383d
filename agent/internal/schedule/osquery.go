// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/osquery"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// osqueryCollector is the name by which the source osquery is switched off, like a collector.
const osqueryCollector = "osquery"

// SourceStatus is how it goes with a source that is not the agent itself.
type SourceStatus struct {
	State       string     `json:"state"`
	Message     string     `json:"message,omitempty"`
	LastSuccess *time.Time `json:"last_success"`
	Failures    int        `json:"failures"` // in a row
	LastRun     *Result    `json:"last_run"`
	Troubles    []Trouble  `json:"troubles"`
	CollectedAt *time.Time `json:"collected_at"`
	Collectors  []Run      `json:"collectors"`
}

// The states of a SourceStatus, beside Failed.
const (
	Reported = "reported" // the aggregator has what it told
	Absent   = "absent"   // nobody is there to ask; what it told before stays with the aggregator
	Waiting  = "waiting"  // the agent's own report reached nobody: it was not asked
)

// reportOsquery asks osquery and reports what it tells as a source of its own. It goes its own way: own, how the report
// before it ended, matters only when it says that nobody can be told, and what goes wrong here is no failure of the cycle.
// It returns nil when there was nothing to report.
func (a *Agent) reportOsquery(ctx context.Context, own error) *Result {
	if a.Osquery == nil || slices.Contains(a.disabled(), osqueryCollector) {
		a.status.Osquery = nil
		return nil
	}
	status := SourceStatus{Troubles: []Trouble{}, Collectors: []Run{}}
	if a.status.Osquery != nil {
		status = *a.status.Osquery
	}
	a.status.Osquery = &status
	if own != nil && (kindOf(own) != Failure || upload.RetryAfter(own) > 0) {
		status.turn(a, Waiting, "")
		return nil
	}
	result, err := a.measured(func(*Result) (upload.Outcome, error) { return a.syncOsquery(ctx, &status) })
	absent := errors.Is(err, osquery.ErrAbsent)
	switch {
	case ctx.Err() != nil:
		return nil
	case absent && !a.Osquery.Expected:
		status.turn(a, Absent, "nobody listens at "+a.Osquery.Socket)
		return nil
	case absent:
		err = fmt.Errorf("%w: nobody listens at %s", err, a.Osquery.Socket)
		fallthrough
	case err != nil:
		status.Failures++
		status.turn(a, Failed, toValid(err.Error()))
	default:
		status.Failures, status.LastSuccess = 0, &result.FinishedAt
		status.turn(a, Reported, "")
	}
	status.LastRun = &result
	return &result
}

// syncOsquery asks and reports, anew when it learns that something else is to be collected.
func (a *Agent) syncOsquery(ctx context.Context, status *SourceStatus) (upload.Outcome, error) {
	var whole upload.Outcome
	for range reconfigurations {
		out, err := a.syncOsqueryOnce(ctx, status)
		whole = whole.Then(out)
		if err != nil || out.Configuration == nil {
			return whole, err
		}
	}
	return whole, nil
}

func (a *Agent) syncOsqueryOnce(ctx context.Context, status *SourceStatus) (upload.Outcome, error) {
	collected, err := a.Osquery.Collect(ctx, a.disabled())
	if err != nil {
		return upload.Outcome{}, err
	}
	pending, troubles := Prepare(collected.Report)
	now := time.Now().UTC()
	status.CollectedAt, status.Collectors, status.Troubles = &now, runsOf(collected.Runs), []Trouble{}
	for _, t := range troubles {
		status.Troubles = append(status.Troubles, Trouble{Collector: t.Collector, Message: toValid(t.Err.Error()), Denied: t.Denied})
	}
	if len(pending.Set) == 0 {
		return upload.Outcome{}, fmt.Errorf("osquery told nothing, and %d of its tables failed", len(troubles))
	}
	vitals, health := a.toldOsquery.news(collected.Vitals, HealthOf(
		troubles, collected.Runs, a.configuration.Version, a.Syncer.Client.Transport(), a.Version))
	extras := upload.Extras{Vitals: vitals, Health: health, ConfigurationVersion: a.configuration.Version}
	out, err := a.Syncer.SyncAs(ctx, upload.Osquery, pending, extras)
	if err == nil && !out.Stopped {
		a.toldOsquery = a.toldOsquery.after(vitals, health)
	}
	return out, a.acceptFor(toldOsqueryName, out, err)
}

// disabled are the collectors and kinds that somebody switched off.
func (a *Agent) disabled() []string {
	return slices.Concat(a.Disabled, a.configuration.DisabledCollectors)
}

// turn takes a state; one that is new is worth a line in the log.
func (s *SourceStatus) turn(a *Agent, state, message string) {
	if s.State != state || s.Message != message {
		level := slog.LevelInfo
		switch {
		case state == Failed:
			level = slog.LevelWarn
		case state == Absent && s.State == "":
			level = slog.LevelDebug // most machines never had one
		}
		a.Log.Log(context.Background(), level, "source osquery", "state", state, "message", message)
	}
	s.State, s.Message = state, message
}
