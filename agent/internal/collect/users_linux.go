// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{
		Name: "users", Essential: true, Collect: collectUsers, Sources: []string{passwdFile, groupFile, shadowFile, loginDefsFile},
	})
}

const (
	passwdFile    = "etc/passwd"
	shadowFile    = "etc/shadow"
	loginDefsFile = "etc/login.defs"
)

// firstPersonUID is where the accounts of people begin unless login.defs says otherwise, and nobodyUID the account
// that owns nothing.
const (
	firstPersonUID = 1000
	nobodyUID      = 65534
)

// adminGroups are those whose members may become root: Debian's, that of Fedora and others, and old Ubuntu's.
var adminGroups = []string{"sudo", "wheel", "admin"}

// collectUsers lists local accounts; those of a directory are not asked for. Which are disabled stands beside the
// passwords, which only the administrator may read; nothing of a password leaves this file.
//
// Source: passwd(5), shadow(5), login.defs(5).
func collectUsers(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := host.ReadFile(h.FS(), passwdFile, largeFile)
	if err != nil {
		return absent(err)
	}
	snap.Users = parsePasswd(string(raw), uidMin(peek(h, loginDefsFile)))
	var denied gap
	groups, err := host.ReadFile(h.FS(), groupFile, largeFile)
	if err = denied.allow(groupFile, err); err != nil {
		return err
	}
	markAdmins(snap.Users, parseGroup(string(groups)))
	shadow, err := host.ReadFile(h.FS(), shadowFile, largeFile)
	if err = denied.allow(shadowFile, err); err != nil {
		return err
	}
	markDisabled(snap.Users, string(shadow), time.Now())
	return denied.err()
}

// markAdmins marks the members of adminGroups, also those whose primary group it is.
func markAdmins(users []*inventoryv1.User, groups []*inventoryv1.LocalGroup) {
	for _, g := range groups {
		if !slices.Contains(adminGroups, g.GetName()) {
			continue
		}
		for _, u := range users {
			if slices.Contains(g.GetMembers(), u.GetName()) || u.Gid != nil && u.GetGid() == g.GetGid() {
				u.IsAdmin = proto.Bool(true)
			}
		}
	}
}

// markDisabled says of every account in the table whether it is disabled: by usermod --lock, which puts a mark before the
// password, or because it has expired. An account that never had a password is not: people may enter it with a key.
func markDisabled(users []*inventoryv1.User, shadow string, now time.Time) {
	disabled := map[string]bool{}
	for line := range strings.Lines(shadow) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) != 9 || f[0] == "" {
			continue
		}
		if _, twice := disabled[f[0]]; twice {
			continue
		}
		expires := number(f[7]) // in days
		disabled[f[0]] = len(strings.TrimLeft(f[1], "!*")) > 0 && f[1][0] == '!' || expires != nil && *expires <= now.Unix()/86_400
	}
	for _, u := range users {
		if is, known := disabled[u.GetName()]; known {
			u.Disabled = proto.Bool(is)
		}
	}
}

// parsePasswd reads lines of seven fields. Lines of another shape (comments, the + and - of NIS) are no accounts, and
// of two with one name the first counts, as it does for the system.
func parsePasswd(text string, peopleFrom int64) []*inventoryv1.User {
	var users []*inventoryv1.User
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) != 7 || f[0] == "" || strings.ContainsAny(f[0][:1], "+-#") || seen[f[0]] {
			continue
		}
		uid, gid := number(f[2]), number(f[3])
		if uid == nil {
			continue
		}
		seen[f[0]] = true
		fullName, _, _ := strings.Cut(f[4], ",")
		u := &inventoryv1.User{
			Name: fact(f[0]), Uid: uid, Gid: gid, Description: fact(fullName), Home: fact(f[5]), Shell: fact(f[6]),
			Type: proto.String("system"),
		}
		if *uid >= peopleFrom && *uid != nobodyUID {
			u.Type = proto.String("local")
		}
		if *uid == 0 {
			u.IsAdmin = proto.Bool(true)
		}
		users = append(users, u)
	}
	return users
}

// uidMin reads UID_MIN of login.defs.
func uidMin(text string) int64 {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "UID_MIN" {
			continue
		}
		if n := number(f[1]); n != nil {
			return *n
		}
	}
	return firstPersonUID
}
