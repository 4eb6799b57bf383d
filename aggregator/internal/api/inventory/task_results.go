// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// unknownStatus is that of a task which does not exist, or which is not shown to who asks.
const unknownStatus = "UNKNOWN"

// taskResult is a task as clients see it.
type taskResult struct {
	Name        string                     `json:"name,omitempty"`
	ID          string                     `json:"id"`
	Status      string                     `json:"status"`
	Unready     bool                       `json:"unready"`
	Result      map[string]json.RawMessage `json:"result,omitzero"`
	DownloadURL string                     `json:"download_url,omitempty"`
}

// getTaskResult answers how far a task is. One that is not the client's to see is like one that does not exist.
func (a *API) getTaskResult(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !api.IsUUID(id) {
		return store.ErrNotFound
	}
	t, err := task.Find(r.Context(), a.store, id)
	if errors.Is(err, store.ErrNotFound) {
		return api.WriteJSON(w, http.StatusOK, taskResult{ID: id, Status: unknownStatus, Unready: true})
	}
	if err != nil {
		return err
	}
	result := taskResult{Name: t.Name, ID: t.ID, Status: string(t.Status), Unready: t.Status.Unready()}
	if left, ok := leftBehind(t); ok {
		result.Result = left
		if t.File != "" {
			result.DownloadURL = taskResultURL(id) + "download/"
		}
	}
	return api.WriteJSON(w, http.StatusOK, result)
}

// leftBehind is what a task that went well says of itself, with the headers of its file; false when it cannot be read.
func leftBehind(t store.Task) (left map[string]json.RawMessage, ok bool) {
	if t.Status != store.TaskSuccess {
		return nil, false
	}
	left = map[string]json.RawMessage{}
	if len(t.Result) > 0 && (json.Unmarshal(t.Result, &left) != nil || left == nil) {
		return nil, false
	}
	if len(t.Headers) > 0 {
		var headers map[string]string
		if json.Unmarshal(t.Headers, &headers) != nil || headers == nil {
			return nil, false
		}
		left["headers"] = t.Headers
	}
	return left, true
}

// getTaskDownload sends the file of a task.
func (a *API) getTaskDownload(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !api.IsUUID(id) {
		return store.ErrNotFound
	}
	t, err := task.Find(r.Context(), a.store, id)
	if err != nil {
		return err
	}
	if !task.MayDownload(r.Context(), t) {
		return store.ErrNotFound
	}
	f, err := a.queue.OpenFile(t)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	api.Download(w, r, t, f)
	return nil
}
