// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

// routes is the table of everything that the API answers. The files of openapi describe each row.
func (a *API) routes() []api.Route {
	return []api.Route{
		// machines: tags, meta, archive, prune, cleanup
		{Pattern: "POST /api/inventory/machines/tags/", Needs: tagMachines, Reach: api.Scoped, Handler: a.postMachineTags},
		{Pattern: "GET /api/inventory/machines/{serial}/meta/", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.getMetaMachine},
		{Pattern: "POST /api/inventory/machines/archive/", Needs: api.Needs(auth.ChangeInventory), Reach: api.Scoped, Handler: a.postArchive},
		{Pattern: "POST /api/inventory/machines/prune/", Needs: api.Needs(auth.DeleteInventory), Reach: api.Scoped, Handler: a.postPrune},
		{Pattern: "POST /api/inventory/cleanup/", Needs: api.Needs(auth.DeleteInventory), Handler: a.postCleanup},

		// launchers of exports
		// … of applications
		{Pattern: "POST /api/inventory/android_apps/export/", Needs: export.Permissions("android_apps"), Reach: api.Scoped, Cookie: true, Handler: a.exportApps("android_apps", "display_name")},
		{Pattern: "POST /api/inventory/deb_packages/export/", Needs: export.Permissions("deb_packages"), Reach: api.Scoped, Cookie: true, Handler: a.exportApps("deb_packages", "name")},
		{Pattern: "POST /api/inventory/ios_apps/export/", Needs: export.Permissions("ios_apps"), Reach: api.Scoped, Cookie: true, Handler: a.exportApps("ios_apps", "name")},
		{Pattern: "POST /api/inventory/macos_apps/export/", Needs: export.Permissions("osx_app_instances"), Reach: api.Scoped, Cookie: true, Handler: a.exportApps("osx_app_instances", "bundle", "bundle_name")},
		{Pattern: "POST /api/inventory/programs/export/", Needs: export.Permissions("program_instances"), Reach: api.Scoped, Cookie: true, Handler: a.exportApps("program_instances", "name")},
		{Pattern: "POST /api/inventory/machines/export_android_apps/", Needs: export.Permissions("android_apps"), Reach: api.Scoped, Handler: a.exportMachineApps("android_apps")},
		{Pattern: "POST /api/inventory/machines/export_deb_packages/", Needs: export.Permissions("deb_packages"), Reach: api.Scoped, Handler: a.exportMachineApps("deb_packages")},
		{Pattern: "POST /api/inventory/machines/export_ios_apps/", Needs: export.Permissions("ios_apps"), Reach: api.Scoped, Handler: a.exportMachineApps("ios_apps")},
		{Pattern: "POST /api/inventory/machines/export_macos_app_instances/", Needs: export.Permissions("osx_app_instances"), Reach: api.Scoped, Handler: a.exportMachineApps("osx_app_instances")},
		{Pattern: "POST /api/inventory/machines/export_program_instances/", Needs: export.Permissions("program_instances"), Reach: api.Scoped, Handler: a.exportMachineApps("program_instances")},

		// … of machines
		{Pattern: "POST /api/inventory/machines/export/", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Cookie: true, Handler: a.exportMachines},
		{Pattern: "POST /api/inventory/machines/export_snapshots/", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.exportSnapshots},
		{Pattern: "POST /api/inventory/full_export/", Needs: api.Needs(auth.ReadInventory), Reach: api.Scoped, Handler: a.exportAll},

		// meta business units, tags, taxonomies, checks
		{Pattern: "GET /api/inventory/meta_business_units/", Needs: api.Needs("inventory.view_metabusinessunit"), Reach: api.NoMachines, Handler: a.metaBusinessUnits().GetList},
		{Pattern: "POST /api/inventory/meta_business_units/", Needs: api.Needs("inventory.add_metabusinessunit"), Handler: a.metaBusinessUnits().Post},
		{Pattern: "OPTIONS /api/inventory/meta_business_units/", Needs: api.Needs("inventory.view_metabusinessunit"), Reach: api.NoMachines, Handler: a.metaBusinessUnits().DescribeList},
		{Pattern: "GET /api/inventory/meta_business_units/{pk}/", Needs: api.Needs("inventory.view_metabusinessunit"), Reach: api.NoMachines, Handler: a.metaBusinessUnits().GetOne},
		{Pattern: "PUT /api/inventory/meta_business_units/{pk}/", Needs: api.Needs("inventory.change_metabusinessunit"), Handler: a.metaBusinessUnits().Put},
		{Pattern: "DELETE /api/inventory/meta_business_units/{pk}/", Needs: api.Needs("inventory.delete_metabusinessunit"), Handler: a.metaBusinessUnits().Delete},
		{Pattern: "OPTIONS /api/inventory/meta_business_units/{pk}/", Needs: api.Needs("inventory.view_metabusinessunit"), Reach: api.NoMachines, Handler: a.metaBusinessUnits().DescribeOne},
		{Pattern: "GET /api/inventory/tags/", Needs: api.Needs("inventory.view_tag"), Reach: api.NoMachines, Handler: a.tags().GetList},
		{Pattern: "POST /api/inventory/tags/", Needs: api.Needs("inventory.add_tag"), Handler: a.tags().Post},
		{Pattern: "OPTIONS /api/inventory/tags/", Needs: api.Needs("inventory.view_tag"), Reach: api.NoMachines, Handler: a.tags().DescribeList},
		{Pattern: "GET /api/inventory/tags/{pk}/", Needs: api.Needs("inventory.view_tag"), Reach: api.NoMachines, Handler: a.tags().GetOne},
		{Pattern: "PUT /api/inventory/tags/{pk}/", Needs: api.Needs("inventory.change_tag"), Handler: a.tags().Put},
		{Pattern: "DELETE /api/inventory/tags/{pk}/", Needs: api.Needs("inventory.delete_tag"), Handler: a.tags().Delete},
		{Pattern: "OPTIONS /api/inventory/tags/{pk}/", Needs: api.Needs("inventory.view_tag"), Reach: api.NoMachines, Handler: a.tags().DescribeOne},
		{Pattern: "GET /api/inventory/taxonomies/", Needs: api.Needs("inventory.view_taxonomy"), Reach: api.NoMachines, Handler: a.taxonomies().GetList},
		{Pattern: "POST /api/inventory/taxonomies/", Needs: api.Needs("inventory.add_taxonomy"), Handler: a.taxonomies().Post},
		{Pattern: "OPTIONS /api/inventory/taxonomies/", Needs: api.Needs("inventory.view_taxonomy"), Reach: api.NoMachines, Handler: a.taxonomies().DescribeList},
		{Pattern: "GET /api/inventory/taxonomies/{pk}/", Needs: api.Needs("inventory.view_taxonomy"), Reach: api.NoMachines, Handler: a.taxonomies().GetOne},
		{Pattern: "PUT /api/inventory/taxonomies/{pk}/", Needs: api.Needs("inventory.change_taxonomy"), Handler: a.taxonomies().Put},
		{Pattern: "DELETE /api/inventory/taxonomies/{pk}/", Needs: api.Needs("inventory.delete_taxonomy"), Handler: a.taxonomies().Delete},
		{Pattern: "OPTIONS /api/inventory/taxonomies/{pk}/", Needs: api.Needs("inventory.view_taxonomy"), Reach: api.NoMachines, Handler: a.taxonomies().DescribeOne},
		{Pattern: "GET /api/inventory/jmespath_checks/", Needs: api.Needs("inventory.view_jmespathcheck"), Reach: api.NoMachines, Handler: a.jmespathChecks().GetList},
		{Pattern: "POST /api/inventory/jmespath_checks/", Needs: api.Needs("inventory.add_jmespathcheck"), Handler: a.jmespathChecks().Post},
		{Pattern: "OPTIONS /api/inventory/jmespath_checks/", Needs: api.Needs("inventory.view_jmespathcheck"), Reach: api.NoMachines, Handler: a.jmespathChecks().DescribeList},
		{Pattern: "GET /api/inventory/jmespath_checks/{pk}/", Needs: api.Needs("inventory.view_jmespathcheck"), Reach: api.NoMachines, Handler: a.jmespathChecks().GetOne},
		{Pattern: "PUT /api/inventory/jmespath_checks/{pk}/", Needs: api.Needs("inventory.change_jmespathcheck"), Handler: a.jmespathChecks().Put},
		{Pattern: "DELETE /api/inventory/jmespath_checks/{pk}/", Needs: api.Needs("inventory.delete_jmespathcheck"), Handler: a.jmespathChecks().Delete},
		{Pattern: "OPTIONS /api/inventory/jmespath_checks/{pk}/", Needs: api.Needs("inventory.view_jmespathcheck"), Reach: api.NoMachines, Handler: a.jmespathChecks().DescribeOne},

		// task results
		{Pattern: "GET /api/task_result/{id}/", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Cookie: true, Handler: a.getTaskResult},
		{Pattern: "GET /api/task_result/{id}/download/", Needs: api.Needs(auth.SignedIn), Reach: api.Scoped, Cookie: true, Handler: a.getTaskDownload},
	}
}
