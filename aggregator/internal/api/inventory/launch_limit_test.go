// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// unfinishedTasksSQL gives the owner of a task 200 that wait for ever.
const unfinishedTasksSQL = `
INSERT INTO task (job, kind, name, args, owner_kind, owner_id, owner_name, scope)
SELECT 0, kind, name, args, owner_kind, owner_id, owner_name, scope FROM task, generate_series(1, 200) WHERE id = $1`

func TestWhoHasTooManyTasksWaits(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	const path = "/api/inventory/deb_packages/export/"
	task, _ := w.launch(w.Tokens[auth.Admin])
	w.exec(unfinishedTasksSQL, task.ID)
	const says = `{"detail":"You have too many unfinished tasks; wait for one of them."}`
	for _, launcher := range []string{path, "/api/inventory/machines/export/", "/api/inventory/machines/export_deb_packages/", "/api/inventory/cleanup/"} {
		w.Ask(http.MethodPost, launcher, nil).Want(http.StatusTooManyRequests).Says(says)
	}
	w.Ask(http.MethodPost, "/api/v1/exports", `{"dataset":"deb_packages"}`).Want(http.StatusTooManyRequests)
	w.AskAs(w.Tokens[auth.Operator], http.MethodPost, path, nil).Want(http.StatusCreated) // somebody else
	w.exec(`UPDATE task SET status = 'FAILURE', ended_at = now(), expires_at = now() + '1 hour' WHERE id IN (SELECT id FROM task WHERE job = 0 LIMIT 1)`)
	w.Ask(http.MethodPost, path, nil).Want(http.StatusCreated)
}

// TestExportsTakeAnyText launches with texts that no database column holds, and no file name.
func TestExportsTakeAnyText(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	for _, tt := range []struct {
		path string
		body any
	}{
		{"machines/export_deb_packages/?source_name=%00", nil},
		{"machines/export_deb_packages/?source_name=%ff%zz", nil},
		{"machines/export_snapshots/?source_name=../%00%ff", nil},
		{"machines/export/?sn=%25_&cn=%E2%90%80&hm=%E2%90%80&t=%E2%90%80&sf=dp.a%25-t1-t2-cs-ccs.9-mis", nil},
		{"deb_packages/export/", `{"order":"\u0000","name":"%_\\"}`},
		{"full_export/?since=0001-01-01", nil},
		{"full_export/?since=9999-12-31T23:59:59", nil},
	} {
		a := w.Ask(http.MethodPost, "/api/inventory/"+tt.path, tt.body)
		if a.Status == http.StatusBadRequest {
			continue
		}
		id := launched(t, a)
		if got := w.Await(id); got.Status != store.TaskSuccess {
			t.Errorf("%s ended as %s: %s", tt.path, got.Status, got.Err)
		}
		w.Download(id)
		w.Ask(http.MethodGet, "/api/v1/tasks/"+id, nil).Want(http.StatusOK)
	}
	w.Ask(http.MethodGet, "/api/v1/audit?object=task", nil).Want(http.StatusOK)
}
