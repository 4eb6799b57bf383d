// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// The local node of Open Directory: one property list per account, for the administrator alone.
const (
	macUsers      = "var/db/dslocal/nodes/Default/users"
	macGroups     = "var/db/dslocal/nodes/Default/groups"
	macAdminGroup = macGroups + "/admin.plist"
)

// firstMacUser is the lowest number of an account for a person.
const firstMacUser = 500

func init() {
	if !onMac {
		return
	}
	mac := []string{"darwin"}
	register(Collector{Name: "users", On: mac, Essential: true, CollectFiles: collectMacUsers})
	register(Collector{Name: "local_groups", On: mac, Essential: true, CollectFiles: collectMacGroups})
}

// collectMacUsers lists the local accounts. Of each property list the public attributes are read; those with the hash of
// the password, the avatar and the history of logins are passed over.
//
// Source: dscl(1), the record attributes of Open Directory.
func collectMacUsers(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	names, refused, err := accountLists(h, macUsers)
	if err != nil {
		return err
	}
	admins := peekDict(h, macAdminGroup)
	members := admins.Strings("users")
	rows, broken := eachDict(h, files, names, refused, macUserOf)
	for _, shared := range rows {
		if shared == nil {
			continue
		}
		u := proto.CloneOf(shared)
		if admins != nil {
			u.IsAdmin = proto.Bool(u.GetUid() == 0 || slices.Contains(members, u.GetName()))
		}
		snap.Users = append(snap.Users, u)
	}
	return partly(append(broken, refused.err())...)
}

// accountLists returns the property lists of a folder that must be readable for any account to be known.
func accountLists(h host.Host, folder string) ([]string, *gap, error) {
	if _, err := fs.ReadDir(h.FS(), folder); err != nil {
		return nil, nil, absent(err)
	}
	refused := &gap{}
	names, err := plistsIn(h, folder, refused)
	return names, refused, err
}

// macUserOf makes a row of an account; nil for a list without a name.
func macUserOf(_ string, d plist.Dict) *inventoryv1.User {
	name := d.First("name")
	if name == "" {
		return nil
	}
	u := &inventoryv1.User{
		Name: fact(name), Uid: number(d.First("uid")), Gid: number(d.First("gid")), Uuid: fact(strings.ToLower(d.First("generateduid"))),
		Description: fact(d.First("realname")), Home: fact(d.First("home")), Shell: fact(d.First("shell")),
	}
	if u.Uid != nil {
		u.Type = fact(choose(*u.Uid < firstMacUser || strings.HasPrefix(name, "_"), "system", "local"))
	}
	ways := d.Strings("authentication_authority")
	if u.GetType() == "local" || len(ways) > 0 {
		u.Disabled = proto.Bool(slices.ContainsFunc(ways, func(w string) bool { return strings.Contains(w, ";DisabledUser;") }))
	}
	return u
}

// collectMacGroups lists the local groups with the members that they name.
//
// Source: dscl(1).
func collectMacGroups(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	names, refused, err := accountLists(h, macGroups)
	if err != nil {
		return err
	}
	rows, broken := eachDict(h, files, names, refused, func(_ string, d plist.Dict) *inventoryv1.LocalGroup {
		g := &inventoryv1.LocalGroup{Name: fact(d.First("name")), Gid: number(d.First("gid")), Description: fact(d.First("realname"))}
		for _, m := range d.Strings("users") {
			g.Members = append(g.Members, clean(m))
		}
		slices.Sort(g.Members)
		g.Members = slices.Compact(g.Members)
		return g
	})
	for _, g := range rows {
		if g.Name != nil {
			snap.LocalGroups = append(snap.LocalGroups, g)
		}
	}
	return partly(append(broken, refused.err())...)
}

// macRealName is how an account's owner is called, where the agent may see it.
func macRealName(h host.Host, user string) string {
	if path.Base(user) != user {
		return ""
	}
	return peekDict(h, path.Join(macUsers, user+".plist")).First("realname")
}
