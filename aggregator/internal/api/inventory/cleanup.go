// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

const (
	// cleanupTask is the contract's name of the task.
	cleanupTask = "zentral.contrib.inventory.tasks.cleanup_inventory"
	// maxCleanupDays is how far back a cleanup may leave history alone: ten years.
	maxCleanupDays = 3660
)

// postCleanup begins the task that deletes history older than so many days.
func (a *API) postCleanup(w http.ResponseWriter, r *http.Request) error {
	body, err := drf.DecodeForm(w, r)
	if err != nil {
		return err
	}
	days, given := body.Int("days", drf.Int{Optional: true, Min: 1, Max: maxCleanupDays})
	if err := body.Err(); err != nil {
		return err
	}
	if !given {
		days = int64(a.retentionDays)
	}
	if a.queue == nil {
		return errNoTasks
	}
	id, err := task.Launch(r.Context(), a.queue, cleanupTask, task.CleanupArgs{Days: int(days)})
	if err != nil {
		return err
	}
	return a.launched(w, r, id)
}
