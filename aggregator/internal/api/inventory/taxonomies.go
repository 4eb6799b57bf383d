// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// taxonomy is a taxonomy as clients see it.
type taxonomy struct {
	ID               int64    `json:"id"`
	MetaBusinessUnit *int64   `json:"meta_business_unit"`
	Name             string   `json:"name"`
	CreatedAt        drf.Time `json:"created_at"`
	UpdatedAt        drf.Time `json:"updated_at"`
}

func (a *API) taxonomies() drf.Resource[store.Taxonomy] {
	return drf.Resource[store.Taxonomy]{
		App: "inventory", Model: "taxonomy", Object: "Taxonomy", Label: "taxonomy", View: "Taxonomy",
		Fields: drf.Fields{
			"id": idField, "meta_business_unit": unitField, "name": nameField, "created_at": createdAtField, "updated_at": updatedAtField,
		},
		List: drf.ByName(a.store.ListTaxonomies), Get: a.store.Taxonomy,
		Create: func(ctx context.Context, body *drf.Object) (store.Taxonomy, error) {
			var t store.Taxonomy
			if err := readTaxonomy(body, &t); err != nil {
				return store.Taxonomy{}, err
			}
			return a.store.CreateTaxonomy(ctx, t)
		},
		Update: func(ctx context.Context, id int64, body *drf.Object) (store.Taxonomy, error) {
			return a.store.UpdateTaxonomy(ctx, id, func(t *store.Taxonomy) error { return readTaxonomy(body, t) })
		},
		Remove: func(ctx context.Context, id int64) error {
			changed, err := a.store.DeleteTaxonomy(ctx, id)
			if err != nil {
				return err
			}
			return a.committer.EvaluateChecks(ctx, changed...)
		},
		Show: func(_ *http.Request, t *store.Taxonomy) any {
			return taxonomy{
				ID: t.ID, MetaBusinessUnit: t.MetaBusinessUnit, Name: t.Name, CreatedAt: drf.Time(t.CreatedAt), UpdatedAt: drf.Time(t.UpdatedAt),
			}
		},
	}
}

// readTaxonomy reads a body into a taxonomy: optional fields that are left out stay as they are.
func readTaxonomy(body *drf.Object, t *store.Taxonomy) error {
	t.Name, _ = body.Text("name", drf.Text{Max: maxObjectName})
	reference(body, "meta_business_unit", &t.MetaBusinessUnit)
	return body.Err()
}
