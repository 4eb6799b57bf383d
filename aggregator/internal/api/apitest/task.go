// SPDX-License-Identifier: Apache-2.0

package apitest

import (
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// patience is how long a task may take to end on a loaded machine.
	patience = time.Minute
	// look paces the looks at whether it has.
	look = 10 * time.Millisecond
)

// Await returns a task once it has ended, however that was.
func (w *World) Await(id string) store.Task {
	w.t.Helper()
	return w.AwaitTask(id, func(t store.Task) bool { return !t.Status.Unready() })
}

// AwaitTask returns a task once it is as wanted.
func (w *World) AwaitTask(id string, wanted func(store.Task) bool) store.Task {
	w.t.Helper()
	again := time.NewTicker(look)
	defer again.Stop()
	for end := time.Now().Add(patience); ; <-again.C {
		t, err := w.Store.Task(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if wanted(t) {
			return t
		}
		if time.Now().After(end) {
			w.t.Fatalf("after %s the task is %+v", patience, t)
		}
	}
}

// Download awaits a task that goes well and returns its file, as an admin gets it.
func (w *World) Download(id string) Answer {
	w.t.Helper()
	if t := w.Await(id); t.Status != store.TaskSuccess {
		w.t.Fatalf("the task ended as %s: %s", t.Status, t.Err)
	}
	return w.AskAs(w.Tokens[auth.Admin], http.MethodGet, "/api/task_result/"+id+"/download/", nil).Want(http.StatusOK)
}
