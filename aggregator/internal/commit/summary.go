// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// summaryKinds are those that a summary is made from.
var summaryKinds = []string{"os_version", "system_info"}

// SummaryOf returns what lists would have shown of a snapshot that is stored, but for its business unit.
func SummaryOf(ctx context.Context, s *store.Store, sections pack.Sections) (store.Summary, error) {
	loaded := snapshot.Sections{}
	for _, kind := range summaryKinds {
		if sections[kind] == nil {
			continue
		}
		section, err := s.LoadSection(ctx, sections[kind])
		if err != nil {
			return store.Summary{}, err
		}
		loaded[kind] = section
	}
	return summaryOf(loaded, AddedOf(sections)), nil
}

// summaryOf reads the sections of summaryKinds.
func summaryOf(sections snapshot.Sections, added Added) store.Summary {
	var system struct {
		ComputerName  string `json:"computer_name"`
		Hostname      string `json:"hostname"`
		HardwareModel string `json:"hardware_model"`
	}
	if body := onlyBody(sections["system_info"]); body != nil {
		_ = json.Unmarshal(body, &system) // a key of an unexpected type leaves the others filled
	}
	s := store.Summary{
		ComputerName: system.ComputerName, HardwareModel: system.HardwareModel, Platform: added.Platform, Type: added.Type,
	}
	if s.ComputerName == "" {
		s.ComputerName = system.Hostname
	}
	if body := onlyBody(sections["os_version"]); body != nil {
		version := &inventoryv1.OSVersion{}
		options := protojson.UnmarshalOptions{DiscardUnknown: true}
		if options.Unmarshal(body, version) == nil { // a body of an unexpected form has no display
			s.OSVersion = normal.OSDisplay(version)
		}
	}
	return s
}
