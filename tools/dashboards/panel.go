// SPDX-License-Identifier: Apache-2.0

package main

// The units that are used, as Grafana calls them.
const (
	count   = "short"
	share   = "percentunit"
	seconds = "s"
	ago     = "dtdurations"
	size    = "bytes"
	perSec  = "ops"
	rate    = "Bps"
	busy    = "none"
)

// Heights of panels.
const (
	low  = 4
	high = 8
	tall = 12
)

// row is a title and panels below it, from left to right; those that do not fit begin a new line.
type row struct {
	title  string
	panels []panel
}

// layout gives every panel its place and number.
func layout(rows []row) []panel {
	var all []panel
	y := 0
	put := func(p panel, x, y int) {
		p.ID, p.Grid.X, p.Grid.Y = len(all)+1, x, y
		all = append(all, p)
	}
	for _, r := range rows {
		put(panel{Type: "row", Title: r.title, Grid: grid{W: 24, H: 1}, Collapsed: new(false), Panels: &[]panel{}}, 0, y)
		y++
		x, line := 0, 0
		for _, p := range r.panels {
			if x+p.Grid.W > 24 {
				x, y, line = 0, y+line, 0
			}
			put(p, x, y)
			x, line = x+p.Grid.W, max(line, p.Grid.H)
		}
		y += line
	}
	return all
}

// series is a query and what its lines are called.
type series struct{ legend, expr string }

// style changes how a panel is drawn.
type style func(*panel)

func newPanel(kind, title, description, unit string, w, h int, styles []style) panel {
	p := panel{
		Type: kind, Title: title, Description: description, Datasource: &prometheus, Grid: grid{W: w, H: h},
		FieldConfig: &fieldConfig{
			Defaults: field{
				Unit: unit, Min: new(0.0), Color: options{"mode": "palette-classic"},
				Thresholds: thresholds{"absolute", []step{{"green", nil}}},
			},
			Overrides: []override{},
		},
	}
	if unit == share {
		p.FieldConfig.Defaults.Max, p.FieldConfig.Defaults.Decimals = new(1.0), new(1)
	}
	for _, s := range styles {
		s(&p)
	}
	return p
}

func (p *panel) ask(instant bool, format string, of []series) {
	for i, s := range of {
		p.Targets = append(p.Targets, target{
			RefID: string(rune('A' + i)), Datasource: prometheus, EditorMode: "code", Expr: s.expr, Format: format,
			Instant: instant, Range: !instant, LegendFormat: s.legend,
		})
	}
}

// stat is a number.
func stat(title, description, unit, expr string, w int, styles ...style) panel {
	p := newPanel("stat", title, description, unit, w, low, styles)
	if len(p.FieldConfig.Defaults.Thresholds.Steps) > 1 {
		p.FieldConfig.Defaults.Color = options{"mode": "thresholds"}
	} else {
		p.FieldConfig.Defaults.Color = options{"mode": "fixed", "fixedColor": "blue"}
	}
	p.Options = options{
		"reduceOptions": lastValue(), "orientation": "auto", "textMode": "value", "colorMode": "value", "graphMode": "area",
		"justifyMode": "auto", "wideLayout": true, "showPercentChange": false,
	}
	p.ask(false, "time_series", []series{{"", expr}})
	return p
}

func lastValue() options {
	return options{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
}

// lines shows values over time.
func lines(title, description, unit string, w int, of []series, styles ...style) panel {
	p := newPanel("timeseries", title, description, unit, w, high, nil)
	p.FieldConfig.Defaults.Custom = options{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 10, "gradientMode": "none",
		"showPoints": "never", "spanNulls": false, "stacking": options{"mode": "none", "group": "A"},
		"axisPlacement": "auto", "axisLabel": "", "scaleDistribution": options{"type": "linear"},
		"thresholdsStyle": options{"mode": "off"},
	}
	p.Options = options{
		"legend":  options{"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"lastNotNull", "max"}},
		"tooltip": options{"mode": "multi", "sort": "desc"},
	}
	p.ask(false, "time_series", of)
	for _, s := range styles {
		s(&p)
	}
	return p
}

// bars compares what is now.
func bars(title, description, unit string, w int, legend, expr string, styles ...style) panel {
	p := newPanel("bargauge", title, description, unit, w, high, styles)
	p.FieldConfig.Defaults.Color = options{"mode": "continuous-BlPu"}
	if len(p.FieldConfig.Defaults.Thresholds.Steps) > 1 {
		p.FieldConfig.Defaults.Color = options{"mode": "thresholds"}
	}
	p.Options = options{
		"reduceOptions": lastValue(), "orientation": "horizontal", "displayMode": "gradient", "valueMode": "color",
		"namePlacement": "left", "showUnfilled": true, "sizing": "auto", "minVizHeight": 16, "maxVizHeight": 24, "minVizWidth": 8,
	}
	p.ask(true, "time_series", []series{{legend, expr}})
	return p
}

// stacked lays lines upon each other.
func stacked(p *panel) {
	p.FieldConfig.Defaults.Custom["stacking"] = options{"mode": "normal", "group": "A"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 40
}

// taller is for what has many lines.
func taller(p *panel) { p.Grid.H = tall }

// below is good as long as the value is less than warn, and bad from bad on.
func below(warn, bad float64) style {
	return func(p *panel) {
		p.FieldConfig.Defaults.Thresholds.Steps = []step{{"green", nil}, {"orange", new(warn)}, {"red", new(bad)}}
		drawThresholds(p)
	}
}

// above is good from good on, and bad while the value is less than warn.
func above(warn, good float64) style {
	return func(p *panel) {
		p.FieldConfig.Defaults.Thresholds.Steps = []step{{"red", nil}, {"orange", new(warn)}, {"green", new(good)}}
		drawThresholds(p)
	}
}

func drawThresholds(p *panel) {
	if c := p.FieldConfig.Defaults.Custom; c != nil {
		c["thresholdsStyle"] = options{"mode": "dashed"}
	}
}
