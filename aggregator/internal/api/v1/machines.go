// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"encoding/json"
	"net/http"
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
	Total      *int      `json:"total"` // on all pages; null while only the store can answer
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
	Root       *string         `json:"root"` // null: no longer known
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
	Kind   string  `json:"kind"`
	Assets int     `json:"assets"`
	Digest *string `json:"digest"` // null: it changed since
}

func statusOf(s compliance.Status) (number *int, display *string) {
	n, text := int(s), s.String()
	return &n, &text
}

func sourceStateOf(h store.HeadDetail) sourceState {
	out := sourceState{
		source: sourceOf(h.Source), Root: optional(h.Root.String()), Seq: h.Seq, Commits: h.Commits, FirstAt: h.FirstAt.UTC(),
		ChangedAt: h.ChangedAt.UTC(), LastSeen: h.LastSeen.UTC(), Sections: []sectionSize{},
	}
	if h.ArchivedAt != nil {
		out.ArchivedAt = moment(*h.ArchivedAt)
	}
	for _, s := range h.Sections {
		out.Sections = append(out.Sections, sectionSize{Kind: s.Kind, Assets: s.Assets, Digest: optional(s.Digest.String())})
	}
	if h.Vitals != nil {
		out.VitalsAt, out.Vitals = moment(h.Vitals.At), h.Vitals.Body
	}
	if h.Health != nil {
		out.HealthAt, out.Health = moment(h.Health.At), withoutRuns(h.Health)
	}
	return out
}
