// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// munkiConfiguration is one as clients see it.
type munkiConfiguration struct {
	store.MunkiConfiguration
	CreatedAt drf.Time `json:"created_at"`
	UpdatedAt drf.Time `json:"updated_at"`
}

// detectionSources are where an agent of Munki's may look for a machine's principal user.
var detectionSources = []string{"company_portal", "google_chrome", "logged_in_user"}

// maxTexts bounds the lists of a Munki configuration.
const maxTexts = 1000

func (a *API) munkiConfigurations() drf.Resource[store.MunkiConfiguration] {
	return drf.Resource[store.MunkiConfiguration]{
		App: "munki", Model: "configuration", Object: "Configuration", Label: "configuration",
		List: drf.ByName(a.store.MunkiConfigurations), Get: a.store.MunkiConfiguration,
		Create: func(ctx context.Context, body *drf.Object) (store.MunkiConfiguration, error) {
			c := store.MunkiConfiguration{
				InventoryAppsFullInfoShard: 100, ManagedInstallsSyncIntervalDays: 7, ScriptChecksRunIntervalSeconds: 86_400,
			}
			if err := readMunkiConfiguration(body, &c); err != nil {
				return c, err
			}
			return a.store.CreateMunkiConfiguration(ctx, c)
		},
		Update: func(ctx context.Context, id int64, body *drf.Object) (store.MunkiConfiguration, error) {
			return a.store.UpdateMunkiConfiguration(ctx, id, func(c *store.MunkiConfiguration) error {
				return readMunkiConfiguration(body, c)
			})
		},
		Remove: a.store.DeleteMunkiConfiguration,
		Show: func(_ *http.Request, c *store.MunkiConfiguration) any {
			return munkiConfiguration{MunkiConfiguration: *c, CreatedAt: drf.Time(c.CreatedAt), UpdatedAt: drf.Time(c.UpdatedAt)}
		},
	}
}

// readMunkiConfiguration reads a body into a configuration: optional fields that are left out stay as they are.
func readMunkiConfiguration(body *drf.Object, c *store.MunkiConfiguration) error {
	c.Name, _ = body.Text("name", drf.Text{Max: maxName})
	if text, ok := body.Text("description", drf.Text{Optional: true, Blank: true}); ok {
		c.Description = text
	}
	number(body, "inventory_apps_full_info_shard", 1, 100, &c.InventoryAppsFullInfoShard)
	number(body, "managed_installs_sync_interval_days", 1, 90, &c.ManagedInstallsSyncIntervalDays)
	number(body, "script_checks_run_interval_seconds", 3600, 604_800, &c.ScriptChecksRunIntervalSeconds)
	text := drf.Text{Max: maxName}
	texts(body, "principal_user_detection_sources", drf.List{Max: maxTexts, Item: drf.Text{Choices: detectionSources}}, &c.PrincipalUserDetectionSources)
	texts(body, "principal_user_detection_domains", drf.List{Max: maxTexts, Item: text}, &c.PrincipalUserDetectionDomains)
	texts(body, "collected_condition_keys", drf.List{Max: maxTexts, Item: text}, &c.CollectedConditionKeys)
	for field, to := range map[string]*bool{
		"auto_reinstall_incidents": &c.AutoReinstallIncidents, "auto_failed_install_incidents": &c.AutoFailedInstallIncidents,
	} {
		if value, ok := body.Bool(field, true); ok {
			*to = value
		}
	}
	return body.Err()
}
