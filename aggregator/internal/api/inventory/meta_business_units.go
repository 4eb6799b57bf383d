// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"net/http"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// metaBusinessUnit is a meta business unit as clients see it.
type metaBusinessUnit struct {
	ID                   int64    `json:"id"`
	Name                 string   `json:"name"`
	APIEnrollmentEnabled bool     `json:"api_enrollment_enabled"`
	CreatedAt            drf.Time `json:"created_at"`
	UpdatedAt            drf.Time `json:"updated_at"`
}

func (a *API) metaBusinessUnits() drf.Resource[store.MetaBusinessUnit] {
	return drf.Resource[store.MetaBusinessUnit]{
		App: "inventory", Model: "metabusinessunit", Object: "MetaBusinessUnit", Label: "meta business unit", View: "Meta Business Unit",
		Fields: drf.Fields{
			"id": idField, "name": nameField, "api_enrollment_enabled": {Type: "boolean", Label: "Api enrollment enabled"},
			"created_at": createdAtField, "updated_at": updatedAtField,
		},
		List: drf.ByName(a.store.ListMetaBusinessUnits), Get: a.store.MetaBusinessUnit,
		Create: func(ctx context.Context, body *drf.Object) (store.MetaBusinessUnit, error) {
			var u store.MetaBusinessUnit
			if err := readMetaBusinessUnit(body, &u); err != nil {
				return store.MetaBusinessUnit{}, err
			}
			return a.store.CreateMetaBusinessUnit(ctx, u)
		},
		Update: func(ctx context.Context, id int64, body *drf.Object) (store.MetaBusinessUnit, error) {
			return a.store.UpdateMetaBusinessUnit(ctx, id, func(u *store.MetaBusinessUnit) error { return readMetaBusinessUnit(body, u) })
		},
		Remove: a.store.DeleteMetaBusinessUnit,
		Show: func(_ *http.Request, u *store.MetaBusinessUnit) any {
			return metaBusinessUnit{
				ID: u.ID, Name: u.Name, APIEnrollmentEnabled: u.APIEnrollmentEnabled, CreatedAt: drf.Time(u.CreatedAt), UpdatedAt: drf.Time(u.UpdatedAt),
			}
		},
	}
}

// readMetaBusinessUnit reads a body into a unit. Enrolment, once allowed, is not forbidden again: machines may have come
// that way.
func readMetaBusinessUnit(body *drf.Object, u *store.MetaBusinessUnit) error {
	u.Name, _ = body.Text("name", drf.Text{Max: maxObjectName})
	if enabled, ok := body.Bool("api_enrollment_enabled", true); ok {
		if u.APIEnrollmentEnabled && !enabled {
			body.Fail("api_enrollment_enabled", "Cannot disable API enrollment")
		}
		u.APIEnrollmentEnabled = enabled
	}
	return body.Err()
}
