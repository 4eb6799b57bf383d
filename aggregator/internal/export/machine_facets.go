// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// facet is a Facet at work.
type facet struct {
	Facet
	title string
	// values returns what a machine and source has of it, each once; nothing stands for no value.
	values func(*machineView) []facetItem
	// columns are those that it adds to the first sheet, cells what stands there.
	columns []string
	cells   func(*machineView) []any

	counts map[string]*facetCount // by key; "" counts those without a value
}

// facetItem is a value: the key is what a query picks it by, the label what people read.
type facetItem struct{ key, label string }

type facetCount struct {
	label string
	rows  int64
}

// software are the facets by name of software: where it stands, and by which of its names it goes.
var software = map[string]struct {
	kind string
	by   store.SoftwareBy
}{
	"a.n.": {"osx_app_instances", store.ByBundleName}, "a.i.": {"osx_app_instances", store.ByBundleID},
	"aa.": {"android_apps", store.ByName}, "dp.": {"deb_packages", store.ByName},
	"ia.": {"ios_apps", store.ByName}, "p.": {"program_instances", store.ByName},
}

// facetNames are the titles of the facets without a name of their own.
var facetNames = map[string]string{
	"src": "Sources", "mbu": "Meta Business Units", "t": "Tags", "mis": "Incidents severities", "tp": "Types",
	"pf": "Platforms", "hm": "Hardware models", "osv": "OS", "cs": "Compliance check statuses", "awsa": "AWS accounts",
	"eit": "EC2 instance types",
}

// facetsOf prepares the facets of a filter.
func facetsOf(ctx context.Context, s *store.Store, f *MachineFilter, labels *store.Labels) ([]*facet, error) {
	facets := make([]*facet, len(f.Facets))
	for i := range f.Facets {
		one := &facet{Facet: f.Facets[i], counts: map[string]*facetCount{}}
		sort, name := one.split()
		one.title = cmp.Or(facetNames[sort], name)
		switch sort {
		case "t":
			one.tags(labels)
		case "mis":
			one.incidents()
		case "cs":
			one.values, one.cells = overallValues, overallCells
			one.columns = []string{"Max compliance check status", "Max compliance check status display"}
		case "ccs.":
			one.check(name, labels)
		default:
			if kind, ok := software[sort]; ok {
				if err := one.software(ctx, s, kind.kind, name, kind.by); err != nil {
					return nil, err
				}
				break
			}
			one.values = plainValues[sort]
		}
		facets[i] = one
	}
	return facets, nil
}

// plainValues are the facets that a machine has one value of.
var plainValues = map[string]func(*machineView) []facetItem{
	"src":  func(m *machineView) []facetItem { return idItem(int64(m.Source.ID), m.Source.Name) },
	"mbu":  func(m *machineView) []facetItem { return idItem(m.MetaBusinessUnit, m.unitName) },
	"tp":   func(m *machineView) []facetItem { return textItem(m.Summary.Type, displayed(m.Summary.Type)) },
	"pf":   func(m *machineView) []facetItem { return textItem(m.Summary.Platform, displayed(m.Summary.Platform)) },
	"hm":   func(m *machineView) []facetItem { return textItem(m.Summary.HardwareModel, m.Summary.HardwareModel) },
	"osv":  func(m *machineView) []facetItem { return idItem(m.osVersion, m.Summary.OSVersion) },
	"awsa": func(m *machineView) []facetItem { return textItem(m.ec2.AccountID, m.ec2.AccountID) },
	"eit":  func(m *machineView) []facetItem { return textItem(m.ec2.InstanceType, m.ec2.InstanceType) },
}

func idItem(id int64, label string) []facetItem {
	if id == 0 {
		return nil
	}
	return []facetItem{{strconv.FormatInt(id, 10), label}}
}

func textItem(key, label string) []facetItem {
	if key == "" {
		return nil
	}
	return []facetItem{{key, label}}
}

// displayed spells platforms and types for people.
func displayed(constant string) string {
	switch constant {
	case "MACOS":
		return "macOS"
	case "IOS":
		return "iOS"
	case "IPADOS":
		return "iPadOS"
	case "TVOS":
		return "tvOS"
	case "EC2":
		return "EC2 instance"
	case "VM":
		return "Virtual machine"
	case "TV", "":
		return constant
	}
	return constant[:1] + strings.ToLower(constant[1:])
}

