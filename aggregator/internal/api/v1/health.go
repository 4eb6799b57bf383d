// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// readyLimit is how long the question for readiness may take.
const readyLimit = 5 * time.Second

// health is the answer of both probes.
type health struct {
	Status string `json:"status"`
}

// getHealthy says that the program runs.
func getHealthy(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, health{Status: "healthy"})
}

// getReady says that the program can do its work: the database answers, has the schema, and has room for the weeks to
// come.
func (a *API) getReady(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	if err := a.ready(ctx); err != nil {
		a.log.Warn("not ready", "err", err)
		return api.Refuse(http.StatusServiceUnavailable, "Not ready; the log of the aggregator says why.")
	}
	return api.WriteJSON(w, http.StatusOK, health{Status: "ready"})
}

// getMetrics hands the scrape on.
func (a *API) getMetrics(w http.ResponseWriter, r *http.Request) error {
	a.metrics.ServeHTTP(w, r)
	return nil
}
