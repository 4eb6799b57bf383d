// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// routes is the table of everything that the API answers. The files of openapi describe each row.
func (a *API) routes() []api.Route {
	return []api.Route{
		// machines: tags, meta, archive, prune, cleanup

		// launchers of exports

		// meta business units, tags, taxonomies, checks

		// task results
	}
}
