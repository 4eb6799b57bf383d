// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	viewWaivers   auth.Permission = "compliance_checks.view_waiver"
	addWaivers    auth.Permission = "compliance_checks.add_waiver"
	changeWaivers auth.Permission = "compliance_checks.change_waiver"
	deleteWaivers auth.Permission = "compliance_checks.delete_waiver"
)

// waiver is a waiver as clients see it.
type waiver struct {
	ID           int64             `json:"id"`
	CheckID      int64             `json:"check_id"`
	CheckName    string            `json:"check_name"`
	SerialNumber string            `json:"serial_number"`
	Owner        string            `json:"owner"`
	Reason       string            `json:"reason"`
	State        store.WaiverState `json:"state"`
	CreatedAt    time.Time         `json:"created_at"`
	CreatedBy    string            `json:"created_by"`
	ExpiresAt    time.Time         `json:"expires_at"`
}

type waiverList struct {
	Waivers    []waiver `json:"waivers"`
	NextCursor *string  `json:"next_cursor"`
}

func waiverOf(w store.Waiver) waiver {
	out := waiver{
		ID: w.ID, CheckID: w.CheckID, CheckName: w.CheckName, SerialNumber: w.SerialNumber, Owner: w.Owner, Reason: w.Reason,
		State: store.ExpiredWaiver, CreatedAt: w.CreatedAt.UTC(), CreatedBy: w.CreatedBy, ExpiresAt: w.ExpiresAt.UTC(),
	}
	if w.Active {
		out.State = store.ActiveWaiver
	}
	return out
}

// listWaivers lists the waivers of machines in reach. One that expired stays until somebody deletes or renews it.
func (a *API) listWaivers(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "check_id", "serial_number", "state", "cursor", "limit")
	if err != nil {
		return err
	}
	f, err := waiverFilter(q)
	if err != nil {
		return err
	}
	limit, err := q.Limit()
	if err != nil {
		return err
	}
	list := a.list(fmt.Sprintf("waivers %d %s %s", f.CheckID, f.State, f.SerialNumber))
	var after int64
	if err := api.DecodeCursor(list, q.Text("cursor"), &after); err != nil {
		return err
	}
	found, err := a.store.Waivers(r.Context(), f, after, limit)
	if err != nil {
		return err
	}
	answer := waiverList{Waivers: []waiver{}}
	for _, one := range found {
		answer.Waivers = append(answer.Waivers, waiverOf(one))
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, answer)
}

func waiverFilter(q api.Query) (store.WaiverFilter, error) {
	f := store.WaiverFilter{SerialNumber: q.Text("serial_number"), State: store.WaiverState(q.Text("state"))}
	switch f.State {
	case store.AnyWaiver, store.ActiveWaiver, store.ExpiredWaiver:
	default:
		return f, api.Refuse(http.StatusBadRequest, "state: active or expired")
	}
	if text := q.Text("check_id"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return f, api.Refuse(http.StatusBadRequest, "check_id: the id of a check")
		}
		f.CheckID = id
	}
	return f, nil
}

// postWaiver lets a machine in reach off a check.
func (a *API) postWaiver(w http.ResponseWriter, r *http.Request) error {
	body, err := decodeWaiver(w, r)
	if err != nil {
		return err
	}
	if problems := body.problems(time.Now(), true); len(problems) > 0 {
		return problems
	}
	created, err := a.store.CreateWaiver(r.Context(), body.waiver())
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/v1/waivers/%d", created.ID))
	return api.WriteJSON(w, http.StatusCreated, waiverOf(created))
}

// putWaiver changes owner, reason and end of a waiver; it may say which check and machine it is about, but not other
// ones.
func (a *API) putWaiver(w http.ResponseWriter, r *http.Request) error {
	body, err := decodeWaiver(w, r)
	if err != nil {
		return err
	}
	before, err := a.waiver(r)
	if err != nil {
		return err
	}
	problems := body.problems(time.Now(), false)
	body.sameAs(before, problems)
	if len(problems) > 0 {
		return problems
	}
	changed := body.waiver()
	changed.ID = before.ID
	changed, err = a.store.UpdateWaiver(r.Context(), changed)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, waiverOf(changed))
}

// deleteWaiver ends a waiver: the status counts again.
func (a *API) deleteWaiver(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	found, err := a.waiver(r)
	if err != nil {
		return err
	}
	if err := a.store.DeleteWaiver(r.Context(), found.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) getWaiver(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	found, err := a.waiver(r)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, waiverOf(found))
}

// waiver returns the waiver of the path.
func (a *API) waiver(r *http.Request) (store.Waiver, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return store.Waiver{}, fmt.Errorf("waiver %q: %w", r.PathValue("id"), store.ErrNotFound)
	}
	return a.store.Waiver(r.Context(), id)
}
