// SPDX-License-Identifier: Apache-2.0

//go:build unix

package inventory_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
)

func TestEveryChangeOfAnObjectIsAudited(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	tests := map[string]string{"MetaBusinessUnit": "meta_business_unit", "Tag": "tag", "Taxonomy": "taxonomy", "JMESPathCheck": "jmespath_check"}
	for _, o := range objectRoutes {
		one := fmt.Sprint(o.path, w.Ask(http.MethodPost, o.path, fmt.Sprintf(o.body, "before")).Want(201).Object()["id"], "/")
		w.Ask(http.MethodPost, o.path, fmt.Sprintf(o.body, "before")).Want(400) // changes nothing, and is not in the log
		w.Ask(http.MethodPut, one, fmt.Sprintf(o.body, "after")).Want(200)
		w.Ask(http.MethodDelete, one, nil).Want(204)
		w.Ask(http.MethodDelete, one, nil).Want(404)
		var log []string
		rows, err := w.Pool.Query(t.Context(), `
SELECT concat_ws(' ', actor_kind, action, object_name, before->>'name', after->>'name') FROM audit WHERE object = $1 ORDER BY id`, tests[o.object])
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			log = append(log, line)
		}
		want := []string{
			"service_account created before before", "service_account updated after before after", "service_account deleted after after",
		}
		if !slices.Equal(log, want) {
			t.Errorf("%s: got %q", o.object, log)
		}
	}
}

func TestListsGoByBusinessUnitAndName(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{})
	unit := func(name string) any {
		return w.Ask(http.MethodPost, "/api/inventory/meta_business_units/", map[string]any{"name": name}).Want(201).Object()["id"]
	}
	zulu, alpha := unit("zulu"), unit("alpha")
	for _, path := range []string{"/api/inventory/tags/", "/api/inventory/taxonomies/"} {
		for _, row := range []struct {
			name string
			unit any
		}{{"a", nil}, {"b", zulu}, {"d", alpha}, {"c", alpha}} {
			w.Ask(http.MethodPost, path, map[string]any{"name": row.name, "meta_business_unit": row.unit}).Want(201)
		}
		var list []struct{ Name string }
		if err := json.Unmarshal(w.Ask(http.MethodGet, path, nil).Want(200).Body, &list); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(list); got != "[{c} {d} {b} {a}]" {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

func TestADeletedTaxonomyTakesItsTagsAlong(t *testing.T) {
	t.Parallel()
	w := newCheckWorld(t)
	taxonomy := w.Ask(http.MethodPost, "/api/inventory/taxonomies/", `{"name":"Site"}`).Want(201).Object()["id"]
	path := fmt.Sprint("/api/inventory/tags/", w.tag, "/")
	w.Ask(http.MethodPut, path, map[string]any{"name": "scope", "taxonomy": taxonomy}).Want(200)
	w.Ask(http.MethodGet, "/api/v1/machines/S1", nil).Want(200).Says(`"scope"`)
	w.Ask(http.MethodDelete, fmt.Sprint("/api/inventory/taxonomies/", taxonomy, "/"), nil).Want(204)
	w.Ask(http.MethodGet, path, nil).Want(404)
	if tags := w.Ask(http.MethodGet, "/api/v1/machines/S1", nil).Want(200).Object()["tags"]; fmt.Sprint(tags) != "[]" {
		t.Errorf("the machine still has %v", tags)
	}
}
