// SPDX-License-Identifier: Apache-2.0

package export

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// machineView is one machine and source as the inventory of machines sees it.
type machineView struct {
	store.FleetHead
	unitName  string
	osVersion int64 // in the dictionary, 0: none
	principal struct {
		Name    string `json:"principal_name"`
		Display string `json:"display_name"`
	}
	ec2 struct {
		AccountID    string `json:"account_id"`
		InstanceType string `json:"instance_type"`
	}
	statuses map[int64]compliance.Status // by compliance check id
}

// viewOf reads what the sections tell. Bodies that are not of the expected form tell less.
func viewOf(h store.FleetHead, labels *store.Labels, statuses map[int64]compliance.Status) *machineView {
	m := &machineView{FleetHead: h, unitName: labels.MetaBusinessUnits[h.MetaBusinessUnit], statuses: statuses}
	if section := h.Sections["os_version"]; section != nil && len(section.IDs) > 0 {
		m.osVersion = section.IDs[0]
	}
	m.only("principal_user", &m.principal)
	m.only("ec2_instance_metadata", &m.ec2)
	return m
}

// only decodes the fact of a section that has one.
func (m *machineView) only(kind string, into any) {
	if section := m.Sections[kind]; section != nil && len(section.Facts) > 0 {
		_ = json.Unmarshal(section.Facts[0].Body, into) // a key of an unexpected type leaves the others filled
	}
}

// versionsOf returns which of some versions, given by dictionary id, the machine has: each once, the oldest first.
func (m *machineView) versionsOf(kind string, versions map[int64]string) []string {
	section := m.Sections[kind]
	if section == nil {
		return nil
	}
	var found []string
	if len(versions) < len(section.IDs) {
		for id, v := range versions {
			if _, has := slices.BinarySearch(section.IDs, id); has {
				found = append(found, v)
			}
		}
	} else {
		for _, id := range section.IDs {
			if v, ok := versions[id]; ok {
				found = append(found, v)
			}
		}
	}
	slices.SortFunc(found, compareVersions(kind))
	return slices.Compact(found)
}

// hasMAC tells whether one of the machine's addresses begins like that.
func (m *machineView) hasMAC(start string) bool {
	section := m.Sections["network_interfaces"]
	if section == nil {
		return false
	}
	return slices.ContainsFunc(section.Facts, func(fact snapshot.Asset) bool {
		var one struct {
			MAC string `json:"mac"`
		}
		return json.Unmarshal(fact.Body, &one) == nil && strings.HasPrefix(macDigits(one.MAC), start)
	})
}

// contains tells whether part stands in text, in any case.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
