// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// deadLetter is an event that a sink gave up, as clients see it.
type deadLetter struct {
	ID           int64           `json:"id"`
	Sink         string          `json:"sink"`
	EventID      string          `json:"event_id"`
	Type         string          `json:"type"`
	SerialNumber *string         `json:"serial_number"`
	HappenedAt   time.Time       `json:"happened_at"`
	At           time.Time       `json:"at"`
	Attempts     int             `json:"attempts"`
	LastError    string          `json:"last_error"`
	ReplayAt     *time.Time      `json:"replay_at"`
	Event        json.RawMessage `json:"event"`
}

// listDeadLetters lists what was given up, the newest first.
func (a *API) listDeadLetters(w http.ResponseWriter, r *http.Request) error {
	list := a.list("dead_letters")
	q, err := api.ParseQuery(r, "sink", "type", "serial", "cursor", "limit")
	if err != nil {
		return err
	}
	limit, err := q.Limit()
	if err != nil {
		return err
	}
	var before int64
	if err := api.DecodeCursor(list, q.Text("cursor"), &before); err != nil {
		return err
	}
	filter := store.DeadLetterFilter{Sink: q.Text("sink"), Type: q.Text("type"), SerialNumber: q.Text("serial")}
	found, err := a.store.DeadLetters(r.Context(), filter, before, limit)
	if err != nil {
		return err
	}
	letters := make([]deadLetter, len(found))
	for i, d := range found {
		letters[i] = deadLetter{
			ID: d.ID, Sink: d.Sink, EventID: d.EventID, Type: d.Type, HappenedAt: d.HappenedAt.UTC(), At: d.At.UTC(), Attempts: d.Attempts,
			LastError: d.LastError, ReplayAt: d.ReplayAt, Event: d.Event,
		}
		if d.SerialNumber != "" {
			letters[i].SerialNumber = &found[i].SerialNumber
		}
	}
	next := nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, map[string]any{"dead_letters": letters, "next_cursor": next})
}

// postDeadLetterReplay has one delivered again.
func (a *API) postDeadLetterReplay(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	if err := a.store.ReplayDeadLetter(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// postDeadLettersReplay has all those of a sink delivered again.
func (a *API) postDeadLettersReplay(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	var body struct {
		Sink string `json:"sink"`
	}
	if err := api.DecodeJSON(w, r, 4<<10, &body); err != nil {
		return err
	}
	if text := wrongWord(body.Sink); text != "" {
		return compliance.FieldErrors{"sink": {text}}
	}
	asked, err := a.store.ReplayDeadLetters(r.Context(), body.Sink)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]int{"replayed": asked})
}

func (a *API) deleteDeadLetter(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	if err := a.store.DeleteDeadLetter(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
