// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"net/http"
	"testing"
)

func TestMachinesMayBeCalledLikeOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, serial := range []string{"tags", "archive", "prune"} {
		path := "/api/v1/machines/" + serial
		w.Ask(http.MethodGet, path, nil).Want(http.StatusNotFound)
		w.report(serial, "door", map[string]any{"platform": "LINUX"})
		if m := w.Ask(http.MethodGet, path, nil).Want(http.StatusOK).Object(); m["serial_number"] != serial {
			t.Errorf("got %v", m)
		}
		w.Ask(http.MethodGet, path+"/snapshot", nil).Want(http.StatusOK)
		w.AskAs("", http.MethodGet, path, nil).Want(http.StatusUnauthorized)
		if allow := w.Ask(http.MethodDelete, path, nil).Want(http.StatusMethodNotAllowed).Header.Get("Allow"); allow != "GET, HEAD, POST" {
			t.Errorf("%s allows %s", serial, allow)
		}
		w.Ask(http.MethodPost, path, map[string]any{}).Want(http.StatusBadRequest)
	}
}
