// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// initFolder has the scripts of OpenRC and of System V's init.
const initFolder = "etc/init.d"

// script is what a script of initFolder says about itself.
type script struct {
	openrc, sysv         bool
	description          string
	command, commandUser string
}

// initScripts lists the scripts that init starts. Where systemd runs, its generator has made units of those of System V,
// and elsewhere a unit of the same name replaces the script.
func initScripts(h host.Host, files *memo, units *unitTree, booted bool) ([]*inventoryv1.Service, error) {
	entries, err := fs.ReadDir(h.FS(), initFolder)
	if err != nil {
		return nil, err
	}
	levels := runlevels(h)
	var rows []*inventoryv1.Service
	for _, e := range entries {
		name, file := e.Name(), initFolder+"/"+e.Name()
		if strings.HasPrefix(name, ".") || name == "README" || e.IsDir() {
			continue
		}
		s, err := remember(files, h, file, func() (script, error) {
			raw, err := host.ReadFile(h.FS(), file, smallFile)
			return parseScript(string(raw)), err
		})
		if err = units.denied.allow(file, err); err != nil {
			units.trouble = append(units.trouble, err)
		}
		_, replaced := units.paths[units.unaliased(name+".service")]
		switch {
		case s.openrc:
			rows = append(rows, openrcService(h, name, s, levels[name]))
		case s.sysv && !booted && !replaced:
			rows = append(rows, &inventoryv1.Service{
				Name: fact(name), Type: fact("sysv"), Description: fact(s.description), Path: fact("/" + file), Source: fact("/" + file),
				StartType: fact(startWord(levels[name])),
			})
		}
	}
	return rows, nil
}

// openrcService describes one service of OpenRC; /run/openrc is there once it runs.
//
// Source: openrc-run(8).
func openrcService(h host.Host, name string, s script, enabled bool) *inventoryv1.Service {
	row := &inventoryv1.Service{
		Name: fact(name), Type: fact("openrc"), Description: fact(s.description), StartType: fact(startWord(enabled)),
		Path: fact(s.command), User: fact(s.commandUser), Source: fact("/" + initFolder + "/" + name),
	}
	if exists(h, "run/openrc/softlevel") {
		row.State = fact("stopped")
		if _, err := fs.ReadLink(h.FS(), "run/openrc/started/"+name); err == nil {
			row.State = fact("running")
		}
	}
	return row
}

func startWord(enabled bool) string {
	if enabled {
		return "enabled"
	}
	return "disabled"
}

// runlevels returns the names that a runlevel of OpenRC or of System V starts.
func runlevels(h host.Host) map[string]bool {
	started := map[string]bool{}
	levels, _ := fs.ReadDir(h.FS(), "etc/runlevels") // none without OpenRC
	for _, level := range levels {
		entries, _ := fs.ReadDir(h.FS(), "etc/runlevels/"+level.Name())
		for _, e := range entries {
			started[e.Name()] = true
		}
	}
	for _, level := range []string{"S", "2", "3", "4", "5"} {
		for _, parent := range []string{"etc", "etc/rc.d"} {
			entries, err := fs.ReadDir(h.FS(), parent+"/rc"+level+".d")
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			for _, e := range entries {
				if name := e.Name(); len(name) > 3 && name[0] == 'S' { // S20name
					started[strings.TrimLeft(name[1:], "0123456789")] = true
				}
			}
		}
	}
	return started
}

// parseScript reads the first line, the header of the Linux Standard Base, and plain assignments of OpenRC.
func parseScript(text string) script {
	var s script
	first, _, _ := strings.Cut(text, "\n")
	interpreter := path.Base(strings.TrimSpace(strings.TrimPrefix(first, "#!")))
	switch {
	case !strings.HasPrefix(first, "#!"):
		return s
	case interpreter == "openrc-run" || interpreter == "runscript":
		s.openrc = true
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if value, ok := strings.CutPrefix(line, "# Short-Description:"); ok {
			s.sysv, s.description = true, strings.TrimSpace(value)
		}
		if strings.HasPrefix(line, "### BEGIN INIT INFO") || strings.HasPrefix(line, "# chkconfig:") {
			s.sysv = true
		}
		name, value, ok := strings.Cut(line, "=")
		if !s.openrc || !ok || strings.ContainsAny(value, "$`\\") {
			continue // a value that only the shell knows
		}
		value = strings.Trim(value, `"'`)
		switch name {
		case "description":
			s.description = value
		case "command":
			s.command = value
		case "command_user":
			s.commandUser, _, _ = strings.Cut(value, ":")
		}
	}
	s.sysv = s.sysv && !s.openrc
	return s
}
