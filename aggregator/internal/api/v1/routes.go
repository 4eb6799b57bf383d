// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// routes is the table of everything that the API answers. The files of openapi describe each row.
func (a *API) routes() []api.Route {
	all := []api.Route{
		{Pattern: "GET /api/v1/openapi.json", Needs: api.Public, Handler: a.getOpenAPI},

		{Pattern: "GET /api/v1/machines", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listMachines},
		{Pattern: "GET /api/v1/machines/{serial}", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.getMachine},
		{Pattern: "GET /api/v1/machines/{serial}/snapshot", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.getSnapshot},
		{Pattern: "GET /api/v1/machines/{serial}/changes", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listChanges},
		{Pattern: "GET /api/v1/machines/{serial}/diff", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.getDiff},
		{Pattern: "GET /api/v1/machines/{serial}/collectors", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listCollectors},
		{Pattern: "POST /api/v1/machines/tags", Needs: tagMachines, Reach: api.Scoped, Handler: a.postMachineTags},
		{Pattern: "POST /api/v1/machines/archive", Needs: api.Needs(auth.ChangeInventory), Reach: api.Scoped, Handler: a.postArchive},
		{Pattern: "POST /api/v1/machines/prune", Needs: api.Needs(auth.DeleteInventory), Reach: api.Scoped, Handler: a.postPrune},
		{Pattern: "GET /api/v1/machines/{serial}/merged", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.getMerged},
		{Pattern: "GET /api/v1/machines/{serial}/software", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listMachineSoftware},
		{Pattern: "GET /api/v1/machines/{serial}/statuses", Needs: api.Needs(auth.ReadInventory, auth.ReadChecks), Reach: api.Scoped, Handler: a.listMachineStatuses},
		{Pattern: "GET /api/v1/machines/{serial}/tags", Needs: api.Needs(auth.ReadInventory, viewTag), Reach: api.Scoped, Handler: a.listMachineTags},
		{Pattern: "GET /api/v1/diff", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.compareMachines},
		{Pattern: "GET /api/v1/search", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.search},
		{Pattern: "GET /api/v1/tags", Needs: api.Needs(auth.ReadInventory, viewTag), Reach: api.Scoped, Handler: a.listTags},
		{Pattern: "GET /api/v1/taxonomies", Needs: api.Needs(auth.ReadInventory, viewTaxonomy), Reach: api.Scoped, Handler: a.listTaxonomies},
		{Pattern: "GET /api/v1/sources", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listSources},
		{Pattern: "GET /api/v1/groups", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listGroups},
		{Pattern: "GET /api/v1/principal_users", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listPrincipalUsers},
		{Pattern: "GET /api/v1/business_units", Needs: api.Needs(auth.ReadInventory, viewUnit), Reach: api.Scoped, Handler: a.listBusinessUnits},
		{Pattern: "POST /api/v1/snapshots", Needs: api.Needs(auth.AddInventory), Handler: a.postSnapshot},
		{Pattern: "GET /api/v1/software", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listSoftware},
		{Pattern: "GET /api/v1/software/machines", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.listSoftwareMachines},
		{Pattern: "GET /api/v1/exports/{file}", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Handler: a.exportFacts},
		{Pattern: "GET /api/v1/exports", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.listExports},
		{Pattern: "POST /api/v1/exports", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Handler: a.postExport},

		{Pattern: "GET /api/v1/events", Needs: api.Needs(viewEvents, auth.ReadInventory), Reach: api.Scoped, Handler: a.listEvents},
		a.eventStreamRoute(),

		{Pattern: "GET /api/v1/tasks", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Handler: a.listTasks},
		{Pattern: "GET /api/v1/tasks/{id}", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Handler: a.getTask},
		{Pattern: "GET /api/v1/tasks/{id}/download", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Handler: a.getTaskFile},
		{Pattern: "DELETE /api/v1/tasks/{id}", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Handler: a.deleteTask},

		{Pattern: "GET /api/v1/checks", Needs: api.Needs(auth.ReadChecks), Reach: api.NoMachines, Handler: a.listChecks},
		{Pattern: "POST /api/v1/checks", Needs: api.Needs(auth.AddChecks), Handler: a.postCheck},
		{Pattern: "POST /api/v1/checks/dry-run", Needs: api.Needs(auth.ReadChecks, auth.ReadInventory), Reach: api.Scoped, Handler: a.postDryRun},
		{Pattern: "GET /api/v1/checks/{id}", Needs: api.Needs(auth.ReadChecks), Reach: api.NoMachines, Handler: a.getCheck},
		{Pattern: "PUT /api/v1/checks/{id}", Needs: api.Needs("inventory.change_jmespathcheck"), Handler: a.putCheck},
		{Pattern: "DELETE /api/v1/checks/{id}", Needs: api.Needs("inventory.delete_jmespathcheck"), Handler: a.deleteCheck},
		{Pattern: "GET /api/v1/checks/{id}/statuses", Needs: api.Needs(auth.ReadChecks, auth.ReadInventory), Reach: api.Scoped, Handler: a.listStatuses},
		{Pattern: "GET /api/v1/checks/{id}/history", Needs: api.Needs(auth.ReadChecks, auth.ReadInventory), Handler: a.getCheckHistory},
		{Pattern: "GET /api/v1/waivers", Needs: api.Needs(viewWaivers, auth.ReadInventory), Reach: api.Scoped, Handler: a.listWaivers},
		{Pattern: "POST /api/v1/waivers", Needs: api.Needs(addWaivers, auth.ReadInventory), Reach: api.Scoped, Handler: a.postWaiver},
		{Pattern: "GET /api/v1/waivers/{id}", Needs: api.Needs(viewWaivers, auth.ReadInventory), Reach: api.Scoped, Handler: a.getWaiver},
		{Pattern: "PUT /api/v1/waivers/{id}", Needs: api.Needs(changeWaivers, auth.ReadInventory), Reach: api.Scoped, Handler: a.putWaiver},
		{Pattern: "DELETE /api/v1/waivers/{id}", Needs: api.Needs(deleteWaivers, auth.ReadInventory), Reach: api.Scoped, Handler: a.deleteWaiver},

		{Pattern: "GET /api/v1/configurations", Needs: api.Needs(auth.ReadConfigurations), Reach: api.NoMachines, Handler: a.listConfigurations},
		{Pattern: "POST /api/v1/configurations", Needs: api.Needs(auth.AddConfigurations), Handler: a.postConfiguration},
		{Pattern: "GET /api/v1/configurations/{id}", Needs: api.Needs(auth.ReadConfigurations), Reach: api.NoMachines, Handler: a.getConfiguration},
		{Pattern: "PUT /api/v1/configurations/{id}", Needs: api.Needs(auth.ChangeConfigurations), Handler: a.putConfiguration},
		{Pattern: "DELETE /api/v1/configurations/{id}", Needs: api.Needs(auth.DeleteConfigurations), Handler: a.deleteConfiguration},

		{Pattern: "GET /api/v1/enrollments", Needs: api.Needs(viewEnrollments), Handler: a.listEnrollments},
		{Pattern: "POST /api/v1/enrollments", Needs: api.Needs(addEnrollments), Handler: a.postEnrollment},
		{Pattern: "GET /api/v1/enrollments/{id}", Needs: api.Needs(viewEnrollments), Handler: a.getEnrollment},
		{Pattern: "PUT /api/v1/enrollments/{id}", Needs: api.Needs(changeEnrollments), Handler: a.putEnrollment},
		{Pattern: "DELETE /api/v1/enrollments/{id}", Needs: api.Needs(deleteEnrollments), Handler: a.deleteEnrollment},

		{Pattern: "GET /metrics", Needs: api.Needs(auth.ReadInventory), Admits: a.scraper, Handler: a.getMetrics},
		{Pattern: "GET /-/healthy", Needs: api.Public, Handler: getHealthy},
		{Pattern: "GET /-/ready", Needs: api.Public, Handler: a.getReady},
	}
	return slices.Concat(all, a.deliveryRoutes(), a.accountRoutes())
}

