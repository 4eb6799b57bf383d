// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// machine is one machine in a list. What no source tells is null.
type machine struct {
	SerialNumber string     `json:"serial_number"`
	ComputerName *string    `json:"computer_name"`
	Platform     *string    `json:"platform"`
	Type         *string    `json:"type"`
	OSVersion    *string    `json:"os_version"`
	Sources      []source   `json:"sources"`
	LastSeen     *time.Time `json:"last_seen"`
}

// source is who reports.
type source struct {
	Module string          `json:"module"`
	Name   string          `json:"name"`
	Config json.RawMessage `json:"config,omitempty"`
}

type machineList struct {
	Machines   []machine `json:"machines"`
	NextCursor *string   `json:"next_cursor"`
}

func machineOf(m store.Machine) machine {
	out := machine{
		SerialNumber: m.SerialNumber, ComputerName: optional(m.ComputerName), Platform: optional(m.Platform),
		Type: optional(m.Type), OSVersion: optional(m.OSVersion), Sources: []source{}, LastSeen: moment(m.LastSeen),
	}
	for _, s := range m.Sources {
		out.Sources = append(out.Sources, sourceOf(s))
	}
	return out
}

func sourceOf(s store.Source) source {
	out := source{Module: s.Module, Name: s.Name}
	if s.Config != "" {
		out.Config = json.RawMessage(s.Config)
	}
	return out
}

// optional turns an unknown text into null.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// moment turns the zero time into null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// stamp spells a moment for people who read an error.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// list names a list in the database as it is now.
func (a *API) list(name string) api.List { return api.List{Name: name, Epoch: a.store.CurrentEpoch()} }

// readPage reads the query of a list that knows no other parameters: after takes the key behind which the page begins and
// is left alone on the first one, limit is how many rows are asked for.
func readPage(r *http.Request, list api.List, after any) (limit int, err error) {
	q, err := api.ParseQuery(r, "cursor", "limit")
	if err != nil {
		return 0, err
	}
	if limit, err = q.Limit(); err != nil {
		return 0, err
	}
	return limit, api.DecodeCursor(list, q.Text("cursor"), after)
}

// nextCursor is the cursor behind the last key of a page, nil when the page was not full: then there is no more.
func nextCursor(list api.List, length, limit int, after func() any) *string {
	if length < limit {
		return nil
	}
	text := api.EncodeCursor(list, after())
	return &text
}

func (a *API) listMachines(w http.ResponseWriter, r *http.Request) error {
	list := a.list("machines")
	q, err := api.ParseQuery(r, "q", "platform", "source", "cursor", "limit")
	if err != nil {
		return err
	}
	filter := store.MachineFilter{Query: q.Text("q"), Platform: strings.ToUpper(q.Text("platform")), Source: q.Text("source")}
	if filter.Limit, err = q.Limit(); err != nil {
		return err
	}
	if err := api.DecodeCursor(list, q.Text("cursor"), &filter.After); err != nil {
		return err
	}
	found, err := a.machines(r.Context(), filter)
	if err != nil {
		return err
	}
	answer := machineList{Machines: []machine{}}
	for _, m := range found {
		answer.Machines = append(answer.Machines, machineOf(m))
	}
	answer.NextCursor = nextCursor(list, len(found), filter.Limit, func() any { return found[len(found)-1].SerialNumber })
	return api.WriteJSON(w, http.StatusOK, answer)
}

// machines asks the index, and the store until that is built.
func (a *API) machines(ctx context.Context, f store.MachineFilter) ([]store.Machine, error) {
	if err := a.freshIndex(ctx); err == nil {
		if found, err := a.index.Machines(f); err == nil {
			return found, nil
		}
	}
	return a.store.ListMachines(ctx, f)
}

// freshIndex returns nil when the index can be asked, and knows all that was committed before.
func (a *API) freshIndex(ctx context.Context) error {
	if a.index == nil {
		return index.ErrBuilding
	}
	return a.index.Fresh(ctx)
}

// machineDetail is one machine with all that is known of it beside its snapshots.
type machineDetail struct {
	machine
	URLSafe   string        `json:"urlsafe_serial_number"`
	Archived  bool          `json:"archived"` // no source reports it any more
	CreatedAt time.Time     `json:"created_at"`
	Status    *int          `json:"status"` // worst of its checks
	StatusSay *string       `json:"status_display"`
	Tags      []tag         `json:"tags"`
	Sources   []sourceState `json:"sources"` // with more about each than in lists
}

type tag struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// sourceState is the current snapshot of one source.
type sourceState struct {
	source
	Root       string          `json:"root"`
	Seq        int64           `json:"seq"`
	Commits    int64           `json:"commits"`
	FirstAt    time.Time       `json:"first_at"`
	ChangedAt  time.Time       `json:"changed_at"`
	LastSeen   time.Time       `json:"last_seen"`
	ArchivedAt *time.Time      `json:"archived_at"`
	Sections   []sectionSize   `json:"sections"`
	VitalsAt   *time.Time      `json:"vitals_at"`
	Vitals     json.RawMessage `json:"vitals"`
	HealthAt   *time.Time      `json:"health_at"`
	Health     json.RawMessage `json:"health"`
}

type sectionSize struct {
	Kind   string `json:"kind"`
	Assets int    `json:"assets"`
	Digest string `json:"digest"`
}

func (a *API) getMachine(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	d, err := a.machine(r)
	if err != nil {
		return err
	}
	answer := machineDetail{
		machine: machineOf(d.Machine), URLSafe: api.URLSafeSerial(d.SerialNumber), CreatedAt: d.CreatedAt.UTC(),
		Archived: !slices.ContainsFunc(d.Heads, isLive), Tags: []tag{}, Sources: []sourceState{},
	}
	for _, t := range d.Tags {
		answer.Tags = append(answer.Tags, tag{ID: t.ID, Name: t.Name})
	}
	for _, h := range d.Heads {
		answer.Sources = append(answer.Sources, sourceStateOf(h))
	}
	status, known, err := a.store.OverallStatus(r.Context(), d.ID)
	if err != nil {
		return err
	}
	if known {
		answer.Status, answer.StatusSay = statusOf(status)
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

func statusOf(s compliance.Status) (number *int, display *string) {
	n, text := int(s), s.String()
	return &n, &text
}

func sourceStateOf(h store.HeadDetail) sourceState {
	out := sourceState{
		source: sourceOf(h.Source), Root: h.Root.String(), Seq: h.Seq, Commits: h.Commits, FirstAt: h.FirstAt.UTC(),
		ChangedAt: h.ChangedAt.UTC(), LastSeen: h.LastSeen.UTC(), Sections: []sectionSize{},
	}
	if h.ArchivedAt != nil {
		out.ArchivedAt = moment(*h.ArchivedAt)
	}
	for _, s := range h.Sections {
		out.Sections = append(out.Sections, sectionSize{Kind: s.Kind, Assets: s.Assets, Digest: s.Digest.String()})
	}
	if h.Vitals != nil {
		out.VitalsAt, out.Vitals = moment(h.Vitals.At), h.Vitals.Body
	}
	if h.Health != nil {
		out.HealthAt, out.Health = moment(h.Health.At), withoutRuns(h.Health)
	}
	return out
}
