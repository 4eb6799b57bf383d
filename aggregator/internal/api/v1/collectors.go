// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// collectorRun is the last run of one collector that the agent told of.
type collectorRun struct {
	Collector            string  `json:"collector"`
	State                string  `json:"state"` // collected, absent, disabled, partial, failed
	DurationMilliseconds uint32  `json:"duration_milliseconds"`
	Items                uint32  `json:"items"`
	BytesRead            uint64  `json:"bytes_read"`
	Error                *string `json:"error"`
	Denied               bool    `json:"denied"`
}

type collectorReport struct {
	SerialNumber         string         `json:"serial_number"`
	Source               source         `json:"source"`
	ReportedAt           *time.Time     `json:"reported_at"` // null: the source never told
	LastSeen             time.Time      `json:"last_seen"`
	AgentVersion         *string        `json:"agent_version"`
	Transport            *string        `json:"transport"`
	ConfigurationVersion uint64         `json:"configuration_version"`
	Collectors           []collectorRun `json:"collectors"`
}

// listCollectors answers with the last report of a machine's agent about its collectors. Agents repeat an unchanged one
// about every hour; until then it still holds.
func (a *API) listCollectors(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "source")
	if err != nil {
		return err
	}
	d, h, err := a.head(r, q)
	if err != nil {
		return err
	}
	answer := collectorReport{
		SerialNumber: d.SerialNumber, Source: sourceOf(h.Source), LastSeen: h.LastSeen.UTC(), Collectors: []collectorRun{},
	}
	if h.Health == nil {
		return answerJSON(w, r, answer)
	}
	health, err := healthOf(h.Health)
	if err != nil {
		return err
	}
	answer.ReportedAt = moment(h.Health.At)
	answer.AgentVersion, answer.Transport = optional(health.GetAgentVersion()), optional(health.GetTransport())
	answer.ConfigurationVersion = health.GetConfigurationVersion()
	answer.Collectors = append(answer.Collectors, collectorRuns(health)...)
	return answerJSON(w, r, answer)
}

// healthOf reads a report as the protocol has it.
func healthOf(report *store.Report) (*syncv1.Health, error) {
	health := &syncv1.Health{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(report.Body, health); err != nil {
		return nil, fmt.Errorf("agent health: %w", err)
	}
	return health, nil
}

// collectorRuns joins runs and troubles. A trouble without a run, as of agents that report none, has a row of its own.
func collectorRuns(health *syncv1.Health) []collectorRun {
	var out []collectorRun
	place := map[string]int{}
	for _, run := range health.GetRuns() {
		place[run.GetCollector()] = len(out)
		out = append(out, collectorRun{
			Collector: run.GetCollector(), State: stateName(run.GetState()), DurationMilliseconds: run.GetDurationMilliseconds(),
			Items: run.GetItems(), BytesRead: run.GetBytesRead(),
		})
	}
	for _, trouble := range health.GetTroubles() {
		i, ran := place[trouble.GetCollector()]
		if !ran {
			i = len(out)
			out = append(out, collectorRun{Collector: trouble.GetCollector(), State: "failed"})
		}
		message := trouble.GetMessage()
		out[i].Error, out[i].Denied = &message, trouble.GetDenied()
	}
	return out
}

// stateName is the API's word for a state.
func stateName(state syncv1.CollectorState) string {
	if name, ok := strings.CutPrefix(state.String(), "COLLECTOR_STATE_"); ok {
		return strings.ToLower(name)
	}
	return "unspecified" // of a newer agent
}

// withoutRuns is a report without what the collectors did, which has an address of its own.
func withoutRuns(report *store.Report) json.RawMessage {
	health, err := healthOf(report)
	if err != nil || len(health.GetRuns()) == 0 {
		return report.Body
	}
	health.Runs = nil
	body, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(health)
	if err != nil {
		return report.Body
	}
	return body
}
