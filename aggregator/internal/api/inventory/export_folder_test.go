// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Not parallel: it takes the system's folder for temporary files away.
func TestExportsKeepTemporaryFilesInTheirOwnFolder(t *testing.T) {
	w := apitest.New(t, apitest.Options{Tasks: true})
	w.Ask(http.MethodPost, "/api/v1/snapshots", `{"source":{"module":"m","name":"s"},"serial_number":"A","deb_packages":[{"name":"bash","version":"5"}]}`).Want(http.StatusCreated)
	t.Setenv("TMPDIR", "/proc/none")
	for _, path := range []string{"machines/export/?export_format=zip", "machines/export/", "deb_packages/export/", "full_export/"} {
		id := launched(t, w.Ask(http.MethodPost, "/api/inventory/"+path, nil))
		if got := w.Await(id); got.Status != store.TaskSuccess {
			t.Errorf("%s ended as %s: %s", path, got.Status, got.Err)
		}
	}
}
