// SPDX-License-Identifier: Apache-2.0

// Package collect turns a machine into inventory: one collector per subject, one file per collector.
//
// Collectors read through host.Host, return facts or an error, and neither log nor guess. They never start a program.
// What a machine's facts are called and how they are normalised is fixed by the messages of rollcall/inventory/v1.
package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

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
	// Essential marks kinds that every machine has: absent means empty, not dropped.
	Essential bool
	// Sources are all files that the result depends on, in the tree of host.FS. A collector that names them is not run
	// again while none of them changed; a folder stands for the names in it. Leave it out for files of /proc and /sys.
	Sources []string
	// Collect adds what it finds to snap, which holds nothing yet and belongs to it. It may return facts and a partial
	// error together; with any other error the facts are thrown away.
	Collect func(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error
}

// registry holds all collectors of this operating system by name; filled by init functions, read-only afterwards.
var registry = map[string]Collector{}

// register adds a collector. It panics on a name or kind that is taken or not in the model: a programmer's mistake.
func register(c Collector) {
	if len(c.Kinds) == 0 {
		c.Kinds = []string{c.Name}
	}
	if _, taken := registry[c.Name]; taken {
		panic("collector registered twice: " + c.Name)
	}
	for _, kind := range c.Kinds {
		if fieldOf(kind) == nil {
			panic("collector " + c.Name + ": no such kind: " + kind)
		}
		for _, other := range registry {
			if slices.Contains(other.Kinds, kind) {
				panic("kind collected twice: " + kind)
			}
		}
	}
	registry[c.Name] = c
}

// Names returns the collectors that this operating system has, sorted.
func Names() []string {
	names := make([]string, 0, len(registry))
	for name := range registry {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unreadable is what a collector could not read for want of privilege while the rest of its facts are good.
type unreadable struct{ paths []string }

// Error implements error.
func (u *unreadable) Error() string {
	return "permission denied: " + strings.Join(u.paths, ", ")
}

// Is makes errors.Is(err, fs.ErrPermission) hold.
func (u *unreadable) Is(target error) bool { return target == fs.ErrPermission }

// gap collects what a collector may not read and can do without.
type gap struct{ unreadable }

// allow passes an error on, unless it is a refusal to read path, which it notes. A missing file is no error either.
func (g *gap) allow(path string, err error) error {
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
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
