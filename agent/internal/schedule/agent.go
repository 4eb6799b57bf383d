// SPDX-License-Identifier: Apache-2.0

// Package schedule says when: it joins collect, spool and upload into cycles, runs one or goes round, and leaves a
// status behind. What is collected and how it travels is not its business.
package schedule

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/osquery"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	// reconfigurations bounds how often one cycle begins anew because the aggregator wants something else collected.
	reconfigurations = 3
	// onceTries and onceWait bound how `Once` waits for a busy aggregator.
	onceTries = 4
	onceWait  = 30 * time.Second
)

// Agent runs cycles. Its exported fields are set before the first one. It is not safe for concurrent use.
type Agent struct {
	Host     host.Host
	Syncer   *upload.Syncer
	Dir      *state.Dir // locked
	Disabled []string   // collectors that this machine's operator switched off
	Interval time.Duration
	Version  string
	Log      *slog.Logger
	// Osquery is asked after each report of the agent's own, and reports as a source of its own; nil: it is not asked.
	Osquery *osquery.Reader
	// Promise, where set, is told within which time Run will call it again.
	Promise func(time.Duration)

	cache         collect.Cache
	configuration Configuration
	told          *told
	toldOsquery   told
	status        Status
}

// Once runs one cycle, waiting for a busy aggregator within reason. The result is filled in with an error, too.
func (a *Agent) Once(ctx context.Context) (Result, error) {
	result, err := a.cycle(ctx, true)
	for try := 1; try < onceTries; try++ {
		wait := upload.RetryAfter(err)
		if wait == 0 || wait > onceWait {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return result, err
		case <-timer.C:
		}
		result, err = a.cycle(ctx, true)
	}
	return result, err
}

// Run runs cycles until ctx ends. A value on wake begins one at once.
func (a *Agent) Run(ctx context.Context, wake <-chan struct{}) {
	a.recall()
	usual := time.Duration(a.configuration.IntervalSeconds) * time.Second
	l := loop{fixed: a.Interval, usual: usual, promise: a.Promise, cycle: func(ctx context.Context, fresh bool) (time.Duration, error) {
		result, err := a.cycle(ctx, fresh)
		goIdle()
		if err != nil && ctx.Err() == nil {
			a.Log.Warn("reporting failed", "failures", a.status.Failures, "err", err)
			return upload.RetryAfter(err), err
		}
		if result.Outcome == Committed {
			a.Log.Info("snapshot committed", "root", result.Root, "sections", result.SectionsChanged)
		}
		return result.interval, err
	}}
	l.run(ctx, wake)
}

// cycle collects, unless an earlier collection is pending and fresh is not asked for, and reports.
func (a *Agent) cycle(ctx context.Context, fresh bool) (Result, error) {
	a.recall()
	result, err := a.measured(func(result *Result) (upload.Outcome, error) { return a.report(ctx, fresh, result) })
	if ctx.Err() == nil { // a cycle that was called off says nothing
		result.Osquery = a.reportOsquery(ctx, err)
		a.status = a.status.add(result)
		a.note("status", a.status.save(a.Dir))
	}
	return result, err
}

// measured makes a result of a report and of what it moved over the network.
func (a *Agent) measured(report func(*Result) (upload.Outcome, error)) (Result, error) {
	result := Result{StartedAt: time.Now().UTC(), SectionsChanged: []string{}}
	sent, received := a.Syncer.Client.Bytes()
	a.Syncer.Client.TakeCalls()
	out, err := report(&result)
	result.interval = out.Interval
	sentAfter, receivedAfter := a.Syncer.Client.Bytes()
	result.BytesSent, result.BytesReceived = sentAfter-sent, receivedAfter-received
	result.Calls = a.Syncer.Client.TakeCalls()
	result.Transport = a.Syncer.Client.Transport()
	result.FinishedAt = time.Now().UTC()
	if a.Syncer.Identity != nil {
		result.SerialNumber = a.Syncer.Identity.SerialNumber
	}
	if err != nil {
		result.Outcome, result.Error, result.ErrorKind = Failed, toValid(err.Error()), kindOf(err)
	} else {
		result.Outcome, result.Root = Current, out.Root.String()
		if out.Committed {
			result.Outcome, result.SectionsChanged = Committed, out.Changed
		}
	}
	return result, err
}

// report brings the aggregator up to date. When it learns that something else is to be collected, it begins anew: what
// was just switched off goes at once, and what was switched on comes.
func (a *Agent) report(ctx context.Context, fresh bool, result *Result) (upload.Outcome, error) {
	var whole upload.Outcome
	for range reconfigurations {
		out, err := a.reportOnce(ctx, fresh, result)
		whole = whole.Then(out)
		if err != nil || out.Configuration == nil {
			return whole, err
		}
		fresh = true
	}
	if whole.Stopped {
		return whole, errors.New("the collection configuration changes again and again")
	}
	return whole, nil
}

