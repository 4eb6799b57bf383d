// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// Audit is a row of the audit log.
type Audit struct {
	Action   string
	Object   string // what it was done to, in the words of the API
	ObjectID string
	Before   json.RawMessage // nil: there was nothing
	After    json.RawMessage // nil: there is nothing any more
}

// Names are what things are called that audit rows name by id. One that is missing is gone.
type Names struct {
	Taxonomies        map[int64]string
	MetaBusinessUnits map[int64]string
}

// apps are what models are named after, beside the object itself.
var apps = map[string]string{
	"tag": "inventory", "taxonomy": "inventory", "meta_business_unit": "inventory", "enrollment": "inventory",
	"configuration": "inventory", "history": "inventory", "machine": "inventory", "waiver": "compliance_checks",
	"osquery_configuration": "osquery", "munki_configuration": "munki", "probe": "events", "sink": "events", "dead_letter": "events",
	"user": "accounts", "service_account": "accounts", "role": "accounts", "token": "accounts", "session": "accounts",
	"task": "base",
}

// Audit makes the event of a change that somebody made on purpose. That of a check is Check's.
func (m *Maker) Audit(a *Audit, names Names) {
	m.add(typeAudit, func(e *Event) json.RawMessage {
		app, ok := apps[a.Object]
		if !ok {
			app = "rollcall"
		}
		model := a.Object
		if app == "osquery" || app == "munki" {
			model = strings.TrimPrefix(model, app+"_")
		}
		if a.ObjectID != "" {
			e.Objects = map[string][]string{a.Object: {a.ObjectID}}
		}
		target := map[string]any{"model": app + "." + strings.ReplaceAll(model, "_", ""), "pk": a.ObjectID}
		for key, raw := range map[string]json.RawMessage{"prev_value": a.Before, "new_value": a.After} {
			if value := auditValue(a.Object, raw, names); value != nil {
				target[key] = value
			}
		}
		return mustEncode(map[string]any{"action": a.Action, "object": target})
	})
}

// auditValue returns what a thing was, in the outside contract's shape where that has one.
func auditValue(object string, raw json.RawMessage, names Names) json.RawMessage {
	compact := Compact(raw)
	if compact == nil {
		return nil
	}
	var stored struct {
		ID         int64     `json:"id"`
		Name       string    `json:"name"`
		Slug       string    `json:"slug"`
		Color      string    `json:"color"`
		Taxonomy   *int64    `json:"taxonomy"`
		OfTaxonomy string    `json:"taxonomy_name"` // as it was then; rows of older versions lack it
		Unit       *int64    `json:"meta_business_unit"`
		OfUnit     string    `json:"meta_business_unit_name"`
		Enrollable bool      `json:"api_enrollment_enabled"`
		CreatedAt  time.Time `json:"created_at"`
		UpdatedAt  time.Time `json:"updated_at"`
	}
	value := map[string]any{}
	switch object {
	case "tag", "taxonomy", "meta_business_unit":
		if json.Unmarshal(compact, &stored) != nil {
			return compact
		}
		value["pk"], value["name"] = stored.ID, stored.Name
	default:
		return compact
	}
	switch object {
	case "tag":
		value["color"], value["slug"] = stored.Color, stored.Slug
	case "meta_business_unit":
		value["api_enrollment_enabled"] = stored.Enrollable
	}
	if object != "tag" {
		value["created_at"] = string(appendTime(nil, stored.CreatedAt, true))
		value["updated_at"] = string(appendTime(nil, stored.UpdatedAt, true))
	}
	if stored.Unit != nil {
		value["meta_business_unit"] = named{*stored.Unit, cmp.Or(stored.OfUnit, names.MetaBusinessUnits[*stored.Unit])}
	}
	if stored.Taxonomy != nil {
		value["taxonomy"] = named{*stored.Taxonomy, cmp.Or(stored.OfTaxonomy, names.Taxonomies[*stored.Taxonomy])}
	}
	return mustEncode(value)
}
