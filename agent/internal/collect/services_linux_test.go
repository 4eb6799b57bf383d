// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// systemdTree is a machine that systemd runs.
func systemdTree() fstest.MapFS {
	const lib = "usr/lib/systemd/system/"
	return fstest.MapFS{
		"lib":                             link("usr/lib"),
		lib + "ssh.service":               text("[Unit]\nDescription=Shell \\\n# a comment\n server\n[Service]\nExecStartPre=/usr/sbin/sshd -t\nExecStart=-/usr/sbin/sshd -D $OPTS\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n"),
		"etc/systemd/system/sshd.service": link("/usr/lib/systemd/system/ssh.service"),
		"etc/systemd/system/multi-user.target.wants/app.service": link("/usr/lib/systemd/system/app.service"),
		lib + "app.service":                                                             text("[Unit]\nDescription=App\n[Service]\nExecStart=/opt/app\nUser=app\n[Install]\nWantedBy=multi-user.target\n"),
		lib + "app.service.d/10-vendor.conf":                                            text("[Service]\nExecStart=/vendor\n"),
		"etc/systemd/system/app.service.d/10-vendor.conf":                               text("[Service]\nUser=other\n"),
		"etc/systemd/system/app.service.d/20-own.conf":                                  text("[Service]\nExecStart=\nExecStart=@\"/opt/my app/run\" app\n"),
		lib + "idle.service":                                                            text("[Service]\nExecStart=/idle\n[Install]\nWantedBy=multi-user.target\n"),
		lib + "journald.service":                                                        text("[Service]\nExecStart=/journald\n"),
		lib + "sysinit.target.wants/journald.service":                                   link("../journald.service"),
		lib + "bus.service":                                                             text("[Service]\nType=dbus\nBusName=a.b\nExecStart=/bus\n"),
		lib + "once.service":                                                            text("[Service]\nType=oneshot\nExecStart=/once\n[Install]\nWantedBy=x.target\n"),
		"etc/systemd/system/gone.service":                                               link("/dev/null"),
		"run/systemd/system/empty.service":                                              text(""),
		lib + "getty@.service":                                                          text("[Unit]\nDescription=Getty on %I\n[Service]\nExecStart=/sbin/agetty %i\n[Install]\nWantedBy=getty.target\n"),
		"etc/systemd/system/getty.target.wants/getty@tty1.service":                      link("/usr/lib/systemd/system/getty@.service"),
		lib + "cups.service":                                                            text("[Service]\nExecStart=/usr/sbin/cupsd\nDynamicUser=yes\n[Install]\nWantedBy=printer.target\nAlso=cups.socket\n"),
		lib + "cups.socket":                                                             text("[Install]\nWantedBy=sockets.target\n"),
		"etc/systemd/system/sockets.target.wants/cups.socket":                           link("/usr/lib/systemd/system/cups.socket"),
		"etc/systemd/system/printer.target.wants/cups.service":                          link("/usr/lib/systemd/system/cups.service"),
		"run/systemd/generator.late/old.service":                                        text("[Unit]\nSourcePath=/etc/init.d/old\n[Service]\nExecStart=/etc/init.d/old start\n"),
		"run/systemd/generator.late/multi-user.target.wants/old.service":                link("../old.service"),
		"etc/init.d/old":                                                                text("#!/bin/sh\n### BEGIN INIT INFO\n# Short-Description: Old\n"),
		"sys/fs/cgroup/system.slice/ssh.service/cgroup.procs":                           text("7\n"),
		"sys/fs/cgroup/system.slice/app.service/cgroup.events":                          text("populated 1\nfrozen 0\n"),
		"sys/fs/cgroup/system.slice/idle.service/cgroup.events":                         text("populated 0\nfrozen 0\n"),
		"sys/fs/cgroup/system.slice/journald.service/cgroup.procs":                      text("9\n"),
		"sys/fs/cgroup/system.slice/system-getty.slice/getty@tty1.service/cgroup.procs": text("10\n"),
	}
}