// reportOnce collects, unless something is pending, and reports.
func (a *Agent) reportOnce(ctx context.Context, fresh bool, result *Result) (upload.Outcome, error) {
	evidence, err := identity.Gather(ctx, a.Host, a.Dir)
	if err != nil {
		return upload.Outcome{}, err
	}
	a.Syncer.Evidence = evidence
	if !fresh {
		out, had, err := a.Syncer.Retry(ctx, upload.Extras{ConfigurationVersion: a.configuration.Version})
		if had || err != nil {
			return out, a.accept(out, err, nil, nil)
		}
	}
	if a.Promise != nil {
		a.Promise(maxCycle + a.configuration.longest())
	}
	options := a.configuration.Options(a.Disabled)
	options.Cache = &a.cache
	collected := collect.Run(ctx, a.Host, options)
	if err := ctx.Err(); err != nil {
		return upload.Outcome{}, err // what a called-off collection lacks is not a fact
	}
	pending, troubles := Prepare(collected)
	a.bookTroubles(troubles)
	a.status.bookRuns(collected.Runs, a.configuration.Version)
	result.Packages = packages(pending)
	vitals, err := collect.Vitals(ctx, a.Host)
	if err != nil {
		a.Log.Debug("some vitals could not be measured", "err", err)
	}
	vitals, health := a.told.news(vitals, HealthOf(
		troubles, collected.Runs, a.configuration.Version, a.Syncer.Client.Transport(), a.Version))
	extras := upload.Extras{Vitals: vitals, Health: health, ConfigurationVersion: a.configuration.Version}
	out, err := a.Syncer.Sync(ctx, pending, extras)
	return out, a.accept(out, err, vitals, health)
}

// accept books what a report of the agent's own brought.
func (a *Agent) accept(out upload.Outcome, err error, vitals *syncv1.Vitals, health *syncv1.Health) error {
	if err == nil && !out.Stopped {
		*a.told = a.told.after(vitals, health)
	}
	return a.acceptFor(toldName, out, err)
}

// acceptFor books what a report of any source brought; toldFile is the file of what that source told.
func (a *Agent) acceptFor(toldFile string, out upload.Outcome, err error) error {
	if err != nil {
		return err
	}
	anew := out.Reenrolled || out.Resynced
	if anew { // another record, or an older one: say everything again
		*a.told, a.toldOsquery = told{}, told{}
	}
	if anew || toldFile == toldName {
		a.note("told", a.told.save(a.Dir, toldName))
	}
	if anew || toldFile == toldOsqueryName {
		a.note("told", a.toldOsquery.save(a.Dir, toldOsqueryName))
	}
	if out.Configuration == nil {
		return nil
	}
	a.configuration = configurationOf(out.Configuration)
	a.Log.Info("new collection configuration", "version", a.configuration.Version, "disabled_collectors", a.configuration.DisabledCollectors)
	return a.configuration.save(a.Dir)
}

// recall reads what earlier processes left, once.
func (a *Agent) recall() {
	if a.told != nil {
		return
	}
	t := loadTold(a.Dir, toldName)
	a.told, a.toldOsquery = &t, loadTold(a.Dir, toldOsqueryName)
	var err error
	a.configuration, err = LoadConfiguration(a.Dir) // an unreadable one has the version 0: the aggregator sends it again
	a.note("configuration", err)
	a.status, err = LoadStatus(a.Dir)
	a.note("status", err)
	a.status.AgentVersion = a.Version
}

// Forget drops what was told to an aggregator and what it wanted collected: another one knows and wants something else.
// The state folder is locked and no Agent runs on it.
func Forget(dir *state.Dir) error {
	return errors.Join(dir.Remove(toldName), dir.Remove(toldOsqueryName), dir.Remove(configurationName))
}

// bookTroubles takes the troubles into the status and logs those that are new.
func (a *Agent) bookTroubles(troubles []collect.Trouble) {
	before := a.status.Troubles
	a.status.Troubles = []Trouble{}
	for _, t := range troubles {
		trouble := Trouble{Collector: t.Collector, Message: toValid(t.Err.Error()), Denied: t.Denied}
		a.status.Troubles = append(a.status.Troubles, trouble)
		if !slices.Contains(before, trouble) {
			a.Log.Warn("collector is not well", "collector", t.Collector, "denied", t.Denied, "err", t.Err)
		}
	}
}

// note logs that a file of minor importance could not be read or written.
func (a *Agent) note(what string, err error) {
	if err != nil {
		a.Log.Warn("state file passed over", "file", what, "err", err)
	}
}
