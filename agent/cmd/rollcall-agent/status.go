// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/config"
	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/agent/internal/schedule"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// statusView is what `status --json` prints; the credential is no part of it.
type statusView struct {
	SerialNumber string     `json:"serial_number"`
	Server       string     `json:"server"`
	GRPCAddress  string     `json:"grpc_address"`
	EnrolledAt   time.Time  `json:"enrolled_at"`
	PendingSince *time.Time `json:"pending_since"`

	OsqueryPendingSince *time.Time `json:"osquery_pending_since,omitempty"`
	schedule.Status
}

// statusVerb says how reporting goes. It changes nothing and needs no lock.
func statusVerb(flags config.Status, t terminal) error {
	dir, err := openExisting(flags.StateDir)
	if err != nil {
		return err
	}
	enrolled, err := identity.Load(dir)
	if err != nil {
		return err
	}
	view := statusView{
		SerialNumber: enrolled.SerialNumber,
		Server:       enrolled.Server,
		GRPCAddress:  enrolled.GRPCAddress,
		EnrolledAt:   enrolled.EnrolledAt,
	}
	if view.Status, err = schedule.LoadStatus(dir); err != nil {
		return err
	}
	view.PendingSince = pendingSince(dir, upload.Own)
	view.OsqueryPendingSince = pendingSince(dir, upload.Osquery)
	if flags.JSON {
		encoder := json.NewEncoder(t.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(view)
	}
	return view.print(t.out)
}

// pendingSince returns since when a source has something to report, nil when it has nothing.
func pendingSince(dir *state.Dir, source upload.Source) *time.Time {
	since, ok := spool.PendingSince(dir, source.Name)
	if !ok {
		return nil
	}
	since = since.UTC()
	return &since
}

// print writes the status for people.
func (v statusView) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, values ...any) { fmt.Fprintf(out, name+"\t"+format+"\n", values...) }
	row("machine", "%s", v.SerialNumber)
	row("server", "%s", v.Server)
	row("enrolled", "%s", v.EnrolledAt.Format(time.RFC3339))
	row("last success", "%s", moment(v.LastSuccess))
	if v.PendingSince != nil {
		row("pending since", "%s", moment(v.PendingSince))
	}
	if v.LastRun != nil {
		row("transport", "%s", v.LastRun.Transport)
		row("last outcome", "%s at %s", v.LastRun.Outcome, moment(&v.LastRun.FinishedAt))
		row("last traffic", "%d bytes sent, %d received", v.LastRun.BytesSent, v.LastRun.BytesReceived)
	}
	if v.LastRun != nil && v.LastRun.Error != "" {
		row("last error", "%s", v.LastRun.Error)
		row("failures", "%d in a row", v.Failures)
	}
	v.printOsquery(row)
	if v.CollectedAt == nil {
		return out.Flush()
	}
	if v.ConfigurationVersion > 0 {
		row("configuration", "version %d", v.ConfigurationVersion)
	}
	row("collected", "%s", moment(v.CollectedAt))
	if err := out.Flush(); err != nil {
		return err
	}
	return v.printCollectors(w)
}

// printOsquery writes how it goes with the source osquery; nothing on a machine that never had one.
func (v statusView) printOsquery(row func(name, format string, values ...any)) {
	o := v.Osquery
	if o == nil || o.State == schedule.Absent && o.LastSuccess == nil {
		return
	}
	state := o.State
	if o.Message != "" {
		state += ": " + o.Message
	}
	row("osquery", "%s", state)
	row("osquery success", "%s", moment(o.LastSuccess))
	if o.State == schedule.Absent && o.LastSuccess != nil {
		row("osquery note", "what it told before stays with the aggregator, as old as it is")
	}
	if v.OsqueryPendingSince != nil {
		row("osquery pending", "since %s", moment(v.OsqueryPendingSince))
	}
	for _, t := range o.Troubles {
		row("osquery table", "%s: %s", t.Collector, t.Message)
	}
}

// printCollectors writes what each collector did in the last collection.
func (v statusView) printCollectors(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "\nCOLLECTOR\tSTATE\tFACTS\tTIME\tREAD\tERROR")
	troubles := map[string]string{}
	for _, trouble := range v.Troubles {
		troubles[trouble.Collector] = trouble.Message
	}
	line := func(name, state string, items uint32, ms uint32, read uint64) {
		took := time.Duration(ms) * time.Millisecond
		fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%d B\t%s\n", name, state, items, took, read, troubles[name])
		delete(troubles, name)
	}
	for _, run := range v.Collectors {
		line(run.Collector, run.State, run.Items, run.DurationMilliseconds, run.BytesRead)
	}
	for _, name := range slices.Sorted(maps.Keys(troubles)) { // what was collected and could not be reported
		line(name, "failed", 0, 0, 0)
	}
	return out.Flush()
}

// moment writes a time, or that there is none.
func moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Format(time.RFC3339)
}
