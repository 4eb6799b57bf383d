// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	versions "github.com/rollcall-inventory/rollcall/aggregator/internal/version"
)

// naive is what the slow answer knows of a machine: everything in lower case.
type naive struct {
	machine  store.Machine
	names    []string
	models   []string
	sources  []string
	users    []string
	units    []string
	groups   []string
	tags     []int64
	software []naiveAsset
	statuses map[string]compliance.Status // by the name of the check
	counting []compliance.Status          // the same, OK where a waiver is in force

	of  Names
	now time.Time
}

type naiveAsset struct{ kind, name, version string }

// naively reads every tree of the store.
func (a *aggregator) naively(names Names, now time.Time) []*naive {
	a.t.Helper()
	var all []*naive
	bySerial := map[string]*naive{}
	for _, m := range must(a.store.ListMachines(a.t.Context(), store.MachineFilter{Limit: 1000}))(a.t) {
		bySerial[m.SerialNumber] = &naive{machine: m, statuses: map[string]compliance.Status{}, of: names, now: now}
		all = append(all, bySerial[m.SerialNumber])
	}
	err := a.store.StreamHeads(a.t.Context(), store.StreamFilter{}, func(h store.FleetHead) error {
		n := bySerial[h.Serial]
		n.sources, n.tags = append(n.sources, strings.ToLower(h.Source.Name)), h.Tags
		for kind, section := range h.Sections {
			loaded, err := a.store.LoadSection(a.t.Context(), section)
			if err != nil {
				return err
			}
			for _, asset := range loaded.Assets {
				n.read(kind, asset.Body)
			}
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	waived := map[string]bool{}
	for _, v := range must(a.store.Waivers(a.t.Context(), store.WaiverFilter{State: store.ActiveWaiver}, 0, 1000))(a.t) {
		waived[v.CheckName+" "+v.SerialNumber] = true
	}
	for check, name := range names.Checks {
		for _, s := range must(a.store.ListStatuses(a.t.Context(), check, "", 1000))(a.t) {
			n := bySerial[s.SerialNumber]
			n.statuses[strings.ToLower(name)] = s.Status
			if waived[name+" "+s.SerialNumber] {
				s.Status = compliance.StatusOK
			}
			n.counting = append(n.counting, s.Status)
		}
	}
	return all
}

func (n *naive) read(kind string, raw []byte) {
	var body struct {
		Name, Version string
		ComputerName  string                           `json:"computer_name"`
		HardwareModel string                           `json:"hardware_model"`
		PrincipalName string                           `json:"principal_name"`
		UniqueID      string                           `json:"unique_id"`
		BusinessUnit  struct{ Name, Reference string } `json:"business_unit"`
	}
	_ = json.Unmarshal(raw, &body)
	switch kind {
	case "system_info":
		n.names = append(n.names, strings.ToLower(body.ComputerName))
		n.models = append(n.models, strings.ToLower(body.HardwareModel))
	case "principal_user":
		n.users = append(n.users, strings.ToLower(body.PrincipalName), strings.ToLower(body.UniqueID))
	case "groups":
		n.groups = append(n.groups, strings.ToLower(body.Name))
	case pack.KindAdded:
		for _, of := range n.of.Units {
			if of[0] == body.BusinessUnit.Name {
				n.units = append(n.units, strings.ToLower(of[0]), strings.ToLower(body.BusinessUnit.Reference), strings.ToLower(of[2]))
			}
		}
	case "deb_packages", "python_packages":
		n.software = append(n.software, naiveAsset{kind, body.Name, body.Version})
	}
}

func (n *naive) holds(f filter.Node) bool {
	switch f := f.(type) {
	case filter.And:
		return !slices.ContainsFunc(f, func(of filter.Node) bool { return !n.holds(of) })
	case filter.Or:
		return slices.ContainsFunc(f, func(of filter.Node) bool { return n.holds(of) })
	case filter.Not:
		return !n.holds(f.Of)
	case filter.Asset:
		return slices.ContainsFunc(n.software, func(a naiveAsset) bool { return a.holds(f) })
	case filter.Term:
		return n.term(f)
	}
	return true
}

func (n *naive) term(t filter.Term) bool {
	var texts []string
	match := t.Value.Match
	lower := strings.ToLower
	switch t.Field {
	case filter.Text:
		texts, match = append([]string{lower(n.machine.SerialNumber)}, n.names...), t.Value.Within
	case filter.SerialNumber:
		texts = []string{lower(n.machine.SerialNumber)}
	case filter.ComputerName:
		texts = n.names
	case filter.Platform:
		texts = []string{lower(n.machine.Platform)}
	case filter.Type:
		texts = []string{lower(n.machine.Type)}
	case filter.OSVersion:
		texts = []string{lower(n.machine.OSVersion)}
	case filter.HardwareModel:
		texts = n.models
	case filter.Source:
		texts = n.sources
	case filter.PrincipalUser:
		texts = n.users
	case filter.BusinessUnit:
		texts = n.units
	case filter.Group:
		texts = n.groups
	case filter.Check:
		for check, status := range n.statuses {
			if t.Any || status == t.Status {
				texts = append(texts, check)
			}
		}
	case filter.Status:
		return len(n.counting) > 0 && slices.Max(n.counting) == t.Status
	case filter.LastSeen:
		left, right := n.machine.LastSeen.Sub(t.Moment), time.Duration(0)
		if t.Moment.IsZero() {
			left, right = n.now.Sub(n.machine.LastSeen), t.Age
		}
		return map[filter.Op]bool{
			filter.Less: left < right, filter.LessEqual: left <= right, filter.Greater: left > right, filter.GreaterEqual: left >= right,
		}[t.Op]
	case filter.Tag, filter.Taxonomy:
		of := n.of.Tags
		if t.Field == filter.Taxonomy {
			of = n.of.Taxonomies
		}
		for _, tag := range n.tags {
			if of[tag] != "" {
				texts = append(texts, lower(of[tag]))
			}
		}
	}
	return slices.ContainsFunc(texts, match)
}

func (a naiveAsset) holds(terms filter.Asset) bool {
	for _, t := range terms {
		text := map[filter.Field]string{filter.SoftwareKind: a.kind, filter.SoftwareName: a.name, filter.SoftwareVersion: a.version}[t.Field]
		bound, _ := t.Value.Exact()
		order, err := versions.Compare(a.kind, a.version, bound)
		ok := err == nil
		switch t.Op {
		case filter.Matches:
			ok = t.Value.Match(strings.ToLower(text))
		case filter.Differs:
			ok = !t.Value.Match(strings.ToLower(text))
		case filter.Less:
			ok = ok && order < 0
		case filter.LessEqual:
			ok = ok && order <= 0
		case filter.Greater:
			ok = ok && order > 0
		case filter.GreaterEqual:
			ok = ok && order >= 0
		}
		if !ok {
			return false
		}
	}
	return true
}

// names reads all that filters can ask for.
func (a *aggregator) names() Names {
	a.t.Helper()
	n := Names{Tags: map[int64]string{}, Taxonomies: map[int64]string{}, Units: map[int64][]string{}, Checks: map[int64]string{}}
	for _, tag := range must(a.store.Tags(a.t.Context()))(a.t) {
		n.Tags[tag.ID] = tag.Name
		if tag.Taxonomy != nil {
			n.Taxonomies[tag.ID] = "Sites"
		}
	}
	for _, u := range must(a.store.BusinessUnits(a.t.Context(), 0, 1000))(a.t) {
		n.Units[u.ID] = []string{u.Reported.Name, u.Reported.Reference, u.Meta.Name}
	}
	for _, c := range must(a.store.AllChecks(a.t.Context()))(a.t) {
		n.Checks[c.ID] = c.Name
	}
	return n
}

// checked makes checks with every result.
func (a *aggregator) checked() {
	a.t.Helper()
	a.addCheck(a.t.Context(), "early", "alpha")
	a.addCheck(a.t.Context(), "other", "beta")
	check := must(a.store.CreateCheck(a.t.Context(), compliance.Check{
		Name: "python", SourceName: "alpha", Platforms: []string{"LINUX", "MACOS"}, Expression: "python_packages[0].name && python_packages[0].name == 'rich'",
	}))(a.t)
	if err := a.commit.EvaluateCheck(a.t.Context(), check); err != nil {
		a.t.Fatal(err)
	}
}
