// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// routes is the table of everything that the API answers. openapi.json describes each row.
func (a *API) routes() []api.Route {
	return []api.Route{
		{Pattern: "GET /api/v1/openapi.json", Permission: api.Public, Handler: getOpenAPI},

		{Pattern: "GET /api/v1/machines", Permission: auth.ReadInventory, Handler: a.listMachines},
		{Pattern: "GET /api/v1/machines/{serial}", Permission: auth.ReadInventory, Handler: a.getMachine},
		{Pattern: "GET /api/v1/machines/{serial}/snapshot", Permission: auth.ReadInventory, Handler: a.getSnapshot},
		{Pattern: "GET /api/v1/machines/{serial}/changes", Permission: auth.ReadInventory, Handler: a.listChanges},
		{Pattern: "GET /api/v1/machines/{serial}/diff", Permission: auth.ReadInventory, Handler: a.getDiff},
		{Pattern: "GET /api/v1/machines/{serial}/collectors", Permission: auth.ReadInventory, Handler: a.listCollectors},
		{Pattern: "POST /api/v1/snapshots", Permission: auth.AddInventory, Handler: a.postSnapshot},
		{Pattern: "GET /api/v1/software", Permission: auth.ReadInventory, Handler: a.listSoftware},
		{Pattern: "GET /api/v1/software/machines", Permission: auth.ReadInventory, Handler: a.listSoftwareMachines},
		{Pattern: "GET /api/v1/exports/deb_packages.csv", Permission: readDebPackages, Handler: a.exportDebPackages},

		{Pattern: "GET /api/v1/checks", Permission: auth.ReadChecks, Handler: a.listChecks},
		{Pattern: "POST /api/v1/checks", Permission: auth.AddChecks, Handler: a.postCheck},
		{Pattern: "GET /api/v1/checks/{id}", Permission: auth.ReadChecks, Handler: a.getCheck},
		{Pattern: "GET /api/v1/checks/{id}/statuses", Permission: auth.ReadChecks, Handler: a.listStatuses},

		{Pattern: "GET /api/v1/configurations", Permission: auth.ReadConfigurations, Handler: a.listConfigurations},
		{Pattern: "POST /api/v1/configurations", Permission: auth.AddConfigurations, Handler: a.postConfiguration},
		{Pattern: "GET /api/v1/configurations/{id}", Permission: auth.ReadConfigurations, Handler: a.getConfiguration},
		{Pattern: "PUT /api/v1/configurations/{id}", Permission: auth.ChangeConfigurations, Handler: a.putConfiguration},
		{Pattern: "DELETE /api/v1/configurations/{id}", Permission: auth.DeleteConfigurations, Handler: a.deleteConfiguration},

		{Pattern: "GET /metrics", Permission: auth.ReadInventory, Handler: a.getMetrics},
		{Pattern: "GET /-/healthy", Permission: api.Public, Handler: getHealthy},
		{Pattern: "GET /-/ready", Permission: api.Public, Handler: a.getReady},
	}
}

// readDebPackages is the outside contract's permission for what the export holds.
const readDebPackages auth.Permission = "inventory.view_debpackage"
