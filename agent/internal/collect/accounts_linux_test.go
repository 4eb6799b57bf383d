// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"testing"
	"testing/fstest"

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
		for _, u := range parsePasswd(list, 1000) {
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
