// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

// launchedTask is what every request is answered with that begins background work.
type launchedTask struct {
	TaskID        string `json:"task_id"`
	TaskResultURL string `json:"task_result_url"`
}

// launchExport begins an export, and answers with its task. The export is checked already, and knows its scope.
func (a *API) launchExport(w http.ResponseWriter, r *http.Request, dataset string, e export.Export) error {
	if a.queue == nil {
		return errNoTasks
	}
	id, err := export.Launch(r.Context(), a.queue, dataset, e)
	if err != nil {
		return err
	}
	return a.launched(w, r, id)
}

// launched answers with a task that was begun.
func (a *API) launched(w http.ResponseWriter, _ *http.Request, id string) error {
	return api.WriteJSON(w, http.StatusCreated, launchedTask{TaskID: id, TaskResultURL: taskResultURL(id)})
}

// taskResultURL is where the result of a task is, relative to the aggregator.
func taskResultURL(id string) string { return "/api/task_result/" + id + "/" }

// errNoTasks is answered where no background work is done.
var errNoTasks = api.Refuse(http.StatusServiceUnavailable, "There is no background work here.")
