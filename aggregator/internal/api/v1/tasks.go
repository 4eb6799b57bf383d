// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// taskView is a task as clients see it.
type taskView struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Status      store.TaskStatus `json:"status"`
	Unready     bool             `json:"unready"`
	Done        int64            `json:"done"`
	Total       *int64           `json:"total"` // null: not known
	Error       *string          `json:"error"`
	Result      json.RawMessage  `json:"result"`
	DownloadURL *string          `json:"download_url"`
	Owner       taskOwner        `json:"owner"`
	CreatedAt   time.Time        `json:"created_at"`
	StartedAt   *time.Time       `json:"started_at"`
	EndedAt     *time.Time       `json:"ended_at"`
	ExpiresAt   *time.Time       `json:"expires_at"`
}

// taskOwner is who asked for a task.
type taskOwner struct {
	Kind string `json:"kind"`
	ID   *int64 `json:"id"`
	Name string `json:"name"`
}

type taskList struct {
	Tasks      []taskView `json:"tasks"`
	NextCursor *string    `json:"next_cursor"`
}

func taskOf(t store.Task) taskView {
	view := taskView{
		ID: t.ID, Name: t.Name, Status: t.Status, Unready: t.Status.Unready(), Done: t.Done, Error: optional(t.Err),
		Owner: taskOwner{Kind: t.Owner.Kind, Name: t.Owner.Name}, CreatedAt: t.CreatedAt.UTC(),
		StartedAt: utc(t.StartedAt), EndedAt: utc(t.EndedAt), ExpiresAt: utc(t.ExpiresAt),
	}
	if t.Total > 0 {
		view.Total = &t.Total
	}
	if t.Owner.ID != 0 {
		view.Owner.ID = &t.Owner.ID
	}
	var result map[string]json.RawMessage
	if json.Unmarshal(t.Result, &result) == nil && result != nil { // what cannot be read is left out
		view.Result = t.Result
	}
	if t.Status == store.TaskSuccess && t.File != "" {
		url := taskURL(t.ID) + "/download"
		view.DownloadURL = &url
	}
	return view
}

func taskURL(id string) string { return "/api/v1/tasks/" + id }

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return moment(*t)
}

// listTasks lists the client's own tasks, or everybody's where it asks for them and may see them.
func (a *API) listTasks(w http.ResponseWriter, r *http.Request) error {
	list := a.list("tasks")
	q, err := api.ParseQuery(r, "all", "cursor", "limit")
	if err != nil {
		return err
	}
	p, _ := auth.PrincipalOf(r.Context())
	everybody, err := readAll(q, p)
	if err != nil {
		return err
	}
	limit, err := q.Limit()
	if err != nil {
		return err
	}
	var after store.TaskKey
	if err := api.DecodeCursor(list, q.Text("cursor"), &after); err != nil {
		return err
	}
	if after.ID != "" && !api.IsUUID(after.ID) {
		return api.Refuse(http.StatusBadRequest, "cursor: not a next_cursor of this list")
	}
	found, err := a.store.ListTasks(r.Context(), task.OwnerOf(p), everybody, after, limit)
	if err != nil {
		return err
	}
	out := taskList{Tasks: []taskView{}}
	for _, t := range found {
		out.Tasks = append(out.Tasks, taskOf(t))
	}
	out.NextCursor = nextCursor(list, len(found), limit, func() any {
		last := found[len(found)-1]
		return store.TaskKey{CreatedAt: last.CreatedAt, ID: last.ID}
	})
	return api.WriteJSON(w, http.StatusOK, out)
}

// readAll tells whether a client asks for everybody's tasks.
func readAll(q api.Query, p auth.Principal) (bool, error) {
	text := q.Text("all")
	if text == "" {
		return false, nil
	}
	all, err := strconv.ParseBool(text)
	if err != nil {
		return false, api.Refuse(http.StatusBadRequest, "all: true or false")
	}
	if all && !task.MayReadAll(p) {
		return false, api.Refuse(http.StatusForbidden, "%v It takes %s for every machine.", auth.ErrPermissionDenied, auth.ReadTasks)
	}
	return all, nil
}

// findTask returns the task of the path, if the client may see it.
func (a *API) findTask(r *http.Request) (store.Task, error) {
	if _, err := api.ParseQuery(r); err != nil {
		return store.Task{}, err
	}
	id := r.PathValue("id")
	if !api.IsUUID(id) {
		return store.Task{}, store.ErrNotFound
	}
	return task.Find(r.Context(), a.store, id)
}

func (a *API) getTask(w http.ResponseWriter, r *http.Request) error {
	t, err := a.findTask(r)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, taskOf(t))
}

// getTaskFile sends what a task left behind.
func (a *API) getTaskFile(w http.ResponseWriter, r *http.Request) error {
	t, err := a.findTask(r)
	if err != nil {
		return err
	}
	if !task.MayDownload(r.Context(), t) {
		return api.Refuse(http.StatusForbidden, "%v The file takes %s for every machine that it tells of.",
			auth.ErrPermissionDenied, listed(t.Needs))
	}
	f, err := a.queue.OpenFile(t)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	api.Download(w, r, t, f)
	return nil
}

// deleteTask revokes a task that has not ended.
func (a *API) deleteTask(w http.ResponseWriter, r *http.Request) error {
	t, err := a.findTask(r)
	if err != nil {
		return err
	}
	if !task.MayRevoke(r.Context(), t) {
		return api.Refuse(http.StatusForbidden, "%v It takes %s for every machine.", auth.ErrPermissionDenied, auth.DeleteTasks)
	}
	if a.queue == nil {
		return errNoTasks
	}
	revoked, err := a.queue.Revoke(r.Context(), t.ID)
	if err != nil {
		return err
	}
	if !revoked && t.Status != store.TaskRevoked {
		return api.Refuse(http.StatusConflict, "The task has ended.")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// errNoTasks is answered where no background work is done.
var errNoTasks = api.Refuse(http.StatusServiceUnavailable, "There is no background work here.")
