// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/agent/internal/osquery"
	"github.com/rollcall-inventory/rollcall/agent/internal/osquery/osquerytest"
	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// beside is an agent that is not enrolled, with an osquery at a socket where nobody listens yet.
func beside(t *testing.T) *Agent {
	t.Helper()
	sockets, err := os.MkdirTemp("/tmp", "osq-") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) }) // it lies in the temporary folder
	log := slog.New(slog.DiscardHandler)
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client, err := upload.New(upload.Options{Server: "http://127.0.0.1:1", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := spool.Open(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	return &Agent{
		Dir: dir, Log: log, told: &told{}, Syncer: upload.NewSyncer(upload.Syncer{Client: client, Spool: stored, Dir: dir, Log: log}),
		Osquery: &osquery.Reader{Socket: filepath.Join(sockets, "osquery.em"), System: "linux"},
	}
}

func TestOsqueryGoesItsOwnWay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		set     func(*Agent)
		own     error
		want    string // state; empty: no status
		message string
	}{
		{"nobody is there", func(*Agent) {}, nil, Absent, "nobody listens at"},
		{"after a report of the agent's own that failed by itself", func(*Agent) {}, errors.New("refused"), Absent, ""},
		{"nobody can be told", func(*Agent) {}, fmt.Errorf("%w: no route", upload.ErrUnreachable), Waiting, ""},
		{"nobody listens to this machine", func(*Agent) {}, upload.ErrNotAuthorised, Waiting, ""},
		{"expected and not there", func(a *Agent) { a.Osquery.Expected = true }, nil, Failed, "nobody listens at"},
		{"off", func(a *Agent) { a.Osquery = nil }, nil, "", ""},
		{"switched off here", func(a *Agent) { a.Disabled = []string{"osquery"} }, nil, "", ""},
		{"switched off by the aggregator", func(a *Agent) { a.configuration.DisabledCollectors = []string{"osquery"} }, nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := beside(t)
			tt.set(a)
			result := a.reportOsquery(t.Context(), tt.own)
			got := SourceStatus{}
			if a.status.Osquery != nil {
				got = *a.status.Osquery
			}
			if got.State != tt.want || !strings.Contains(got.Message, tt.message) || (result != nil) != (tt.want == Failed) {
				t.Errorf("got %+v and %+v, want %s with %q", got, result, tt.want, tt.message)
			}
		})
	}
}

func TestWhatOsqueryToldWaitsInASpoolOfItsOwn(t *testing.T) {
	t.Parallel()
	a := beside(t)
	d := &osquerytest.Daemon{Tables: []string{"system_info"}, Answers: map[string]osquerytest.Answer{
		"system_info": {Rows: []map[string]string{{"hostname": "web-1"}}},
	}}
	stop, err := d.Serve(a.Osquery.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	result := a.reportOsquery(t.Context(), nil)
	if result == nil || result.Outcome != Failed || a.status.Osquery.Failures != 1 || len(a.status.Osquery.Collectors) == 0 {
		t.Errorf("not enrolled: got %+v, status %+v", result, a.status.Osquery)
	}
	if _, waits := spool.PendingSince(a.Dir, "osquery"); !waits {
		t.Error("what osquery told does not wait")
	}
	if _, waits := spool.PendingSince(a.Dir, upload.SourceName); waits {
		t.Error("it waits as what the agent told")
	}
}
