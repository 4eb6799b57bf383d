// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

// world is an aggregator that takes the trees of testdata.
type world struct {
	*apitest.World
	T testing.TB
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{apitest.New(t, apitest.Options{}), t}
}

// newUnindexedWorld returns one whose index stays unbuilt.
func newUnindexedWorld(t *testing.T) *world {
	t.Helper()
	return &world{apitest.New(t, apitest.Options{Unindexed: true}), t}
}

// fixture reads a tree of testdata.
func fixture(t testing.TB, name string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// submit sends trees of testdata through the open door.
func (w *world) submit(names ...string) {
	w.T.Helper()
	for _, name := range names {
		w.Ask(http.MethodPost, "/api/v1/snapshots", fixture(w.T, name)).Want(http.StatusCreated)
	}
}
