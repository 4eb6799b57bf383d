// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// historyDays is how far the history of a check goes back when nobody says since when.
const historyDays = 366

// checkDay is what became of a check in one day.
type checkDay struct {
	Day              string `json:"day"`
	OK               int    `json:"ok"`
	Pending          int    `json:"pending"`
	Unknown          int    `json:"unknown"`
	Failed           int    `json:"failed"`
	Waived           int    `json:"waived"`
	Fixed            int    `json:"fixed"`
	MeanSecondsToFix *int64 `json:"mean_seconds_to_fix"` // null: nothing was fixed
}

func checkDayOf(d store.CheckDay) checkDay {
	out := checkDay{
		Day: d.Day.UTC().Format(time.DateOnly), OK: d.OK, Pending: d.Pending, Unknown: d.Unknown, Failed: d.Failed, Waived: d.Waived, Fixed: d.Fixed,
	}
	if d.Fixed > 0 {
		mean := int64(d.FixedAfter/time.Second) / int64(d.Fixed)
		out.MeanSecondsToFix = &mean
	}
	return out
}

// getCheckHistory tells what became of a check day by day, the oldest first.
func (a *API) getCheckHistory(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "since", "until")
	if err != nil {
		return err
	}
	since, err := dayOf(q, "since", time.Now().AddDate(0, 0, -historyDays))
	if err != nil {
		return err
	}
	until, err := dayOf(q, "until", time.Now())
	if err != nil {
		return err
	}
	c, err := a.check(r)
	if err != nil {
		return err
	}
	found, err := a.store.CheckHistory(r.Context(), c.ID, since)
	if err != nil {
		return err
	}
	days := []checkDay{}
	for _, d := range found {
		if !d.Day.After(until) {
			days = append(days, checkDayOf(d))
		}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"days": days})
}

// dayOf reads a day of a query, 2026-03-01, or a moment in it; fallback when it is not given.
func dayOf(q api.Query, name string, fallback time.Time) (time.Time, error) {
	text := q.Text(name)
	if text == "" {
		return fallback.UTC().Truncate(24 * time.Hour), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Truncate(24 * time.Hour), nil
		}
	}
	return time.Time{}, api.Refuse(http.StatusBadRequest, "%s: write the day like 2026-03-01", name)
}
