// SPDX-License-Identifier: Apache-2.0

// Package collect turns a machine into inventory: one collector per subject, one file per collector.
//
// Collectors read through host.Host, return facts or an error, and neither log nor guess. They start no program; what only
// programs of macOS tell is behind host.Host, too. What a machine's facts are called and how they are normalised is fixed
// by the messages of rollcall/inventory/v1.
//
// A collector of one system is in <kind>_linux.go, <kind>_mac.go or <kind>_win.go, one that works on several in <kind>.go.
// Only the Linux files are compiled for their system alone; the others are ordinary Go, so that tests on any system can run
// them on a captured tree. What needs the system itself is behind host.Host.
package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"syscall"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// ErrAbsent is a collector's way to say that this machine has none of what it collects: no dpkg, no firmware table.
// It is a fact, not a failure.
var ErrAbsent = errors.New("not on this machine")

// Collector gathers the sections of its kinds.
type Collector struct {
	// Name is unique, and what configuration switches off; it equals the main kind.
	Name string
	// Kinds are the sections that it fills, Name alone when empty.
	Kinds []string
	// On lists the systems that it works on, as Go names them: linux, darwin, windows. Linux alone when empty.
	On []string
	// Essential marks kinds that every machine has: absent means empty, not dropped.
	Essential bool
	// Sources are all files that the result depends on, in the tree of host.FS. A collector that names them is not run
	// again while none of them changed; a folder stands for the names in it. Leave it out for files of /proc and /sys.
	Sources []string
	// Collect adds what it finds to snap, which holds nothing yet and belongs to it. It may return facts together with
	// what a gap or partly makes of its troubles; with any other error the facts are thrown away.
	Collect func(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error
	// CollectFiles takes the place of Collect for a collector whose files are not known beforehand: it puts what it makes
	// of each file into the memo, and is spared the work on those that did not change.
	CollectFiles func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error
}

// registries holds all collectors, by system and name; filled by init functions, read-only afterwards.
var registries = map[string]map[string]Collector{}

// register adds a collector. It panics on a name or kind that is taken or not in the model: a programmer's mistake.
func register(c Collector) {
	if len(c.Kinds) == 0 {
		c.Kinds = []string{c.Name}
	}
	if len(c.On) == 0 {
		c.On = []string{"linux"}
	}
	for _, kind := range c.Kinds {
		if fieldOf(kind) == nil {
			panic("collector " + c.Name + ": no such kind: " + kind)
		}
	}
	for _, system := range c.On {
		registerOn(system, c)
	}
}

// registerOn is register for one system.
func registerOn(system string, c Collector) {
	if registries[system] == nil {
		registries[system] = map[string]Collector{}
	}
	registry := registries[system]
	if _, taken := registry[c.Name]; taken {
		panic("collector registered twice: " + c.Name)
	}
	for _, kind := range c.Kinds {
		for _, other := range registry {
			if slices.Contains(other.Kinds, kind) {
				panic("kind collected twice: " + kind)
			}
		}
	}
	registry[c.Name] = c
}

// here returns the collectors of the system that the program was built for.
func here() map[string]Collector { return registries[runtime.GOOS] }

// Names returns the collectors that this operating system has, sorted.
func Names() []string { return slices.Sorted(maps.Keys(here())) }

// unreadable is what a collector could not read for want of privilege while the rest of its facts are good.
type unreadable struct{ paths []string }

// Error implements error.
func (u *unreadable) Error() string {
	return "permission denied: " + strings.Join(u.paths, ", ")
}

// Is makes errors.Is(err, fs.ErrPermission) hold.
func (u *unreadable) Is(target error) bool { return target == fs.ErrPermission }

// partial is what a collector could not make sense of while the rest of its facts are good: one broken file of many.
type partial struct{ errs []error }

// partly returns an error that costs only what it is about, so that the collector's other facts count; nil for none.
func partly(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return &partial{errs}
}

// Error implements error.
func (p *partial) Error() string {
	texts := make([]string, len(p.errs))
	for i, err := range p.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap lets errors.Is and errors.As see all of them.
func (p *partial) Unwrap() []error { return p.errs }

// gap collects what a collector may not read and can do without.
type gap struct{ unreadable }

// allow passes an error on, unless it is a refusal to read path, which it notes. A missing file is no error either, nor
// is a path that leads through a file or in circles: anybody can make such a one of his own folders.
func (g *gap) allow(path string, err error) error {
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return nil
	case errors.Is(err, fs.ErrPermission):
		g.paths = append(g.paths, "/"+path)
		return nil
	}
	return fmt.Errorf("read %s: %w", path, err)
}

// err is nil when everything could be read.
func (g *gap) err() error {
	if len(g.paths) == 0 {
		return nil
	}
	return &g.unreadable
}

// with is err of a collector that has other troubles too: its facts count in any case.
func (g *gap) with(troubles []error) error {
	if len(troubles) == 0 {
		return g.err()
	}
	return partly(append(troubles, g.err())...)
}
