// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// routes is the table of everything that the API answers. The files of openapi describe each row.
func (a *API) routes() []api.Route {
	return []api.Route{
		{Pattern: "GET /api/v1/openapi.json", Needs: api.Public, Handler: a.getOpenAPI},

		{Pattern: "GET /api/v1/machines", Needs: api.Needs(auth.ReadInventory), Handler: a.listMachines},
		{Pattern: "GET /api/v1/machines/{serial}", Needs: api.Needs(auth.ReadInventory), Handler: a.getMachine},
		{Pattern: "GET /api/v1/machines/{serial}/snapshot", Needs: api.Needs(auth.ReadInventory), Handler: a.getSnapshot},
		{Pattern: "GET /api/v1/machines/{serial}/changes", Needs: api.Needs(auth.ReadInventory), Handler: a.listChanges},
		{Pattern: "GET /api/v1/machines/{serial}/diff", Needs: api.Needs(auth.ReadInventory), Handler: a.getDiff},
		{Pattern: "GET /api/v1/machines/{serial}/collectors", Needs: api.Needs(auth.ReadInventory), Handler: a.listCollectors},
		{Pattern: "POST /api/v1/snapshots", Needs: api.Needs(auth.AddInventory), Handler: a.postSnapshot},
		{Pattern: "GET /api/v1/software", Needs: api.Needs(auth.ReadInventory), Handler: a.listSoftware},
		{Pattern: "GET /api/v1/software/machines", Needs: api.Needs(auth.ReadInventory), Handler: a.listSoftwareMachines},
		{Pattern: "GET /api/v1/exports/deb_packages.csv", Needs: api.Needs(readDebPackages), Handler: a.exportDebPackages},

		{Pattern: "GET /api/v1/checks", Needs: api.Needs(auth.ReadChecks), Reach: api.NoMachines, Handler: a.listChecks},
		{Pattern: "POST /api/v1/checks", Needs: api.Needs(auth.AddChecks), Handler: a.postCheck},
		{Pattern: "GET /api/v1/checks/{id}", Needs: api.Needs(auth.ReadChecks), Reach: api.NoMachines, Handler: a.getCheck},
		{Pattern: "GET /api/v1/checks/{id}/statuses", Needs: api.Needs(auth.ReadChecks), Handler: a.listStatuses},

		{Pattern: "GET /api/v1/configurations", Needs: api.Needs(auth.ReadConfigurations), Reach: api.NoMachines, Handler: a.listConfigurations},
		{Pattern: "POST /api/v1/configurations", Needs: api.Needs(auth.AddConfigurations), Handler: a.postConfiguration},
		{Pattern: "GET /api/v1/configurations/{id}", Needs: api.Needs(auth.ReadConfigurations), Reach: api.NoMachines, Handler: a.getConfiguration},
		{Pattern: "PUT /api/v1/configurations/{id}", Needs: api.Needs(auth.ChangeConfigurations), Handler: a.putConfiguration},
		{Pattern: "DELETE /api/v1/configurations/{id}", Needs: api.Needs(auth.DeleteConfigurations), Handler: a.deleteConfiguration},

		{Pattern: "GET /metrics", Needs: api.Needs(auth.ReadInventory), Handler: a.getMetrics},
		{Pattern: "GET /-/healthy", Needs: api.Public, Handler: getHealthy},
		{Pattern: "GET /-/ready", Needs: api.Public, Handler: a.getReady},
	}
}

// readDebPackages is the outside contract's permission for what the export holds.
const readDebPackages auth.Permission = "inventory.view_debpackage"
