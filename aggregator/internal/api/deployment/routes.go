// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// routes is the table of what follows the outside contract. The files of openapi describe each row.
func (a *API) routes() []api.Route {
	osquery, munki := a.osqueryConfigurations(), a.munkiConfigurations()
	osqueryEnrollments, munkiEnrollments := a.enrollments(store.ForOsquery), a.enrollments(store.ForMunki)
	view := func(app string) []auth.Permission { return api.Needs(auth.Permission(app + ".view_enrollment")) }
	routes := []api.Route{
		{Pattern: "GET /api/osquery/enrollments/{pk}/package/", Needs: view("osquery"), Cookie: true, Handler: a.artefact(store.ForOsquery, macPackage)},
		{Pattern: "GET /api/osquery/enrollments/{pk}/script/", Needs: view("osquery"), Cookie: true, Handler: a.artefact(store.ForOsquery, shellScript)},
		{Pattern: "GET /api/osquery/enrollments/{pk}/powershell_script/", Needs: view("osquery"), Cookie: true, Handler: a.artefact(store.ForOsquery, powershellScript)},
		{Pattern: "GET /api/munki/enrollments/{pk}/package/", Needs: view("munki"), Cookie: true, Handler: a.artefact(store.ForMunki, macPackage)},
	}
	routes = append(routes, rows(osquery, api.NoMachines)...)
	routes = append(routes, rows(munki, api.NoMachines)...)
	// Enrolments count and name machines, and their secrets let machines in that carry any tags.
	routes = append(routes, rows(osqueryEnrollments, api.Fleet)...)
	return append(routes, rows(munkiEnrollments, api.Fleet)...)
}

// rows are those of one sort of object; reads is what reading them tells of machines.
func rows[T any](r drf.Resource[T], reads api.Reach) []api.Route {
	path := "/api/" + r.App + "/" + r.Model + "s/"
	needs := func(verb string) []auth.Permission {
		return api.Needs(auth.Permission(r.App + "." + verb + "_" + r.Model))
	}
	return []api.Route{
		{Pattern: "GET " + path, Needs: needs("view"), Reach: reads, Handler: r.GetList},
		{Pattern: "POST " + path, Needs: needs("add"), Reach: api.Fleet, Handler: r.Post},
		{Pattern: "GET " + path + "{pk}/", Needs: needs("view"), Reach: reads, Handler: r.GetOne},
		{Pattern: "PUT " + path + "{pk}/", Needs: needs("change"), Reach: api.Fleet, Handler: r.Put},
		{Pattern: "DELETE " + path + "{pk}/", Needs: needs("delete"), Reach: api.Fleet, Handler: r.Delete},
	}
}

// agentPackages is where machines get the agent from.
const agentPackages = "/api/v1/agent_packages/"

// ownRoutes are Rollcall's own: who asks is an enrolment secret's holder, which no table of permissions knows, or the
// holder of a token, whom tokenRoutes ask for a permission.
func (a *API) ownRoutes() []api.Route {
	return []api.Route{
		{Pattern: "GET " + agentPackages + "{file}", Needs: api.Public, Reach: api.NoMachines, Handler: a.getAgentPackage},
	}
}

func (a *API) tokenRoutes() []api.Route {
	return []api.Route{
		{Pattern: "GET " + agentPackages + "{file}", Needs: api.Needs("inventory.view_enrollment"), Reach: api.NoMachines, Handler: a.sendAgentPackage},
	}
}
