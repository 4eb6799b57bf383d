// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{
		Name: "local_groups", Essential: true, Collect: collectLocalGroups, Sources: []string{groupFile},
	})
}

const groupFile = "etc/group"

// collectLocalGroups lists local groups with the members that the group names; that a group is somebody's primary one
// stands in the users' gid.
//
// Source: group(5).
func collectLocalGroups(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := host.ReadFile(h.FS(), groupFile, largeFile)
	if err != nil {
		return absent(err)
	}
	snap.LocalGroups = parseGroup(string(raw))
	return nil
}

// parseGroup reads lines of four fields; lines of another shape are no groups, and the first of two equal names counts.
func parseGroup(text string) []*inventoryv1.LocalGroup {
	var groups []*inventoryv1.LocalGroup
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) != 4 || f[0] == "" || strings.ContainsAny(f[0][:1], "+-#") || seen[f[0]] {
			continue
		}
		gid := number(f[2])
		if gid == nil {
			continue
		}
		seen[f[0]] = true
		groups = append(groups, &inventoryv1.LocalGroup{Name: fact(f[0]), Gid: gid, Members: members(f[3])})
	}
	return groups
}

// members splits a list of names, sorts it and drops what is empty or there twice.
func members(list string) []string {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, clean(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
