// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	schedule.Status
}

// statusVerb says how reporting goes. It changes nothing and needs no lock.
func statusVerb(flags config.Status, t terminal) error {
	if _, err := os.Stat(flags.StateDir); errors.Is(err, fs.ErrNotExist) {
		return identity.ErrNotEnrolled
	}
	dir, err := state.Open(flags.StateDir)
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
	if since, ok := spool.PendingSince(dir, upload.SourceName); ok {
		since = since.UTC()
		view.PendingSince = &since
	}
	if flags.JSON {
		encoder := json.NewEncoder(t.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(view)
	}
	return view.print(t.out)
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
	for _, trouble := range v.Troubles {
		row("collector", "%s: %s", trouble.Collector, trouble.Message)
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
