// SPDX-License-Identifier: Apache-2.0

package main

// schemaVersion is that of Grafana 11; newer ones bring dashboards up to date when they load them.
const schemaVersion = 39

// options is JSON that Grafana reads and nothing here looks into.
type options = map[string]any

// dashboard is what Grafana imports.
type dashboard struct {
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Description   string   `json:"description"`
	Tags          []string `json:"tags"`
	SchemaVersion int      `json:"schemaVersion"`
	Version       int      `json:"version"`
	Editable      bool     `json:"editable"`
	GraphTooltip  int      `json:"graphTooltip"` // 1: the cross hair is in all panels
	Refresh       string   `json:"refresh"`
	Timezone      string   `json:"timezone"`
	Time          options  `json:"time"`
	Annotations   options  `json:"annotations"`
	Links         []link   `json:"links"`
	Templating    options  `json:"templating"`
	Panels        []panel  `json:"panels"`
}

// link leads to the other dashboards with the same tag, and takes the time along.
type link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	KeepTime    bool     `json:"keepTime"`
	IncludeVars bool     `json:"includeVars"`
}

// source names a data source.
type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// prometheus is the data source that the viewer chose.
var prometheus = source{"prometheus", "${datasource}"}

// grid is where a panel is: Grafana's page is 24 wide.
type grid struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// panel is a part of a dashboard, or the title of a row.
type panel struct {
	ID              int          `json:"id"`
	Type            string       `json:"type"`
	Title           string       `json:"title"`
	Description     string       `json:"description,omitempty"`
	Grid            grid         `json:"gridPos"`
	Datasource      *source      `json:"datasource,omitempty"`
	Targets         []target     `json:"targets,omitempty"`
	Transformations []options    `json:"transformations,omitempty"`
	FieldConfig     *fieldConfig `json:"fieldConfig,omitempty"`
	Options         options      `json:"options,omitempty"`
	Collapsed       *bool        `json:"collapsed,omitempty"` // of rows only
	Panels          *[]panel     `json:"panels,omitempty"`    // of rows only
}

// target is a query.
type target struct {
	RefID        string `json:"refId"`
	Datasource   source `json:"datasource"`
	EditorMode   string `json:"editorMode"`
	Expr         string `json:"expr"`
	Format       string `json:"format"` // time_series or table
	Instant      bool   `json:"instant"`
	Range        bool   `json:"range"`
	LegendFormat string `json:"legendFormat,omitempty"`
}

type fieldConfig struct {
	Defaults  field      `json:"defaults"`
	Overrides []override `json:"overrides"`
}

// field says how values are shown.
type field struct {
	Unit       string     `json:"unit,omitempty"`
	Decimals   *int       `json:"decimals,omitempty"`
	Min        *float64   `json:"min,omitempty"`
	Max        *float64   `json:"max,omitempty"`
	Color      options    `json:"color"`
	Thresholds thresholds `json:"thresholds"`
	Custom     options    `json:"custom,omitempty"`
}

// override changes how one column or series is shown.
type override struct {
	Matcher    options   `json:"matcher"`
	Properties []options `json:"properties"`
}

// thresholds are where colours change.
type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

// step is a colour from a value on; the first step has none.
type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// newDashboard lays the rows out and joins what all dashboards have.
func newDashboard(uid, title, description string, variables []options, rows ...row) dashboard {
	return dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{"rollcall"},
		SchemaVersion: schemaVersion, Version: 1, Editable: true, GraphTooltip: 1, Refresh: "1m", Timezone: "browser",
		Time:        options{"from": "now-24h", "to": "now"},
		Annotations: options{"list": []options{}},
		Links:       []link{{Title: "Rollcall", Type: "dashboards", Tags: []string{"rollcall"}, KeepTime: true, AsDropdown: true}},
		Templating:  options{"list": append([]options{datasource()}, variables...)},
		Panels:      layout(rows),
	}
}

// datasource lets the viewer choose a Prometheus.
func datasource() options {
	return options{
		"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1, "hide": 0,
		"regex": "", "multi": false, "includeAll": false, "options": []options{}, "current": options{},
	}
}

// anyOf lets the viewer choose among the values of a label; all of them at first.
func anyOf(name, label, of string) options {
	return options{
		"name": name, "label": label, "type": "query", "datasource": prometheus, "definition": of,
		"query": options{"query": of, "refId": "StandardVariableQuery"}, "refresh": 2, "sort": 1, "hide": 0, "regex": "",
		"multi": true, "includeAll": true, "allValue": ".*", "options": []options{},
		"current": options{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
	}
}

// oneOf lets the viewer choose among given values.
func oneOf(name, label, chosen string, values ...string) options {
	var list []options
	query := ""
	for i, v := range values {
		if i > 0 {
			query += ","
		}
		query += v
		list = append(list, options{"text": v, "value": v, "selected": v == chosen})
	}
	return options{
		"name": name, "label": label, "type": "custom", "query": query, "hide": 0, "multi": false, "includeAll": false,
		"options": list, "current": options{"text": chosen, "value": chosen, "selected": true},
	}
}