func TestServicesOfSystemd(t *testing.T) {
	t.Parallel()
	snap, err := gather(t, "services", &hosttest.Machine{Files: systemdTree()})
	const lib = "/usr/lib/systemd/system/"
	want := strings.Join([]string{
		"{description:App,name:app.service,path:/opt/my app/run,source:" + lib + "app.service,start_type:enabled,state:running,type:systemd,user:other}",
		"{name:bus.service,path:/bus,source:" + lib + "bus.service,start_type:static,type:systemd,user:root}",
		"{name:cups.service,path:/usr/sbin/cupsd,source:" + lib + "cups.service,start_type:enabled,type:systemd}",
		"{name:empty.service,start_type:masked,state:stopped,type:systemd}",
		"{description:Getty on tty1,name:getty@tty1.service,path:/sbin/agetty,source:" + lib + "getty@.service,start_type:enabled,state:running,type:systemd,user:root}",
		"{name:gone.service,start_type:masked,state:stopped,type:systemd}",
		"{name:idle.service,path:/idle,source:" + lib + "idle.service,start_type:disabled,state:stopped,type:systemd,user:root}",
		"{name:journald.service,path:/journald,source:" + lib + "journald.service,start_type:static,state:running,type:systemd,user:root}",
		"{name:old.service,path:/etc/init.d/old,source:/etc/init.d/old,start_type:enabled,state:stopped,type:systemd,user:root}",
		"{name:once.service,path:/once,source:" + lib + "once.service,start_type:disabled,type:systemd,user:root}",
		"{description:Shell  server,name:ssh.service,path:/usr/sbin/sshd,source:" + lib + "ssh.service,start_type:enabled,state:running,type:systemd,user:root}",
	}, "\n")
	if got := show(snap.Services...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
}

func TestServicesOfOtherInits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{
			"OpenRC",
			fstest.MapFS{
				"etc/init.d/sshd":             text("#!/sbin/openrc-run\ndescription=\"Secure shell\"\ncommand=/usr/sbin/sshd\ncommand_user=\"sshd:sshd\"\n"),
				"etc/init.d/crond":            text("#!/sbin/openrc-run\ncommand=\"/usr/sbin/${RC_SVCNAME}\"\n"),
				"etc/runlevels/default/sshd":  link("/etc/init.d/sshd"),
				"run/openrc/softlevel":        text("default"),
				"run/openrc/started/sshd":     link("/etc/init.d/sshd"),
				"etc/init.d/functions.sh":     text("not a service"),
				"etc/init.d/folder/something": text(""),
			},
			"{name:crond,source:/etc/init.d/crond,start_type:disabled,state:stopped,type:openrc}\n" +
				"{description:Secure shell,name:sshd,path:/usr/sbin/sshd,source:/etc/init.d/sshd,start_type:enabled,state:running,type:openrc,user:sshd}",
		},
		{
			"System V",
			fstest.MapFS{
				"etc/init.d/dbus":                      text("#!/bin/sh\n### BEGIN INIT INFO\n# Short-Description: D-Bus\n### END INIT INFO\n"),
				"etc/init.d/own":                       text("#!/bin/sh\n# chkconfig: 2345 10 20\n"),
				"etc/init.d/functions":                 text("#!/bin/sh\n"),
				"etc/rc2.d/S01own":                     link("../init.d/own"),
				"usr/lib/systemd/system/dbus.service":  text("[Service]\nExecStart=/dbus\n"),
				"usr/lib/systemd/system/other.timer":   text(""),
				"usr/lib/systemd/system/a@.service":    text("[Service]\n"),
				"usr/lib/systemd/system/graph.target":  text(""),
				"usr/lib/systemd/system/alias.service": link("dbus.service"),
			},
			"{name:dbus.service,path:/dbus,source:/usr/lib/systemd/system/dbus.service,start_type:static,type:systemd,user:root}\n" +
				"{name:own,path:/etc/init.d/own,source:/etc/init.d/own,start_type:enabled,type:sysv}",
		},
	}
	for _, tt := range tests {
		snap, err := gather(t, "services", &hosttest.Machine{Files: tt.files})
		if got := show(snap.Services...); err != nil || got != tt.want {
			t.Errorf("%s: got\n%s, %v\nwant\n%s", tt.name, got, err, tt.want)
		}
	}
	if _, err := gather(t, "services", &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no init: got %v", err)
	}
	refused := &hosttest.Machine{Files: deny{systemdTree(), map[string]bool{"usr/lib/systemd/system/bus.service": true}}}
	snap, err := gather(t, "services", refused)
	if !errors.Is(err, fs.ErrPermission) || len(snap.Services) != 11 {
		t.Fatalf("got %d services, %v", len(snap.Services), err)
	}
	if got := show(snap.Services[1]); got != "{name:bus.service,source:/usr/lib/systemd/system/bus.service,type:systemd}" {
		t.Errorf("a unit that is refused: got %s", got)
	}
}

// listed returns the units of one type that systemctl finds in the files of this machine, with their state.
func listed(t *testing.T, kind string) map[string]string {
	t.Helper()
	out, err := exec.Command("systemctl", "--root=/", "list-unit-files", "--type="+kind, "--no-legend", "--no-pager").Output()
	if err != nil {
		t.Skipf("systemctl: %v", err)
	}
	states := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[1] == "alias" || f[1] == "transient" || strings.Contains(f[0], "@.") {
			continue
		}
		word, _, _ := strings.Cut(f[1], "-")
		if word == "indirect" || word == "linked" {
			word = "disabled"
		}
		states[f[0]] = word
	}
	return states
}

func TestServicesOfThisMachineAreThoseOfSystemctl(t *testing.T) {
	t.Parallel()
	want := listed(t, "service")
	snap, err := gather(t, "services", &hosttest.Machine{Files: os.DirFS("/")})
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	for _, s := range snap.Services {
		name := s.GetName()
		if s.GetType() != "systemd" || templateOf(name) != "" || strings.HasPrefix(s.GetSource(), "/etc/init.d/") {
			continue // list-unit-files knows templates only, and nothing of init
		}
		if state := want[name]; state != s.GetStartType() && state != "generated" {
			t.Errorf("%s: got %s, systemctl says %q", name, s.GetStartType(), state)
		}
		delete(want, name)
	}
	for name, state := range want {
		t.Errorf("%s is missing, systemctl says %s", name, state)
	}
}

func FuzzUnitFile(f *testing.F) {
	f.Add("[Service]\nExecStart=@\"/a b\" \\\n c\nUser=%i\n[Install]\nAlias=x", `a-b\x2dc`)
	f.Add("ExecStart=\"", "@.")
	f.Add("#!/sbin/openrc-run\ndescription=\"", `\x`)
	f.Fuzz(func(t *testing.T, file, name string) {
		settings := parseUnitFile(file)
		_ = settings.executable()
		_ = expand(settings.last("Unit.Description"), name)
		_ = parseScript(file)
		if unescapeUnit(name) == "" && strings.Trim(name, " ") != "" {
			t.Errorf("%q: nothing is left", name)
		}
		m := &hosttest.Machine{Files: fstest.MapFS{"etc/systemd/system/a@.service": text(file), "etc/systemd/system/x.wants/a@b.service": link(name)}}
		_, _ = gather(t, "services", m) // facts or an error, no panic
	})
}
