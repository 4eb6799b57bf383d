// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// osqueryConfiguration is one as clients see it. Its lists of other objects stay empty: there are none of those here.
type osqueryConfiguration struct {
	ID                          int64           `json:"id"`
	Name                        string          `json:"name"`
	Description                 string          `json:"description"`
	Inventory                   bool            `json:"inventory"`
	InventoryApps               bool            `json:"inventory_apps"`
	InventoryEC2                bool            `json:"inventory_ec2"`
	InventoryInterval           int             `json:"inventory_interval"`
	Options                     json.RawMessage `json:"options"`
	AutomaticTableConstructions []int64         `json:"automatic_table_constructions"`
	FileCategories              []int64         `json:"file_categories"`
	CreatedAt                   drf.Time        `json:"created_at"`
	UpdatedAt                   drf.Time        `json:"updated_at"`
}

const (
	minInventoryInterval = 300     // seconds
	maxInventoryInterval = 172_800 // seconds
	maxOptions           = 64 << 10
)

func (a *API) osqueryConfigurations() drf.Resource[store.OsqueryConfiguration] {
	return drf.Resource[store.OsqueryConfiguration]{
		App: "osquery", Model: "configuration", Object: "Configuration", Label: "configuration",
		List: drf.ByName(a.store.OsqueryConfigurations), Get: a.store.OsqueryConfiguration,
		Create: func(ctx context.Context, body *drf.Object) (store.OsqueryConfiguration, error) {
			c := store.OsqueryConfiguration{Inventory: true, InventoryInterval: 86_400, Options: json.RawMessage(`{}`)}
			if err := readOsqueryConfiguration(body, &c); err != nil {
				return c, err
			}
			return a.store.CreateOsqueryConfiguration(ctx, c)
		},
		Update: func(ctx context.Context, id int64, body *drf.Object) (store.OsqueryConfiguration, error) {
			return a.store.UpdateOsqueryConfiguration(ctx, id, func(c *store.OsqueryConfiguration) error {
				return readOsqueryConfiguration(body, c)
			})
		},
		Remove: a.store.DeleteOsqueryConfiguration,
		Show: func(_ *http.Request, c *store.OsqueryConfiguration) any {
			return osqueryConfiguration{
				ID: c.ID, Name: c.Name, Description: c.Description, Inventory: c.Inventory, InventoryApps: c.InventoryApps,
				InventoryEC2: c.InventoryEC2, InventoryInterval: c.InventoryInterval, Options: c.Options,
				AutomaticTableConstructions: []int64{}, FileCategories: []int64{},
				CreatedAt: drf.Time(c.CreatedAt), UpdatedAt: drf.Time(c.UpdatedAt),
			}
		},
	}
}

// readOsqueryConfiguration reads a body into a configuration: optional fields that are left out stay as they are.
func readOsqueryConfiguration(body *drf.Object, c *store.OsqueryConfiguration) error {
	c.Name, _ = body.Text("name", drf.Text{Max: maxName})
	if text, ok := body.Text("description", drf.Text{Optional: true, Blank: true}); ok {
		c.Description = text
	}
	for field, to := range map[string]*bool{
		"inventory": &c.Inventory, "inventory_apps": &c.InventoryApps, "inventory_ec2": &c.InventoryEC2,
	} {
		if value, ok := body.Bool(field, true); ok {
			*to = value
		}
	}
	number(body, "inventory_interval", minInventoryInterval, maxInventoryInterval, &c.InventoryInterval)
	if body.Object("options", true, false) != nil {
		c.Options = body.Raw("options")
		if len(c.Options) > maxOptions {
			body.Fail("options", fmt.Sprintf("Ensure this field has no more than %d characters.", maxOptions))
		}
	}
	for _, field := range []string{"automatic_table_constructions", "file_categories"} {
		if ids := body.IDs(field, true); len(ids) > 0 {
			body.Fail(field, drf.NoObject(ids[0]))
		}
	}
	return body.Err()
}
