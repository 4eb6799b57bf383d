// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// statusName is the file that `status` reads. It is for people: losing it loses nothing else.
const statusName = "status.json"

// Result is what one cycle came to.
type Result struct {
	Outcome         string        `json:"outcome"` // committed, current, or failed
	SerialNumber    string        `json:"serial_number,omitempty"`
	Root            string        `json:"root,omitempty"` // of the aggregator's snapshot, hexadecimal
	Transport       string        `json:"transport,omitempty"`
	BytesSent       int64         `json:"bytes_sent"` // on the socket, connection set-up and TLS included
	BytesReceived   int64         `json:"bytes_received"`
	Calls           []upload.Call `json:"calls,omitempty"`
	SectionsChanged []string      `json:"sections_changed"`
	Packages        int           `json:"packages"` // 0 when the cycle sent an earlier collection
	Error           string        `json:"error,omitempty"`
	ErrorKind       string        `json:"error_kind,omitempty"` // unreachable, not_authorised, or failure
	StartedAt       time.Time     `json:"started_at"`
	FinishedAt      time.Time     `json:"finished_at"`
	Osquery         *Result       `json:"osquery,omitempty"` // of the source osquery; nil when there was nothing to report

	interval time.Duration // that the aggregator asked for; 0 keeps the last one
}

// The outcomes and kinds of errors of a Result.
const (
	Committed     = "committed"
	Current       = "current"
	Failed        = "failed"
	Unreachable   = "unreachable"
	NotAuthorised = "not_authorised"
	Failure       = "failure"
)

// Trouble is one collector that is not well.
type Trouble struct {
	Collector string `json:"collector"`
	Message   string `json:"message"`
	Denied    bool   `json:"denied"`
}

// Status is how reporting goes, as of the last cycle.
type Status struct {
	AgentVersion string     `json:"agent_version"`
	LastSuccess  *time.Time `json:"last_success"`
	Failures     int        `json:"failures"` // in a row
	LastRun      *Result    `json:"last_run"`
	Troubles     []Trouble  `json:"troubles"`

	ConfigurationVersion uint64     `json:"configuration_version"` // that the last collection ran with; 0: none
	CollectedAt          *time.Time `json:"collected_at"`
	Collectors           []Run      `json:"collectors"`

	Osquery *SourceStatus `json:"osquery,omitempty"` // nil: it is not asked
}

// Run is what one collector did in the last collection. Its error is among the troubles.
type Run struct {
	Collector            string `json:"collector"`
	State                string `json:"state"` // collected, absent, disabled, partial or failed
	Items                uint32 `json:"items"`
	DurationMilliseconds uint32 `json:"duration_milliseconds"`
	BytesRead            uint64 `json:"bytes_read"`
}

// bookRuns takes what the collectors did.
func (s *Status) bookRuns(runs []*syncv1.CollectorRun, configuration uint64) {
	now := time.Now().UTC()
	s.CollectedAt, s.ConfigurationVersion, s.Collectors = &now, configuration, runsOf(runs)
}

// runsOf spells what collectors did.
func runsOf(runs []*syncv1.CollectorRun) []Run {
	out := []Run{}
	for _, r := range runs {
		out = append(out, Run{
			Collector: r.GetCollector(),
			State:     strings.ToLower(strings.TrimPrefix(r.GetState().String(), "COLLECTOR_STATE_")),
			Items:     r.GetItems(), DurationMilliseconds: r.GetDurationMilliseconds(), BytesRead: r.GetBytesRead(),
		})
	}
	return out
}

// LoadStatus reads the status that an agent left in its state folder; the zero Status when there was none yet.
func LoadStatus(dir *state.Dir) (Status, error) {
	var s Status
	raw, err := dir.Read(statusName, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read status: %w", err)
	}
	return s, nil
}

// save writes the status without waiting for the disk.
func (s Status) save(dir *state.Dir) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return dir.WriteSoft(statusName, append(raw, '\n'))
}

// add books a result.
func (s Status) add(r Result) Status {
	s.LastRun = &r
	if r.Outcome == Failed {
		s.Failures++
		return s
	}
	s.Failures, s.LastSuccess = 0, &r.FinishedAt
	return s
}

// kindOf names the kind of an error.
func kindOf(err error) string {
	switch {
	case errors.Is(err, upload.ErrUnreachable):
		return Unreachable
	case errors.Is(err, upload.ErrNotAuthorised):
		return NotAuthorised
	default:
		return Failure
	}
}

// toValid replaces what is not UTF-8: messages quote what they found on disk.
func toValid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
