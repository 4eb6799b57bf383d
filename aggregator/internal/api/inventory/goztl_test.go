// SPDX-License-Identifier: Apache-2.0

//go:build unix

package inventory_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
)

// The objects as the contract's Go client reads and sends them.
type (
	ztlTag struct {
		ID               int    `json:"id"`
		TaxonomyID       *int   `json:"taxonomy"`
		MetaBusinessUnit *int   `json:"meta_business_unit"`
		Name             string `json:"name"`
		Slug             string `json:"slug"`
		Color            string `json:"color"`
	}
	ztlTagBody struct {
		Name             string `json:"name"`
		TaxonomyID       *int   `json:"taxonomy"`
		MetaBusinessUnit *int   `json:"meta_business_unit"`
		Color            string `json:"color,omitempty"`
	}
	ztlTaxonomy struct {
		ID               int     `json:"id"`
		MetaBusinessUnit *int    `json:"meta_business_unit"`
		Name             string  `json:"name"`
		Created          ztlTime `json:"created_at"`
		Updated          ztlTime `json:"updated_at"`
	}
	ztlTaxonomyBody struct {
		Name             string `json:"name"`
		MetaBusinessUnit *int   `json:"meta_business_unit"`
	}
	ztlUnit struct {
		ID                int     `json:"id"`
		Name              string  `json:"name"`
		EnrollmentEnabled bool    `json:"api_enrollment_enabled"`
		Created           ztlTime `json:"created_at"`
		Updated           ztlTime `json:"updated_at"`
	}
	ztlUnitBody struct {
		Name              string `json:"name"`
		EnrollmentEnabled bool   `json:"api_enrollment_enabled"`
	}
	ztlCheck struct {
		ID                int      `json:"id"`
		ComplianceCheckID int      `json:"compliance_check_id"`
		Name              string   `json:"name"`
		Description       string   `json:"description"`
		Version           int      `json:"version"`
		SourceName        string   `json:"source_name"`
		Platforms         []string `json:"platforms"`
		TagIDs            []int    `json:"tags"`
		Expression        string   `json:"jmespath_expression"`
		Created           ztlTime  `json:"created_at"`
		Updated           ztlTime  `json:"updated_at"`
	}
	ztlCheckBody struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		SourceName  string   `json:"source_name"`
		Platforms   []string `json:"platforms"`
		TagIDs      []int    `json:"tags"`
		Expression  string   `json:"jmespath_expression"`
	}
)

