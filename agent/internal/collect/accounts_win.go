// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "users", On: []string{"windows"}, Essential: true, Collect: collectWindowsUsers})
	register(Collector{Name: "local_groups", On: []string{"windows"}, Essential: true, Collect: collectWindowsGroups})
	register(Collector{Name: "principal_user", On: []string{"windows"}, Collect: collectWindowsPrincipal})
}

// administratorsSID is the group whose members administer the machine.
const administratorsSID = "S-1-5-32-544"

// systemRIDs end the security identifiers of accounts that Windows made for itself: the guest's, the default account's and
// that of the application guard.
var systemRIDs = []string{"501", "503", "504"}

// collectWindowsUsers lists local accounts, and accounts of a directory that have a profile on the machine. The registry
// does not tell the latter's names: the last element of the profile's folder stands for it, which Windows names after the
// account.
//
// Source: NetUserEnum; ProfileList in the registry.
func collectWindowsUsers(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	accounts, groups, err := h.Accounts(ctx)
	if err != nil {
		return err
	}
	var admins []string
	for _, g := range groups {
		if g.SID == administratorsSID {
			admins = g.Members
		}
	}
	known := map[string]bool{}
	for _, a := range accounts {
		known[a.SID] = true
		snap.Users = append(snap.Users, localAccount(r, a, admins))
	}
	var refused gap
	err = r.each(keyProfiles, &refused, func(sid string, v regValues) error {
		home := v.text("ProfileImagePath")
		name := home[strings.LastIndexByte(home, '\\')+1:]
		if isPerson(sid) && !known[sid] && name != "" {
			snap.Users = append(snap.Users, &inventoryv1.User{
				Name: fact(name), Sid: fact(sid), Home: fact(home), Type: proto.String("directory"),
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused.err()
}

// localAccount makes a row of a local account.
func localAccount(r winRegistry, a host.Account, admins []string) *inventoryv1.User {
	rid := a.SID[strings.LastIndexByte(a.SID, '-')+1:]
	row := &inventoryv1.User{
		Name: fact(a.Name), Uid: number(rid), Sid: fact(a.SID), Description: fact(a.FullName), Type: proto.String("local"),
		Disabled: proto.Bool(a.Disabled), IsAdmin: proto.Bool(slices.Contains(admins, a.Name)),
	}
	if slices.Contains(systemRIDs, rid) {
		row.Type = proto.String("system")
	}
	if a.SID != "" {
		row.Home = fact(r.peek(keyProfiles + `\` + a.SID).text("ProfileImagePath"))
	}
	return row
}

// collectWindowsGroups lists local groups.
//
// Source: NetLocalGroupEnum, NetLocalGroupGetMembers.
func collectWindowsGroups(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	_, groups, err := h.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		row := &inventoryv1.LocalGroup{Name: fact(g.Name), Sid: fact(g.SID), Description: fact(g.Comment)}
		for _, m := range slices.Sorted(slices.Values(g.Members)) {
			row.Members = append(row.Members, clean(m))
		}
		snap.LocalGroups = append(snap.LocalGroups, row)
	}
	return nil
}

// collectWindowsPrincipal takes who logged in last at the screen for the person who uses the machine.
//
// Source: LogonUI in the registry.
func collectWindowsPrincipal(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	v, err := r.values(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\LogonUI`)
	if err != nil {
		return err
	}
	sid, name := v.text("LastLoggedOnUserSID"), strings.TrimPrefix(v.text("LastLoggedOnUser"), `.\`)
	if !isPerson(sid) || name == "" {
		return ErrAbsent
	}
	snap.PrincipalUser = &inventoryv1.PrincipalUser{
		Source:   &inventoryv1.PrincipalUserSource{Type: proto.String("LOGGED_IN_USER")},
		UniqueId: fact(sid), PrincipalName: fact(name), DisplayName: fact(v.text("LastLoggedOnDisplayName")),
	}
	return nil
}
