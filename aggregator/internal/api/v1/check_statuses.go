// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// status is the result of a check for one machine, or that it is still to come.
type status struct {
	SerialNumber   string        `json:"serial_number"`
	Status         int           `json:"status"`
	Display        string        `json:"status_display"`
	PreviousStatus *int          `json:"previous_status"`
	CheckVersion   *int          `json:"check_version"` // that was evaluated; null: none was
	StatusTime     *time.Time    `json:"status_time"`   // when it held last; null: pending
	Since          *time.Time    `json:"since"`         // when it took the place of the previous one; null: pending
	Waived         bool          `json:"waived"`
	Waiver         *statusWaiver `json:"waiver"` // null: not waived, or not to be seen
}

// statusWaiver is the waiver that keeps a status from counting.
type statusWaiver struct {
	ID        int64     `json:"id"`
	Owner     string    `json:"owner"`
	Reason    string    `json:"reason"`
	ExpiresAt time.Time `json:"expires_at"`
}

type statusList struct {
	Statuses   []status `json:"statuses"`
	NextCursor *string  `json:"next_cursor"`
}

// seesWaivers tells whether the caller may read waivers of the machines that it sees here.
func seesWaivers(ctx context.Context) bool {
	p, _ := auth.PrincipalOf(ctx)
	scope, ok := p.ScopeOf(viewWaivers, auth.ReadInventory)
	return ok && (scope.All() || !p.Reach.All() && !slices.ContainsFunc(p.Reach.Tags, func(tag int64) bool { return !slices.Contains(scope.Tags, tag) }))
}

// statusOfMachine shows how a machine stands with a check.
func statusOfMachine(m store.CheckMachine, waivers bool) status {
	out := status{
		SerialNumber: m.SerialNumber, Status: int(m.Status), Display: m.Status.String(), CheckVersion: m.Version,
		StatusTime: inUTC(m.At), Since: inUTC(m.Since), Waived: m.Waiver != nil,
	}
	if m.Previous != nil {
		out.PreviousStatus, _ = statusOf(*m.Previous)
	}
	if m.Waiver != nil && waivers {
		out.Waiver = &statusWaiver{m.Waiver.ID, m.Waiver.Owner, m.Waiver.Reason, m.Waiver.ExpiresAt.UTC()}
	}
	return out
}

// listStatuses lists how the machines in a check's scope stand with it.
func (a *API) listStatuses(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "status", "waived", "cursor", "limit")
	if err != nil {
		return err
	}
	c, err := a.check(r)
	if err != nil {
		return err
	}
	f, err := statusFilter(q)
	if err != nil {
		return err
	}
	limit, err := q.Limit()
	if err != nil {
		return err
	}
	list := a.list(fmt.Sprintf("statuses %d %s %s", c.ID, q.Text("status"), q.Text("waived")))
	var after string
	if err := api.DecodeCursor(list, q.Text("cursor"), &after); err != nil {
		return err
	}
	found, err := a.store.CheckMachines(r.Context(), c.ID, f, after, limit)
	if err != nil {
		return err
	}
	answer, waivers := statusList{Statuses: []status{}}, seesWaivers(r.Context())
	for _, m := range found {
		answer.Statuses = append(answer.Statuses, statusOfMachine(m, waivers))
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].SerialNumber })
	return api.WriteJSON(w, http.StatusOK, answer)
}

// statusFilter reads the parameters status and waived.
func statusFilter(q api.Query) (store.CheckMachineFilter, error) {
	var f store.CheckMachineFilter
	if text := q.Text("status"); text != "" {
		known := []compliance.Status{compliance.StatusOK, compliance.StatusPending, compliance.StatusUnknown, compliance.StatusFailed}
		for _, s := range known {
			if s.String() == text {
				f.Status = &s
			}
		}
		if f.Status == nil {
			return f, api.Refuse(http.StatusBadRequest, "status: OK, PENDING, UNKNOWN or FAILED")
		}
	}
	switch q.Text("waived") {
	case "":
	case "true", "false":
		waived := q.Text("waived") == "true"
		f.Waived = &waived
	default:
		return f, api.Refuse(http.StatusBadRequest, "waived: true or false")
	}
	return f, nil
}
