// SPDX-License-Identifier: Apache-2.0

package main

// column is a query of a table, and what its values are called.
type column struct {
	title, unit string
	expr        string
	steps       []step // colours of the cells; none: as text
}

// table joins queries whose labels are the same, a row for each combination of labels: first the labels, then the values.
// sorted names the column by which, the greatest first.
func table(title, description string, w, h int, labels []series, columns []column, sorted string, styles ...style) panel {
	p := newPanel("table", title, description, count, w, h, styles)
	p.FieldConfig.Defaults.Min = nil
	p.FieldConfig.Defaults.Color = options{"mode": "thresholds"}
	p.FieldConfig.Defaults.Custom = options{"align": "auto", "cellOptions": options{"type": "auto"}, "filterable": true, "inspect": false}
	order, names := options{}, options{}
	for i, l := range labels {
		order[l.expr], names[l.expr] = i, l.legend
	}
	var of []series
	for i, c := range columns {
		value := "Value #" + string(rune('A'+i))
		if len(columns) == 1 {
			value = "Value" // Grafana numbers the values of several queries only
		}
		order[value], names[value] = len(labels)+i, c.title
		of = append(of, series{"", c.expr})
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, c.override())
	}
	p.ask(true, "table", of)
	p.Transformations = []options{
		{"id": "merge", "options": options{}},
		{"id": "organize", "options": options{"excludeByName": options{"Time": true}, "indexByName": order, "renameByName": names}},
	}
	p.Options = options{
		"showHeader": true, "cellHeight": "sm", "sortBy": []options{{"displayName": sorted, "desc": true}},
		"footer": options{"show": false, "reducer": []string{"sum"}, "countRows": false, "fields": ""},
	}
	return p
}

func (c column) override() override {
	o := override{
		Matcher:    options{"id": "byName", "options": c.title},
		Properties: []options{{"id": "unit", "value": c.unit}, {"id": "custom.align", "value": "right"}},
	}
	if c.unit == share {
		o.Properties = append(o.Properties, options{"id": "decimals", "value": 1})
	}
	if len(c.steps) > 0 {
		o.Properties = append(o.Properties,
			options{"id": "thresholds", "value": thresholds{"absolute", c.steps}},
			options{"id": "custom.cellOptions", "value": options{"type": "color-text"}})
	}
	return o
}
