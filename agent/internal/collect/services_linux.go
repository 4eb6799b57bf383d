// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "services", Essential: true, CollectFiles: collectServices})
}

// collectServices lists the services of systemd and OpenRC, and the scripts of System V's init that no unit replaces.
// Templates are no services, their instances are; other names of a service are not listed.
func collectServices(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	t := findUnits(h, files)
	booted := exists(h, "run/systemd/system") // sd_booted(3)
	running := map[string]bool{}
	if booted {
		running = runningUnits(h)
	}
	for _, name := range t.units(".service") {
		u := t.load(name)
		row := t.service(u)
		if booted && t.stays(u, row.GetStartType()) {
			row.State = fact("stopped")
			if running[name] {
				row.State = fact("running")
			}
		}
		snap.Services = append(snap.Services, row)
	}
	scripts, err := initScripts(h, files, t, booted)
	snap.Services = append(snap.Services, scripts...)
	if err = t.denied.allow(initFolder, err); err != nil {
		t.trouble = append(t.trouble, err)
	}
	if len(snap.Services) == 0 && len(t.trouble) == 0 && t.denied.err() == nil {
		return ErrAbsent
	}
	return t.denied.with(t.trouble)
}

// service describes one service of systemd.
func (t *unitTree) service(u loadedUnit) *inventoryv1.Service {
	row := &inventoryv1.Service{Name: fact(u.name), Type: fact("systemd"), StartType: fact(t.startType(u))}
	if u.file == "" {
		return row
	}
	row.Description = fact(expand(u.settings.last("Unit.Description"), u.name))
	row.Path = fact(expand(u.settings.executable(), u.name))
	row.User = fact(expand(u.settings.account(), u.name))
	row.Source = fact("/" + u.file)
	if script := u.settings.last("Unit.SourcePath"); script != "" {
		row.Source = fact(script) // what a generator made the unit of
	}
	return row
}

// stays tells whether a service runs until somebody stops it, so that running or not is a fact: not one that ends by
// itself, and not one that is started on demand.
func (t *unitTree) stays(u loadedUnit, startType string) bool {
	if u.hidden || u.settings.last("Service.Type") == "oneshot" {
		return false
	}
	base := strings.TrimSuffix(u.name, ".service")
	for _, suffix := range []string{".socket", ".timer", ".path"} {
		if _, is := t.paths[base+suffix]; is && t.scope(base+suffix) > nobodys {
			return false
		}
	}
	switch startType {
	case "static":
		return t.scope(u.name) == vendors
	case "disabled":
		return u.settings.last("Service.Type") != "dbus" && u.settings.last("Service.BusName") == ""
	}
	return true
}

// Control groups of services: of version 2, of version 1 with a unified tree beside it, and of version 1.
var controlGroups = []string{"sys/fs/cgroup/unified", "sys/fs/cgroup/systemd", "sys/fs/cgroup"}

// runningUnits returns the services that have processes. Those of people's sessions and of containers are not asked.
//
// Source: cgroups(7); systemd's Control Group APIs and Delegation.
func runningUnits(h host.Host) map[string]bool {
	running := map[string]bool{}
	for _, root := range controlGroups {
		addRunning(h, root, 0, running)
	}
	return running
}

// addRunning looks through one group and the slices in it.
func addRunning(h host.Host, folder string, depth int, running map[string]bool) {
	entries, err := fs.ReadDir(h.FS(), folder)
	if err != nil || depth > 4 {
		return
	}
	for _, e := range entries {
		name, group := e.Name(), folder+"/"+e.Name()
		switch {
		case !e.IsDir() || name == "user.slice" || name == "machine.slice":
		case strings.HasSuffix(name, ".slice"):
			addRunning(h, group, depth+1, running)
		case strings.HasSuffix(name, ".service") && populated(h, group):
			running[name] = true
		}
	}
}

// populated tells whether a control group, or one in it, has processes.
func populated(h host.Host, group string) bool {
	if events := peek(h, group+"/cgroup.events"); events != "" {
		return strings.Contains(events, "populated 1")
	}
	if peek(h, group+"/cgroup.procs") != "" {
		return true
	}
	entries, _ := fs.ReadDir(h.FS(), group) // gone meanwhile: no processes
	for _, e := range entries {
		if e.IsDir() && peek(h, group+"/"+e.Name()+"/cgroup.procs") != "" {
			return true
		}
	}
	return false
}