// TestTheGoClientManagesEveryObject does with each object what the Terraform provider's acceptance tests do: create it,
// read it by id and by name, change it, read it again, clear what can be cleared, delete it.
func TestTheGoClientManagesEveryObject(t *testing.T) {
	t.Parallel()
	z := newZTL(t)
	taxonomies := service[ztlTaxonomy, ztlTaxonomyBody]{z, "inventory/taxonomies/"}
	taxonomy := must(taxonomies.create(ztlTaxonomyBody{Name: "Department"}))(t)
	t.Run("tag", func(t *testing.T) {
		s := service[ztlTag, ztlTagBody]{z, "inventory/tags/"}
		life[ztlTag, ztlTagBody]{
			service: s, id: func(o *ztlTag) int { return o.ID },
			bodies: []ztlTagBody{
				{Name: "Blue & green"}, // the colour is the server's
				{Name: "Prod EU", TaxonomyID: &taxonomy.ID, Color: "ff0000"},                    // all of it
				{Name: "Prod EU", Color: "ff0000"},                                              // the taxonomy is cleared
				{Name: "Prod EU 2", TaxonomyID: &taxonomy.ID, MetaBusinessUnit: nil, Color: ""}, // the colour stays
			},
			want: []ztlTag{
				{Name: "Blue & green", Slug: "blue-green", Color: "0079bf"},
				{Name: "Prod EU", Slug: "prod-eu", Color: "ff0000", TaxonomyID: &taxonomy.ID},
				{Name: "Prod EU", Slug: "prod-eu", Color: "ff0000"},
				{Name: "Prod EU 2", Slug: "prod-eu-2", Color: "ff0000", TaxonomyID: &taxonomy.ID},
			},
			strip: func(o *ztlTag) { o.ID = 0 },
			name:  func(o *ztlTag) string { return o.Name },
		}.run(t)
	})
	t.Run("taxonomy", func(t *testing.T) {
		life[ztlTaxonomy, ztlTaxonomyBody]{
			service: taxonomies, id: func(o *ztlTaxonomy) int { return o.ID },
			bodies: []ztlTaxonomyBody{{Name: "Site"}, {Name: "Office"}},
			want:   []ztlTaxonomy{{Name: "Site"}, {Name: "Office"}},
			strip:  func(o *ztlTaxonomy) { o.ID, o.Created, o.Updated = 0, ztlTime{}, ztlTime{} },
			name:   func(o *ztlTaxonomy) string { return o.Name },
		}.run(t)
	})
	t.Run("meta business unit", func(t *testing.T) {
		life[ztlUnit, ztlUnitBody]{
			service: service[ztlUnit, ztlUnitBody]{z, "inventory/meta_business_units/"}, id: func(o *ztlUnit) int { return o.ID },
			bodies: []ztlUnitBody{{Name: "Default"}, {Name: "Default EU"}, {Name: "Default EU", EnrollmentEnabled: true}},
			want:   []ztlUnit{{Name: "Default"}, {Name: "Default EU"}, {Name: "Default EU", EnrollmentEnabled: true}},
			strip:  func(o *ztlUnit) { o.ID, o.Created, o.Updated = 0, ztlTime{}, ztlTime{} },
			name:   func(o *ztlUnit) string { return o.Name },
		}.run(t)
	})
	t.Run("JMESPath check", func(t *testing.T) {
		tag := must(service[ztlTag, ztlTagBody]{z, "inventory/tags/"}.create(ztlTagBody{Name: "scope"}))(t)
		none, noTags := []string{}, []int{}
		life[ztlCheck, ztlCheckBody]{
			service: service[ztlCheck, ztlCheckBody]{z, "inventory/jmespath_checks/"}, id: func(o *ztlCheck) int { return o.ID },
			bodies: []ztlCheckBody{
				{Name: "a", SourceName: "osquery", Platforms: none, TagIDs: noTags, Expression: "ok"},
				{Name: "b", Description: "why", SourceName: "osquery", Platforms: none, TagIDs: noTags, Expression: "ok"},
				{Name: "b", Description: "why", SourceName: "osquery", Platforms: []string{"MACOS", "LINUX"}, TagIDs: []int{tag.ID}, Expression: "ok"},
				{Name: "b", SourceName: "osquery", Platforms: none, TagIDs: noTags, Expression: "ok"},
			},
			want: []ztlCheck{
				{Name: "a", Version: 1, SourceName: "osquery", Platforms: none, TagIDs: noTags, Expression: "ok"},
				{Name: "b", Version: 1, Description: "why", SourceName: "osquery", Platforms: none, TagIDs: noTags, Expression: "ok"},
				{Name: "b", Version: 2, Description: "why", SourceName: "osquery", Platforms: []string{"MACOS", "LINUX"}, TagIDs: []int{tag.ID}, Expression: "ok"},
				{Name: "b", Version: 3, SourceName: "osquery", Platforms: none, TagIDs: noTags, Expression: "ok"},
			},
			strip: func(o *ztlCheck) { o.ID, o.ComplianceCheckID, o.Created, o.Updated = 0, 0, ztlTime{}, ztlTime{} },
			name:  func(o *ztlCheck) string { return o.Name },
		}.run(t)
	})
}

// life is what becomes of one object: it is created with the first body and changed with the others.
type life[O, B any] struct {
	service service[O, B]
	bodies  []B
	want    []O // after each body, stripped
	id      func(*O) int
	name    func(*O) string
	strip   func(*O) // of what the server chooses
}

func (l life[O, B]) run(t *testing.T) {
	t.Helper()
	created := must(l.service.create(l.bodies[0]))(t)
	id := l.id(created)
	l.compare(t, "created", created, l.want[0])
	for i := range l.bodies {
		if i > 0 {
			l.compare(t, fmt.Sprint("body ", i), must(l.service.update(id, l.bodies[i]))(t), l.want[i])
		}
		imported := must(l.service.getByID(id))(t)
		byName := must(l.service.getByName(l.name(imported)))(t)
		if byName == nil || l.id(byName) != id {
			t.Fatalf("body %d: by name got %+v, want object %d", i, byName, id)
		}
		l.compare(t, fmt.Sprint("import ", i), imported, l.want[i])
		l.compare(t, fmt.Sprint("by name ", i), byName, l.want[i])
	}
	if none := must(l.service.getByName("nobody's"))(t); none != nil {
		t.Errorf("got %+v for a name that there is not", none)
	}
	if err := l.service.delete(id); err != nil {
		t.Fatal(err)
	}
	var refused *ztlError
	if _, err := l.service.getByID(id); !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("got %v, want 404", err)
	}
}

func (l life[O, B]) compare(t *testing.T, step string, got *O, want O) {
	t.Helper()
	stripped := *got
	l.strip(&stripped)
	if !reflect.DeepEqual(stripped, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", step, stripped, want)
	}
}
