// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// getMachine answers with the machine as it is, or with what its sources said of it at a moment.
func (a *API) getMachine(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "at")
	if err != nil {
		return err
	}
	at, err := q.Time("at")
	if err != nil {
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
	if !at.IsZero() {
		if err := a.asOf(r.Context(), d, at, &answer); err != nil {
			return err
		}
		return answerJSON(w, r, answer)
	}
	for _, h := range d.Heads {
		answer.Sources = append(answer.Sources, sourceStateOf(h))
	}
	if err := a.overall(r.Context(), d, &answer); err != nil {
		return err
	}
	return answerJSON(w, r, answer)
}

// overall fills in the worst status for those who may see results of checks.
func (a *API) overall(ctx context.Context, d store.MachineDetail, answer *machineDetail) error {
	principal, _ := auth.PrincipalOf(ctx)
	if scope, ok := principal.ScopeOf(auth.ReadInventory, auth.ReadChecks); !ok || !scope.Covers(tagIDs(d.Tags)) {
		return nil
	}
	status, known, err := a.store.OverallStatus(ctx, d.ID)
	if known {
		answer.Status, answer.StatusSay = statusOf(status.Status)
	}
	return err
}

// asOf fills in what the sources said at a moment. Tags, and whether the machine is archived, are those of now; statuses,
// vitals and health have no history.
func (a *API) asOf(ctx context.Context, d store.MachineDetail, at time.Time, answer *machineDetail) error {
	answer.machine = machine{SerialNumber: d.SerialNumber}
	heads, err := a.headsAt(ctx, d.Heads, at)
	if err != nil {
		return err
	}
	live := slices.ContainsFunc(heads, func(h headAt) bool { return liveAt(at)(h.HeadDetail) })
	var summaries []store.Summary
	for _, h := range slices.SortedFunc(slices.Values(heads), func(a, b headAt) int { return cmp.Compare(a.ID, b.ID) }) {
		if live && !liveAt(at)(h.HeadDetail) {
			continue
		}
		summary, err := commit.SummaryOf(ctx, a.store, h.moment.Sections)
		if err != nil {
			return err
		}
		summaries = append(summaries, summary)
	}
	for _, h := range heads {
		answer.Sources = append(answer.Sources, h.state())
	}
	all := store.SumUp(summaries)
	answer.ComputerName, answer.Platform = optional(all.ComputerName), optional(all.Platform)
	answer.Type, answer.OSVersion = optional(all.Type), optional(all.OSVersion)
	return nil
}

// headAt is what a source said of a machine at a moment.
type headAt struct {
	store.HeadDetail
	moment store.Moment
	seen   time.Time // when it last said so, as far as one knows
}

// headsAt returns what each of the heads held at a moment, the zero time being now, but for those that were not there
// yet. At least one was.
func (a *API) headsAt(ctx context.Context, heads []store.HeadDetail, at time.Time) ([]headAt, error) {
	var found []headAt
	var first time.Time
	for _, h := range heads {
		if first.IsZero() || h.FirstAt.Before(first) {
			first = h.FirstAt
		}
		moment, err := a.store.SectionsAt(ctx, h.ID, at)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		seen := h.LastSeen
		if !at.IsZero() && at.Before(seen) {
			seen = at
		}
		found = append(found, headAt{HeadDetail: h, moment: moment, seen: seen.UTC()})
	}
	if len(found) == 0 {
		return nil, api.Refuse(http.StatusNotFound, "There was no snapshot yet: the first is of %s.", stamp(first))
	}
	return found, nil
}

// state is the source as it was. What nobody keeps of the past is null, or as it is now.
func (h *headAt) state() sourceState {
	out := sourceState{
		source: sourceOf(h.Source), Seq: h.moment.Seq, Commits: h.Commits, FirstAt: h.FirstAt.UTC(), ChangedAt: h.moment.At.UTC(),
		LastSeen: h.seen, Sections: []sectionSize{},
	}
	if h.moment.At.IsZero() {
		out.ChangedAt = h.FirstAt.UTC()
	}
	if !h.moment.Root.IsZero() {
		out.Root = optional(h.moment.Root.String())
	}
	if h.ArchivedAt != nil {
		out.ArchivedAt = moment(*h.ArchivedAt)
	}
	for kind, section := range h.moment.Sections {
		if strings.HasPrefix(kind, "@") {
			continue
		}
		size := sectionSize{Kind: kind, Assets: len(section.IDs) + len(section.Facts)}
		if !section.Digest.IsZero() {
			size.Digest = optional(section.Digest.String())
		}
		out.Sections = append(out.Sections, size)
	}
	slices.SortFunc(out.Sections, func(a, b sectionSize) int { return compareText(a.Kind, b.Kind) })
	return out
}
