// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"embed"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// Description holds the parts of the OpenAPI document that describe the rows of routes.go, one file for a resource or a
// few, and in base.json what all contracts share. They are written by hand, and tests hold every answer against them.
//
//go:embed openapi
var Description embed.FS

// getOpenAPI answers with the description of all contracts.
func (a *API) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(a.description)
	return err
}
