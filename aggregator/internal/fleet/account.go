// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// The accounts of a fresh Debian system.
var (
	debianUsers = []struct {
		name, home string
		uid, gid   int64
	}{
		{"root", "/root", 0, 0},
		{"daemon", "/usr/sbin", 1, 1},
		{"bin", "/bin", 2, 2},
		{"sys", "/dev", 3, 3},
		{"sync", "/bin", 4, 65534},
		{"games", "/usr/games", 5, 60},
		{"man", "/var/cache/man", 6, 12},
		{"lp", "/var/spool/lpd", 7, 7},
		{"mail", "/var/mail", 8, 8},
		{"news", "/var/spool/news", 9, 9},
		{"proxy", "/bin", 13, 13},
		{"www-data", "/var/www", 33, 33},
		{"backup", "/var/backups", 34, 34},
		{"_apt", "/nonexistent", 42, 65534},
		{"nobody", "/nonexistent", 65534, 65534},
		{"systemd-network", "/", 998, 998},
		{"sshd", "/run/sshd", 101, 65534},
	}
	debianGroups = []struct {
		name string
		gid  int64
	}{
		{"root", 0},
		{"daemon", 1},
		{"bin", 2},
		{"sys", 3},
		{"adm", 4},
		{"tty", 5},
		{"disk", 6},
		{"lp", 7},
		{"mail", 8},
		{"cdrom", 24},
		{"sudo", 27},
		{"audio", 29},
		{"www-data", 33},
		{"backup", 34},
		{"shadow", 42},
		{"video", 44},
		{"plugdev", 46},
		{"users", 100},
		{"nogroup", 65534},
	}
)

func systemUsers() []*inventoryv1.User {
	var users []*inventoryv1.User
	for _, a := range debianUsers {
		u := &inventoryv1.User{
			Name: &a.name, Uid: &a.uid, Gid: &a.gid, Home: &a.home, Description: &a.name,
			Shell: proto.String("/usr/sbin/nologin"), Type: proto.String("system"),
		}
		if a.uid == 0 {
			u.Shell, u.IsAdmin = proto.String("/bin/bash"), proto.Bool(true)
		}
		users = append(users, u)
	}
	return users
}

func systemGroups() []*inventoryv1.LocalGroup {
	var groups []*inventoryv1.LocalGroup
	for _, g := range debianGroups {
		groups = append(groups, &inventoryv1.LocalGroup{Name: &g.name, Gid: &g.gid})
	}
	return groups
}
