// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "profiles", On: []string{"darwin"}, Essential: true, Collect: collectProfiles})
}

// collectProfiles lists the configuration profiles of the machine and, where the agent may see them, of its users; a
// profile that several have is one row. What the profiles set is left out: there are passwords and keys in it. The files
// of the system that hold the profiles are closed even to the administrator, so its own program is asked.
//
// Source: profiles(1); Apple's Configuration Profile Reference.
func collectProfiles(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := h.Output(ctx, host.ProfileList)
	if err != nil {
		return absent(err)
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '<' {
		return nil // in words: there are no configuration profiles
	}
	owners, err := plist.DecodeDict(raw)
	if err != nil {
		return fmt.Errorf("output of profiles: %w", err)
	}
	seen := map[string]bool{}
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		for _, p := range owners.Dicts(owner) {
			row := profileOf(p)
			if row.GetUuid() == "" || seen[row.GetUuid()] {
				continue
			}
			seen[row.GetUuid()] = true
			snap.Profiles = append(snap.Profiles, row)
		}
	}
	return nil
}

// profileOf describes one profile.
func profileOf(p plist.Dict) *inventoryv1.Profile {
	row := &inventoryv1.Profile{
		Uuid: fact(p.Text("ProfileUUID")), Identifier: fact(p.Text("ProfileIdentifier")),
		DisplayName: fact(p.Text("ProfileDisplayName")), Description: fact(p.Text("ProfileDescription")),
		Organization: fact(p.Text("ProfileOrganization")), RemovalDisallowed: p.Bool("ProfileRemovalDisallowed"),
		HasRemovalPasscode: p.Bool("ProfileHasRemovalPasscode"), Encrypted: p.Bool("ProfileEncrypted"),
		InstallDate: installTime(p.Time("ProfileInstallDate")),
	}
	if state := p.Text("ProfileVerificationState"); state != "" {
		verified := state == "verified"
		row.Verified = &verified
	}
	for _, item := range p.Dicts("ProfileItems") {
		row.Payloads = append(row.Payloads, &inventoryv1.Payload{
			Uuid: fact(item.Text("PayloadUUID")), Identifier: fact(item.Text("PayloadIdentifier")),
			DisplayName: fact(item.Text("PayloadDisplayName")), Description: fact(item.Text("PayloadDescription")),
			Type: fact(item.Text("PayloadType")),
		})
	}
	return row
}
