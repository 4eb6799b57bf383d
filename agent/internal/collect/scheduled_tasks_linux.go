// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "scheduled_tasks", Essential: true, CollectFiles: collectScheduledTasks})
}

// collectScheduledTasks lists what systemd's timers, cron, anacron and at start. Passwords in command lines are masked.
func collectScheduledTasks(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	units := findUnits(h, files)
	snap.ScheduledTasks = timers(units)
	c := &crontabs{h: h, files: files}
	c.systemTables()
	c.folders()
	c.peoplesTables()
	c.atJobs()
	snap.ScheduledTasks = append(snap.ScheduledTasks, c.rows...)
	units.denied.paths = append(units.denied.paths, c.denied.paths...)
	return units.denied.with(append(units.trouble, c.trouble...))
}

// timers lists systemd's timers with what they start.
//
// Source: systemd.timer(5).
func timers(units *unitTree) []*inventoryv1.ScheduledTask {
	var rows []*inventoryv1.ScheduledTask
	for _, name := range units.units(".timer") {
		timer := units.load(name)
		start := units.startType(timer)
		row := &inventoryv1.ScheduledTask{Name: fact(name), Type: fact("systemd_timer")}
		rows = append(rows, row)
		if start != "" {
			row.Enabled = proto.Bool(start == "enabled" || start == "static" && units.scope(name) > nobodys)
		}
		if timer.file == "" {
			continue // masked
		}
		row.Source = fact("/" + timer.file)
		row.Description = fact(expand(timer.settings.last("Unit.Description"), name))
		row.Schedule = fact(timerSchedule(timer.settings))
		started := units.load(units.unaliased(firstOf(timer.settings.last("Timer.Unit"), strings.TrimSuffix(name, ".timer")+".service")))
		commands := started.settings.list("Service.ExecStart")
		for i, command := range commands {
			commands[i] = strings.TrimLeft(command, execPrefixes)
		}
		row.Command = fact(shortCommand(expand(strings.Join(commands, "; "), started.name)))
		row.User = fact(expand(started.settings.account(), started.name))
	}
	return rows
}

// timerSchedule joins the settings that say when, as they are written.
func timerSchedule(settings unitFile) string {
	var when []string
	for _, a := range settings {
		name, of := strings.CutPrefix(a.key, "Timer.On")
		switch {
		case !of:
		case a.value == "":
			// An empty one forgets those of its kind before it.
			when = slices.DeleteFunc(when, func(s string) bool { return strings.HasPrefix(s, "On"+name+"=") })
		default:
			when = append(when, "On"+name+"="+a.value)
		}
	}
	return strings.Join(when, "; ")
}

// entriesOf lists a folder that may be missing, which is nothing, or refused, which is a gap.
func (c *crontabs) entriesOf(folder string) []fs.DirEntry {
	entries, err := fs.ReadDir(c.h.FS(), folder)
	if err = c.denied.allow(folder, err); err != nil {
		c.trouble = append(c.trouble, err)
	}
	return entries[:min(len(entries), maxCrontabs)]
}
