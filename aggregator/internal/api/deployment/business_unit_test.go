// SPDX-License-Identifier: Apache-2.0

//go:build unix

package deployment_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// A tree that is submitted keeps the business unit that it names; one that names another one moves.
func TestASubmittedTreeKeepsItsBusinessUnit(t *testing.T) {
	t.Parallel()
	c := newClient(t, apitest.Options{})
	c.send(http.MethodPost, "/api/inventory/meta_business_units/", `{"name":"Hamburg"}`).Want(http.StatusCreated)
	units := func() map[string]int64 {
		found := map[string]int64{}
		err := c.Store.StreamHeads(t.Context(), store.StreamFilter{}, func(h store.FleetHead) error {
			found[h.Serial] = h.MetaBusinessUnit
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	submit := func(serial, unit string) {
		t.Helper()
		if unit != "" {
			unit = `,"business_unit":` + unit
		}
		c.Ask(http.MethodPost, "/api/v1/snapshots", `{"source":{"module":"m","name":"s"},"serial_number":"`+serial+`"`+unit+`}`)
	}
	const jamf = `{"source":{"module":"zentral.contrib.jamf","name":"jamf","config":{"host":"a"}},"reference":"site,`
	submit("A1", jamf+`1","name":"Hamburg"}`)
	submit("B2", jamf+`2","name":"Bremen"}`)
	submit("C3", `{"source":{"module":"zentral.contrib.inventory","name":"inventory"},"reference":"MBU1","name":"MBU1"}`)
	submit("D4", "")
	got := units()
	if got["A1"] != 1 || got["C3"] != 1 || got["D4"] != 0 || got["B2"] < 2 {
		t.Errorf("got %v", got)
	}
	c.Ask(http.MethodGet, "/api/v1/machines/A1/snapshot?source=s", nil).Want(http.StatusOK).Says(`"reference":"site,1"`)
	submit("B2", jamf+`1","name":"Hamburg"}`)
	submit("A1", "")
	if got := units(); got["B2"] != 1 || got["A1"] != 0 {
		t.Errorf("moved: got %v", got)
	}
	c.send(http.MethodDelete, "/api/inventory/meta_business_units/1/", "").Want(http.StatusBadRequest).Says("This meta business unit cannot be deleted")
	bremen := fmt.Sprintf("/api/inventory/meta_business_units/%d/", got["B2"])
	c.send(http.MethodDelete, bremen, "").Want(http.StatusNoContent) // its unit has no machines any more
	submit("A1", jamf+`2","name":"Bremen"}`)                         // and may come back
	if got := units(); got["A1"] == 0 {
		t.Errorf("came back: got %v", got)
	}
}
