// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"encoding/json"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Added is what the aggregator knows about a machine and puts into its tree. It is no part of the root, but its
// changes count like a section's. Empty values have no key.
type Added struct {
	Reference    string
	PublicIP     string
	Platform     string // as submitted; what the sections tell comes first
	Type         string // as submitted; what the sections tell comes first
	BusinessUnit *inventoryv1.BusinessUnit
}

// section returns the keys as the pseudo-section that is stored; nil when there are none.
func (a *Added) section() (*pack.Section, error) {
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return proto.String(s)
	}
	body, err := asset.Canonical(&inventoryv1.Snapshot{
		Reference: optional(a.Reference), PublicIpAddress: optional(a.PublicIP),
		Platform: optional(a.Platform), Type: optional(a.Type), BusinessUnit: a.BusinessUnit,
	})
	if err != nil {
		return nil, fmt.Errorf("added keys: %w", err)
	}
	if string(body) == "{}" {
		return nil, nil
	}
	fact := snapshot.Asset{Digest: asset.Of(pack.KindAdded, body), Body: body}
	return &pack.Section{Kind: pack.KindAdded, Digest: fact.Digest, Facts: []snapshot.Asset{fact}}, nil
}

// addedKeys decodes the stored keys.
func addedKeys(s *pack.Section) map[string]json.RawMessage {
	keys := map[string]json.RawMessage{}
	if s != nil && len(s.Facts) == 1 {
		_ = json.Unmarshal(s.Facts[0].Body, &keys) // written by section
	}
	return keys
}

// AddedOf returns the aggregator's keys as a head's sections hold them.
func AddedOf(sections pack.Sections) Added {
	var stored struct {
		Reference    string           `json:"reference"`
		PublicIP     string           `json:"public_ip_address"`
		Platform     string           `json:"platform"`
		Type         string           `json:"type"`
		BusinessUnit *json.RawMessage `json:"business_unit"`
	}
	s := sections[pack.KindAdded]
	if s == nil || len(s.Facts) != 1 || json.Unmarshal(s.Facts[0].Body, &stored) != nil {
		return Added{}
	}
	a := Added{Reference: stored.Reference, PublicIP: stored.PublicIP, Platform: stored.Platform, Type: stored.Type}
	if stored.BusinessUnit != nil {
		a.BusinessUnit = businessUnit(*stored.BusinessUnit)
	}
	return a
}

// businessUnit reads what section wrote of it.
func businessUnit(raw []byte) *inventoryv1.BusinessUnit {
	var unit struct {
		Source struct {
			Module, Name string
			Config       json.RawMessage
		}
		Reference string
		Name      string
	}
	if json.Unmarshal(raw, &unit) != nil {
		return nil
	}
	source := &inventoryv1.Source{Module: &unit.Source.Module, Name: &unit.Source.Name}
	if len(unit.Source.Config) > 0 {
		source.Config = proto.String(string(unit.Source.Config))
	}
	return &inventoryv1.BusinessUnit{Source: source, Reference: &unit.Reference, Name: &unit.Name}
}

// changedKeys lists the aggregator's keys that differ, in order.
func changedKeys(before, after *pack.Section) []string {
	b, a := addedKeys(before), addedKeys(after)
	var keys []string
	for _, key := range []string{"business_unit", "platform", "public_ip_address", "reference", "type"} {
		if string(b[key]) != string(a[key]) {
			keys = append(keys, key)
		}
	}
	return keys
}

// identifying are the kinds that platform, type and summary follow from.
var identifying = []string{"ec2_instance_metadata", "network_interfaces", "os_version", "system_info"}

// summarised tells whether any of the keys beside those is part of the summary itself.
func summarised(keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return key == "platform" || key == "type" || key == "business_unit" })
}

// identifies tells whether any of the kinds is one of those.
func identifies(kinds []string) bool {
	return slices.ContainsFunc(kinds, func(kind string) bool { return slices.Contains(identifying, kind) })
}
