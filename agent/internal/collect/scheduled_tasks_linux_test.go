// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// taskTree has one task of each kind.
func taskTree() fstest.MapFS {
	return fstest.MapFS{
		"usr/lib/systemd/system/trim.timer":                 text("[Unit]\nDescription=Trim weekly\n[Timer]\nOnCalendar=weekly\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n"),
		"usr/lib/systemd/system/trim.service":               text("[Service]\nType=oneshot\nExecStart=/sbin/fstrim --all --token=abc\n"),
		"usr/lib/systemd/system/trim.timer.d/a.conf":        text("[Timer]\nOnCalendar=\nOnCalendar=daily\n"),
		"etc/systemd/system/timers.target.wants/trim.timer": link("/usr/lib/systemd/system/trim.timer"),
		"usr/lib/systemd/system/off.timer":                  text("[Timer]\nOnCalendar=daily\nUnit=trim.service\n[Install]\nWantedBy=timers.target\n"),
		"etc/crontab":                                       text("SHELL=/bin/sh\nPATH = /bin\n# m h\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n@reboot jane /opt/start\nbroken\n"),
		"etc/cron.d/backup":                                 text("MAILTO=\"\"\n*/5 1-3 * * 1 www-data PGPASSWORD=s3cret pg_dump x\n"),
		"etc/cron.d/.hidden":                                text("* * * * * root x\n"),
		"etc/cron.d/a.dpkg-old":                             text("* * * * * root x\n"),
		"etc/cron.daily/rotate":                             {Data: []byte("#!/bin/sh\n"), Mode: 0o755},
		"etc/cron.daily/off":                                {Data: []byte("#!/bin/sh\n"), Mode: 0o644},
		"etc/anacrontab":                                    text("RANDOM_DELAY=45\n1\t5\tcron.daily\tnice run-parts /etc/cron.daily\n"),
		"var/spool/cron/crontabs/jane":                      text("0 4 * * * curl -u jane:pw https://x\n"),
		"var/spool/cron/atjobs/a0000501b5c3e0":              text("secret environment"),
		"var/spool/cron/atjobs/.SEQ":                        text(""),
	}
}

func TestScheduledTasks(t *testing.T) {
	t.Parallel()
	snap, err := gather(t, "scheduled_tasks", &hosttest.Machine{Files: taskTree()})
	want := strings.Join([]string{
		"{command:/sbin/fstrim --all --token=***,enabled:false,name:off.timer,schedule:OnCalendar=daily,source:/usr/lib/systemd/system/off.timer,type:systemd_timer,user:root}",
		"{command:/sbin/fstrim --all --token=***,description:Trim weekly,enabled:true,name:trim.timer,schedule:OnBootSec=1h; OnCalendar=daily,source:/usr/lib/systemd/system/trim.timer,type:systemd_timer,user:root}",
		"{command:cd / && run-parts --report /etc/cron.hourly,enabled:true,name:crontab,schedule:17 * * * *,source:/etc/crontab,type:cron,user:root}",
		"{command:/opt/start,enabled:true,name:crontab,schedule:@reboot,source:/etc/crontab,type:cron,user:jane}",
		"{command:PGPASSWORD=*** pg_dump x,enabled:true,name:backup,schedule:*/5 1-3 * * 1,source:/etc/cron.d/backup,type:cron,user:www-data}",
		"{command:nice run-parts /etc/cron.daily,enabled:true,name:cron.daily,schedule:1 5,source:/etc/anacrontab,type:anacron,user:root}",
		"{command:/etc/cron.daily/off,enabled:false,name:off,schedule:@daily,source:/etc/cron.daily/off,type:cron,user:root}",
		"{command:/etc/cron.daily/rotate,enabled:true,name:rotate,schedule:@daily,source:/etc/cron.daily/rotate,type:cron,user:root}",
		"{command:curl -u jane:*** https://x,enabled:true,name:jane,schedule:0 4 * * *,source:/var/spool/cron/crontabs/jane,type:cron,user:jane}",
		"{enabled:true,name:at 5,schedule:2024-07-19T04:16:00,source:/var/spool/cron/atjobs/a0000501b5c3e0,type:at}",
	}, "\n")
	if got := show(snap.ScheduledTasks...); err != nil || got != want {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	refused := &hosttest.Machine{Files: deny{taskTree(), map[string]bool{"var/spool/cron/crontabs": true, "etc/crontab": true}}}
	snap, err = gather(t, "scheduled_tasks", refused)
	if !errors.Is(err, fs.ErrPermission) || len(snap.ScheduledTasks) != 7 || !strings.Contains(err.Error(), "/var/spool/cron/crontabs") {
		t.Errorf("got %d tasks, %v", len(snap.ScheduledTasks), err)
	}
}

func TestTimersOfThisMachineAreThoseOfSystemctl(t *testing.T) {
	t.Parallel()
	want := listed(t, "timer")
	snap, err := gather(t, "scheduled_tasks", &hosttest.Machine{Files: os.DirFS("/")})
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	for _, task := range snap.ScheduledTasks {
		if task.GetType() != "systemd_timer" || templateOf(task.GetName()) != "" {
			continue
		}
		if (want[task.GetName()] == "enabled") != task.GetEnabled() && want[task.GetName()] != "static" {
			t.Errorf("%s: got enabled %v, systemctl says %q", task.GetName(), task.GetEnabled(), want[task.GetName()])
		}
		delete(want, task.GetName())
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

func FuzzCrontab(f *testing.F) {
	f.Add("17 * * * * root cd / && x\n@daily x y\nA=b\n-* * * * * r c")
	f.Add("1 5 cron.daily nice run-parts")
	f.Fuzz(func(t *testing.T, table string) {
		rows := append(parseCrontab(table, "n", ""), parseCrontab(table, "n", "u")...)
		for _, row := range append(rows, parseAnacrontab(table)...) {
			if row.Command == nil || row.Schedule == nil || row.User == nil {
				t.Errorf("bad row %s", show(row))
			}
		}
	})
}