// tags counts a machine once for each of its tags. The title names the tag that is picked.
func (f *facet) tags(labels *store.Labels) {
	f.values = func(m *machineView) []facetItem {
		items := make([]facetItem, 0, len(m.Tags))
		for _, tag := range m.Tags {
			items = append(items, facetItem{strconv.FormatInt(tag, 10), labels.Tags[tag].String()})
		}
		return items
	}
	if f.Picked == nil {
		return
	}
	picked := "NULL"
	if id, err := strconv.ParseInt(*f.Picked, 10, 64); err == nil {
		picked = cmp.Or(labels.Tags[id].Name, *f.Picked)
	}
	f.title += " · " + picked
}

// conceal replaces the name of the tag or check that the facet is about by its id, unless a machine of the table has it:
// to who does not see every machine, what only others have is like what there is not.
func (f *facet) conceal() {
	for key := range f.counts {
		if key != "" {
			return
		}
	}
	nothing := store.Labels{}
	switch sort, name := f.split(); sort {
	case "t":
		f.title = facetNames[sort]
		f.tags(&nothing)
	case "ccs.":
		f.check(name, &nothing)
	}
}

// incidents has no values: there are no incidents here.
func (f *facet) incidents() {
	f.values = func(*machineView) []facetItem { return nil }
	f.columns = []string{"Max incident severity", "Max incident severity display"}
	f.cells = func(*machineView) []any { return statusCells(0, false) }
}

// overallValues is the worst of the statuses of current versions, whether somebody waived them or not: that is what the
// outside contract filters by. What store.OverallStatus knows is what counts now.
func overallValues(m *machineView) []facetItem {
	return statusItem(compliance.Overall(slices.Collect(maps.Values(m.statuses))))
}

func overallCells(m *machineView) []any {
	return statusCells(compliance.Overall(slices.Collect(maps.Values(m.statuses))))
}

// check has the statuses of one check, "ccs.12". One that does not exist has none.
func (f *facet) check(id string, labels *store.Labels) {
	check, _ := strconv.ParseInt(id, 10, 64) // the parser saw to it
	f.title = cmp.Or(labels.Checks[check], id)
	f.columns = []string{f.title + " - status", f.title + " - status display"}
	status := func(m *machineView) (compliance.Status, bool) {
		status, ok := m.statuses[check]
		return status, ok
	}
	f.values = func(m *machineView) []facetItem { return statusItem(status(m)) }
	f.cells = func(m *machineView) []any { return statusCells(status(m)) }
}

func statusItem(status compliance.Status, ok bool) []facetItem {
	if !ok {
		return nil
	}
	return []facetItem{{strconv.Itoa(int(status)), status.String()}}
}

// statusCells are a number and its name, -1 and NULL where there is none.
func statusCells(status compliance.Status, ok bool) []any {
	if !ok {
		return []any{int64(-1), "NULL"}
	}
	return []any{int64(status), status.String()}
}

// software has the versions of one piece of software, and the oldest and the newest of them on a machine.
func (f *facet) software(ctx context.Context, s *store.Store, kind, name string, by store.SoftwareBy) error {
	versions, err := s.VersionsOf(ctx, kind, name, by)
	if err != nil {
		return err
	}
	found := func(m *machineView) []string { return m.versionsOf(kind, versions) }
	f.values = func(m *machineView) []facetItem {
		var items []facetItem
		for _, v := range found(m) {
			items = append(items, facetItem{v, v})
		}
		return items
	}
	f.columns = []string{f.title + " min", f.title + " max"}
	f.cells = func(m *machineView) []any {
		sorted := found(m)
		if len(sorted) == 0 {
			return []any{nil, nil}
		}
		return []any{sorted[0], sorted[len(sorted)-1]}
	}
	return nil
}

// compareVersions is the order of the kind; what it does not understand is ordered as text.
func compareVersions(kind string) func(a, b string) int {
	return func(a, b string) int {
		if order, err := version.Compare(kind, a, b); err == nil && order != 0 {
			return order
		}
		return cmp.Compare(a, b)
	}
}
