// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{Files: fstest.MapFS{
		"etc/passwd": text("root:x:0:0:root:/root:/bin/bash\n" + // uid 0 is a user too
			"daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n# a comment\n+::::::\n-nobody\nbroken:x:y:1:::\n" +
			"jane:x:1000:1000:Jane Doe,Room 1,,:/home/jane:/bin/zsh\nroot:x:5:5:second:/:/bin/sh\n" +
			"nobody:x:65534:65534:nobody:/nonexistent:\n"),
		"etc/login.defs": text("# UID_MIN 1\nUID_MIN\t\t500\n"),
	}}
	snap, err := gather(t, "users", m)
	want := "{description:root,gid:0,home:/root,is_admin:true,name:root,shell:/bin/bash,type:system,uid:0}\n" +
		"{description:daemon,gid:1,home:/usr/sbin,name:daemon,shell:/usr/sbin/nologin,type:system,uid:1}\n" +
		"{description:Jane Doe,gid:1000,home:/home/jane,name:jane,shell:/bin/zsh,type:local,uid:1000}\n" +
		"{description:nobody,gid:65534,home:/nonexistent,name:nobody,type:system,uid:65534}"
	// int64 is a string in protojson, whose quotes are gone here
	if got := show(snap.Users...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	if _, err := gather(t, "users", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no passwd: got %v, want %v", err, ErrAbsent)
	}
}

func TestAdministratorsAndDisabledAccounts(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"etc/passwd": text("root:x:0:0::/root:/bin/sh\njane:x:1000:1000::/home/jane:/bin/sh\njoe:x:1001:27::/home/joe:/bin/sh\n" +
			"cloud:x:1002:1002::/home/cloud:/bin/sh\nold:x:1003:1003::/home/old:/bin/sh\nnew:x:1004:1004::/home/new:/bin/sh\n"),
		"etc/group":  text("sudo:x:27:jane\nwheel:x:10:\nvideo:x:44:cloud\n"),
		"etc/shadow": text("root:*:19000:0:99999:7:::\njane:!$y$j9T$secret:19000:0:99999:7:::\ncloud:!:19000::::::\nold:$6$secret:1:0:99999:7::100:\nnew:$6$secret:1:0:99999:7::99999:\n"),
	}
	snap, err := gather(t, "users", &hosttest.Machine{Files: files})
	if err != nil || strings.Contains(show(snap.Users...), "secret") {
		t.Fatalf("got %s, %v", show(snap.Users...), err)
	}
	got := ""
	for _, u := range snap.Users {
		got += fmt.Sprintf("%s %t %s\n", u.GetName(), u.GetIsAdmin(), show(&inventoryv1.User{Disabled: u.Disabled}))
	}
	want := "root true {disabled:false}\njane true {disabled:true}\njoe true {}\ncloud false {disabled:false}\nold false {disabled:true}\nnew false {disabled:false}\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	refused := &hosttest.Machine{Files: deny{files, map[string]bool{"etc/shadow": true}}}
	if snap, err := gather(t, "users", refused); !errors.Is(err, fs.ErrPermission) || len(snap.Users) != 6 || snap.Users[1].Disabled != nil {
		t.Errorf("got %s, %v", show(snap.Users...), err)
	}
}

func TestAccountsOfThisMachineAreThoseOfGetent(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{Files: os.DirFS("/")}
	users, err := gather(t, "users", m)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	groups, err := gather(t, "local_groups", m)
	if err != nil {
		t.Fatal(err)
	}
	var gotUsers, gotGroups []string
	for _, u := range users.Users {
		gotUsers = append(gotUsers, fmt.Sprintf("%s:%d:%d:%s:%s", u.GetName(), u.GetUid(), u.GetGid(), u.GetHome(), u.GetShell()))
	}
	for _, g := range groups.LocalGroups {
		gotGroups = append(gotGroups, fmt.Sprintf("%s:%d:%s", g.GetName(), g.GetGid(), strings.Join(g.GetMembers(), ",")))
	}
	for table, got := range map[string][]string{"passwd": gotUsers, "group": gotGroups} {
		out, err := exec.Command("getent", "--service=files", table).Output()
		if err != nil {
			t.Skipf("getent: %v", err)
		}
		var want []string
		for line := range strings.Lines(string(out)) {
			f := strings.Split(strings.TrimSpace(line), ":")
			if table == "passwd" {
				want = append(want, strings.Join([]string{f[0], f[2], f[3], f[5], f[6]}, ":"))
				continue
			}
			want = append(want, f[0]+":"+f[2]+":"+strings.Join(members(f[3]), ","))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, getent says %v", table, got, want)
		}
	}
}

func TestLocalGroups(t *testing.T) {
	t.Parallel()
	m := &hosttest.Machine{Files: fstest.MapFS{
		"etc/group": text("root:x:0:\nsudo:x:27:zoe,jane,,jane\nbroken:x\nvideo:x:44:jane\nsudo:x:99:\n"),
	}}
	snap, err := gather(t, "local_groups", m)
	want := "{gid:0,name:root}\n{gid:27,members:[jane,zoe],name:sudo}\n{gid:44,members:[jane],name:video}"
	if got := show(snap.LocalGroups...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n+\n:::::::")
	f.Add("sudo:x:27:a,b\nsudo:x:-1:\xff")
	f.Fuzz(func(t *testing.T, list string) {
		users := parsePasswd(list, 1000)
		markAdmins(users, parseGroup(list))
		markDisabled(users, list, time.Unix(1, 0))
		for _, u := range users {
			if u.Name == nil || u.Uid == nil {
				t.Errorf("bad row %s", show(u))
			}
		}
		for _, g := range parseGroup(list) {
			if g.Name == nil || g.Gid == nil {
				t.Errorf("bad row %s", show(g))
			}
		}
	})
}

func FuzzKernelTables(f *testing.F) {
	f.Add("processor : 0\nmodel name : x\n\nHardware : y")
	f.Fuzz(func(t *testing.T, table string) {
		m := &hosttest.Machine{Files: fstest.MapFS{
			"proc/cpuinfo": text(table), "proc/meminfo": text(table), "etc/hosts": text(table), "etc/hostname": text(table),
			"sys/class/dmi/id/bios_date": text(table), "sys/class/dmi/id/chassis_type": text(table),
		}}
		for _, name := range []string{"system_info", "processors", "bios", "board"} {
			_, _ = gather(t, name, m) // facts or an error, no panic
		}
	})
}
