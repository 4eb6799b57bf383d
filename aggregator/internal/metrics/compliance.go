// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// checkModel is how the outside contract calls the checks that there are.
const checkModel = "InventoryJMESPathCheck"

// standing is one answer about compliance while it is put together.
type standing struct {
	*document
	judged []index.Judged
	counts []index.CheckCount // of each check
	whole  index.Compliance
	tags   []store.TagUse
}

// Compliance returns how the fleet stands with its checks; index.ErrBuilding while the index is being built.
func (f *Fleet) Compliance(ctx context.Context) ([]byte, error) {
	census, err := f.census(ctx)
	if err != nil {
		return nil, err
	}
	s := standing{document: f.document("rollcall_compliance_series_cut")}
	edits := f.index.Edits()
	if s.judged, err = f.facts.judged(ctx, edits); err != nil {
		return nil, err
	}
	if s.counts, err = census.Checks(s.judged); err != nil {
		return nil, err
	}
	if f.options.Zentral {
		s.contract()
		return s.end(), nil
	}
	if s.whole, err = census.Compliance(); err != nil {
		return nil, err
	}
	if s.tags, err = f.facts.tagUses(ctx, edits); err != nil {
		return nil, err
	}
	s.severities()
	s.checks()
	s.machines()
	return s.end(), nil
}

// contract writes the families of the outside contract. It knows no waivers.
func (s *standing) contract() {
	checks := family{name: "zentral_compliance_checks", help: "Compliance checks, by model.", labels: []string{"model"}}
	if n := len(s.judged); n > 0 {
		checks.samples = []sample{{labels: []string{checkModel}, value: n}}
	}
	s.add(checks, nil)
	statuses := family{
		name: "zentral_compliance_checks_statuses_bucket", help: "Statuses of the current version of compliance checks, by when they held last.",
		labels: []string{"model", "name", "status"},
	}
	var samples []sample
	for i, count := range s.counts {
		for status, ages := range count.Statuses {
			samples = append(samples, sample{labels: []string{checkModel, s.judged[i].Check.Name, status.String()}, ages: ages})
		}
	}
	statuses.add(samples)
	s.add(statuses, &ageOfZentral)
}

// severities writes how many checks there are.
func (s *standing) severities() {
	count := map[string]int{}
	for i := range s.judged {
		count[s.judged[i].Check.Severity]++
	}
	f := family{name: "rollcall_compliance_checks", help: "Checks, by severity.", labels: []string{"severity"}}
	for _, severity := range slices.Sorted(maps.Keys(count)) {
		f.samples = append(f.samples, sample{labels: []string{severity}, value: count[severity]})
	}
	s.add(f, nil)
}

// checks writes how the machines in the scope of each check stand. All statuses of a check are there, or none.
func (s *standing) checks() {
	f := family{
		name: "rollcall_compliance_check_machines", help: "Machines in the scope of a check, by its status for them.",
		labels: []string{"check_id", "check", "severity", "status"},
	}
	for i, n := range s.counts {
		check := &s.judged[i].Check
		id := strconv.FormatInt(check.ID, 10)
		for _, of := range []struct {
			status   string
			machines int
		}{
			{compliance.StatusOK.String(), n.OK},
			{compliance.StatusPending.String(), n.Pending},
			{compliance.StatusUnknown.String(), n.Unknown},
			{compliance.StatusFailed.String(), n.Failed},
			{"WAIVED", n.Waived},
		} {
			f.samples = append(f.samples, sample{
				labels: []string{id, check.Name, check.Severity, of.status}, value: of.machines, whole: id,
			})
		}
	}
	s.add(f, nil)
}

// machines writes the overall statuses, of all and of parts of the fleet.
func (s *standing) machines() {
	all := family{name: "rollcall_compliance_machines", help: "Machines, by overall status.", labels: []string{"status"}}
	all.samples = overall(nil, s.whole.All)
	s.add(all, nil)

	platforms := family{
		name: "rollcall_compliance_platform_machines", help: "Machines of a platform, by overall status.", labels: []string{"platform", "status"},
	}
	for _, platform := range slices.Sorted(maps.Keys(s.whole.ByPlatform)) {
		platforms.samples = append(platforms.samples, overall([]string{platform}, s.whole.ByPlatform[platform])...)
	}
	s.add(platforms, nil)

	tags := family{name: "rollcall_compliance_tag_machines", help: "Machines that carry a tag, by overall status.", labels: []string{"tag", "status"}}
	for _, t := range slices.SortedFunc(slices.Values(s.tags), func(a, b store.TagUse) int { return cmp.Compare(a.Name, b.Name) }) {
		if of, ok := s.whole.ByTag[t.ID]; ok {
			tags.samples = append(tags.samples, overall([]string{t.Name}, of)...)
		}
	}
	s.add(tags, nil)
}

// overall returns a sample for every status, behind the labels of the part of the fleet that it is about.
func overall(part []string, o index.Overall) []sample {
	samples := make([]sample, 0, 4)
	whole := ""
	if len(part) > 0 {
		whole = part[0] + "\x00" // not empty where the platform is
	}
	for _, of := range []struct {
		status   string
		machines int
	}{
		{compliance.StatusOK.String(), o.OK},
		{compliance.StatusUnknown.String(), o.Unknown},
		{compliance.StatusFailed.String(), o.Failed},
		{"NONE", o.None},
	} {
		labels := append(slices.Clone(part), of.status)
		samples = append(samples, sample{labels: labels, value: of.machines, whole: whole})
	}
	return samples
}