// accountRoutes are the rows about who may come in, and what they did.
func (a *API) accountRoutes() []api.Route {
	return []api.Route{
		{Pattern: "POST /api/v1/sessions", Needs: api.Public, Reach: api.NoMachines, Handler: a.postSession},
		{Pattern: "GET /api/v1/sessions/current", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.getSession},
		{Pattern: "DELETE /api/v1/sessions/current", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.deleteSession},
		{Pattern: "GET /api/v1/me", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.getMe},
		{Pattern: "PUT /api/v1/me/password", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.putOwnPassword},
		{Pattern: "GET /api/v1/permissions", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.listPermissions},
		{Pattern: "GET /api/v1/tokens", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.listTokens},
		{Pattern: "POST /api/v1/tokens", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.postToken},
		{Pattern: "DELETE /api/v1/tokens/{id}", Needs: api.Needs(auth.SignedIn), Reach: api.NoMachines, Handler: a.deleteToken},

		{Pattern: "GET /api/v1/users", Needs: api.Needs("accounts.view_user"), Reach: api.NoMachines, Handler: a.listAccounts(users)},
		{Pattern: "POST /api/v1/users", Needs: api.Needs("accounts.add_user"), Reach: api.NoMachines, Handler: a.postAccount(users)},
		{Pattern: "GET /api/v1/users/{id}", Needs: api.Needs("accounts.view_user"), Reach: api.NoMachines, Handler: a.getAccount(users)},
		{Pattern: "PUT /api/v1/users/{id}", Needs: api.Needs("accounts.change_user"), Reach: api.NoMachines, Handler: a.putAccount(users)},
		{Pattern: "PUT /api/v1/users/{id}/password", Needs: api.Needs("accounts.change_user"), Reach: api.NoMachines, Handler: a.putPassword},
		{Pattern: "DELETE /api/v1/users/{id}", Needs: api.Needs("accounts.delete_user"), Reach: api.NoMachines, Handler: a.deleteAccount(users)},
		{Pattern: "GET /api/v1/service_accounts", Needs: api.Needs("accounts.view_serviceaccount"), Reach: api.NoMachines, Handler: a.listAccounts(serviceAccounts)},
		{Pattern: "POST /api/v1/service_accounts", Needs: api.Needs("accounts.add_serviceaccount"), Reach: api.NoMachines, Handler: a.postAccount(serviceAccounts)},
		{Pattern: "GET /api/v1/service_accounts/{id}", Needs: api.Needs("accounts.view_serviceaccount"), Reach: api.NoMachines, Handler: a.getAccount(serviceAccounts)},
		{Pattern: "PUT /api/v1/service_accounts/{id}", Needs: api.Needs("accounts.change_serviceaccount"), Reach: api.NoMachines, Handler: a.putAccount(serviceAccounts)},
		{Pattern: "DELETE /api/v1/service_accounts/{id}", Needs: api.Needs("accounts.delete_serviceaccount"), Reach: api.NoMachines, Handler: a.deleteAccount(serviceAccounts)},
		{Pattern: "GET /api/v1/roles", Needs: api.Needs("accounts.view_role"), Reach: api.NoMachines, Handler: a.listRoles},
		{Pattern: "POST /api/v1/roles", Needs: api.Needs("accounts.add_role"), Reach: api.NoMachines, Handler: a.postRole},
		{Pattern: "GET /api/v1/roles/{id}", Needs: api.Needs("accounts.view_role"), Reach: api.NoMachines, Handler: a.getRole},
		{Pattern: "PUT /api/v1/roles/{id}", Needs: api.Needs("accounts.change_role"), Reach: api.NoMachines, Handler: a.putRole},
		{Pattern: "DELETE /api/v1/roles/{id}", Needs: api.Needs("accounts.delete_role"), Reach: api.NoMachines, Handler: a.deleteRole},
		{Pattern: "GET /api/v1/audit", Needs: api.Needs(auth.ReadAudit), Handler: a.listAudit},
	}
}
