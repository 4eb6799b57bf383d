// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// tag is a tag as clients see it.
type tag struct {
	ID               int64  `json:"id"`
	Taxonomy         *int64 `json:"taxonomy"`
	MetaBusinessUnit *int64 `json:"meta_business_unit"`
	Name             string `json:"name"`
	Slug             string `json:"slug"`
	Color            string `json:"color"`
}

func (a *API) tags() drf.Resource[store.Tag] {
	return drf.Resource[store.Tag]{
		App: "inventory", Model: "tag", Object: "Tag", Label: "tag", View: "Tag",
		Fields: drf.Fields{
			"id": idField, "taxonomy": {Type: "field", Label: "Taxonomy"}, "meta_business_unit": unitField, "name": nameField,
			"slug":  {Type: "string", ReadOnly: true, Label: "Slug"},
			"color": {Type: "string", Label: "Color", MaxLength: 6},
		},
		List: drf.ByName(a.store.ListTags), Get: a.store.Tag,
		Create: func(ctx context.Context, body *drf.Object) (store.Tag, error) {
			t := store.Tag{Color: store.DefaultTagColor}
			if err := readTag(body, &t); err != nil {
				return store.Tag{}, err
			}
			return a.store.CreateTag(ctx, t)
		},
		Update: func(ctx context.Context, id int64, body *drf.Object) (store.Tag, error) {
			return a.store.UpdateTag(ctx, id, func(t *store.Tag) error { return readTag(body, t) })
		},
		Remove: func(ctx context.Context, id int64) error {
			changed, err := a.store.DeleteTag(ctx, id)
			if err != nil {
				return err
			}
			return a.committer.EvaluateChecks(ctx, changed...)
		},
		Show: func(_ *http.Request, t *store.Tag) any {
			return tag{ID: t.ID, Taxonomy: t.Taxonomy, MetaBusinessUnit: t.MetaBusinessUnit, Name: t.Name, Slug: t.Slug, Color: t.Color}
		},
		Refuse: func(refused *store.FieldError, body *drf.Object) {
			if errors.Is(refused, store.ErrSlugTaken) {
				body.Fail(refused.Field, slugTaken)
			}
		},
	}
}

// slugTaken is said of a name that cannot be a tag's.
const slugTaken = "A tag with a conflicting slug already exists."

// readTag reads a body into a tag: optional fields that are left out stay as they are.
func readTag(body *drf.Object, t *store.Tag) error {
	t.Name, _ = body.Text("name", drf.Text{Max: maxObjectName})
	reference(body, "taxonomy", &t.Taxonomy)
	reference(body, "meta_business_unit", &t.MetaBusinessUnit)
	if color, ok := body.Text("color", drf.Text{Optional: true}); ok {
		t.Color = color
		checkColor(body, color)
	}
	return body.Err()
}

func checkColor(body *drf.Object, color string) {
	const digits = 6
	length := utf8.RuneCountInString(color)
	if length != digits || strings.Trim(color, "0123456789abcdefABCDEF") != "" {
		body.Fail("color", "#"+color+" is not a valid color.")
	}
	if length > digits {
		body.Fail("color", "Ensure this field has no more than 6 characters.")
	}
}
