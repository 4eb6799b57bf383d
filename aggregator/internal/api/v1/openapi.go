// SPDX-License-Identifier: Apache-2.0

package v1

import (
	_ "embed" // openapi.json
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// openAPI describes every route of routes.go. It is written by hand, and a test holds every answer against it.
//
//go:embed openapi.json
var openAPI []byte

func getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(openAPI)
	return err
}
