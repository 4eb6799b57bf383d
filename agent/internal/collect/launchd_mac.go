// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// launchFolders are where launchd finds what it starts, and homeAgents where it finds what it starts for one user.
var (
	launchFolders = []string{"System/Library/LaunchDaemons", "System/Library/LaunchAgents", "Library/LaunchDaemons", "Library/LaunchAgents"}
	homeAgents    = "Library/LaunchAgents"
)

// launchOverrides says which jobs were switched off or on, whatever their own property list says.
const launchOverrides = "var/db/com.apple.xpc.launchd/disabled.plist"

// launchJob is one job of launchd.
type launchJob struct {
	label, path, command, user, source string
	// atLoad tells that it starts by itself, and disabled that its own property list switches it off.
	atLoad, disabled bool
	// schedule spells when it starts; "" when no clock starts it.
	schedule string
}

// launchJobs reads all jobs. What cannot be read comes back as a partial error beside them.
//
// Source: launchd.plist(5).
func launchJobs(h host.Host, files *memo) ([]launchJob, error) {
	var refused gap
	folders := slices.Clone(launchFolders)
	homes, err := macHomes(h)
	if err != nil && !errors.Is(err, ErrAbsent) {
		if err := refused.allow("Users", err); err != nil {
			return nil, err
		}
	}
	for _, home := range homes {
		folders = append(folders, path.Join(home, homeAgents))
	}
	var names []string
	for _, folder := range folders {
		found, err := plistsIn(h, folder, &refused)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	all, broken := eachDict(h, files, names, &refused, launchJobOf)
	jobs := slices.DeleteFunc(all, func(j launchJob) bool { return j.label == "" })
	overrides, err := readDict(h, launchOverrides)
	if err := refused.allow(launchOverrides, err); err != nil {
		broken = append(broken, err)
	}
	for i := range jobs {
		if disabled := overrides.Bool(jobs[i].label); disabled != nil {
			jobs[i].disabled = *disabled
		}
	}
	return jobs, partly(append(broken, refused.err())...)
}

// launchJobOf reads one job.
func launchJobOf(name string, d plist.Dict) launchJob {
	words := d.Strings("ProgramArguments")
	program := d.Text("Program")
	if program == "" && len(words) > 0 {
		program = words[0]
	}
	command := strings.Join(words, " ")
	keep := d.Is("KeepAlive")
	if conditions := d.Dict("KeepAlive"); conditions != nil {
		keep = true
	}
	return launchJob{
		label: d.Text("Label"), path: cmp.Or(program, d.Text("BundleProgram")), command: maskSecrets(cmp.Or(command, program)),
		user: d.Text("UserName"), source: "/" + name, atLoad: d.Is("RunAtLoad") || keep, disabled: d.Is("Disabled"),
		schedule: launchSchedule(d),
	}
}

// launchSchedule spells when the clock starts a job with the keys of its property list.
func launchSchedule(d plist.Dict) string {
	var parts []string
	if every := d.Int("StartInterval"); every != nil {
		parts = append(parts, "StartInterval="+d.Text("StartInterval"))
	}
	for _, at := range d.Dicts("StartCalendarInterval") {
		var fields []string
		for _, key := range slices.Sorted(maps.Keys(at)) {
			if at.Int(key) != nil {
				fields = append(fields, key+"="+at.Text(key))
			}
		}
		parts = append(parts, "StartCalendarInterval("+strings.Join(fields, " ")+")")
	}
	return strings.Join(parts, " ")
}
