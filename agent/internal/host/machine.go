// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/shirou/gopsutil/v3/disk"
	uptime "github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
)

// Machine is the machine that the process runs on.
//
// Of gopsutil it calls only BootTime, Uptime, Avg, Partitions and Usage. Those read /proc and ask the kernel; its
// Info and PlatformInformation start lsb_release and must stay out (a test reads the imports and calls of this package).
type Machine struct {
	root fs.FS

	mu        sync.Mutex
	questions map[string]*question // by mount point
	platform  []byte               // what PlatformExpert printed; macOS only
}

var _ Host = (*Machine)(nil)

// Local returns the machine that the process runs on. It does no I/O.
func Local() *Machine {
	root := string(filepath.Separator)
	if volume := filepath.VolumeName(os.Getenv("SystemRoot")); volume != "" {
		root = volume + root
	}
	return &Machine{root: treeAt(root), questions: map[string]*question{}}
}

// At returns the machine that the process runs on with the file tree below dir in place of its own: a container that has
// the tree of its host mounted, or an image. The kernel's tables stay those of the running system. An empty dir is Local.
// It does no I/O. Links in the tree are followed as the running system follows them.
func At(dir string) *Machine {
	m := Local()
	if dir != "" {
		m.root = treeAt(dir)
	}
	return m
}

// FS implements Host.
func (m *Machine) FS() fs.FS { return m.root }

// HypervisorSignature implements Host.
func (m *Machine) HypervisorSignature() string {
	return strings.TrimRight(cpuid.CPU.HypervisorVendorString, "\x00 ")
}

// Mounts implements Host.
func (m *Machine) Mounts(ctx context.Context) ([]Mount, error) {
	parts, err := disk.PartitionsWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	mounts := make([]Mount, 0, len(parts))
	for _, p := range parts {
		options := slices.DeleteFunc(p.Opts, func(o string) bool { return o == "bind" })
		mounts = append(mounts, Mount{
			Device: p.Device, Path: p.Mountpoint, Type: p.Fstype,
			Options: options, Bind: len(options) < len(p.Opts),
		})
	}
	return mounts, nil
}

// question is one statfs under way; usage and err may be read once done is closed.
type question struct {
	done  chan struct{}
	usage Usage
	err   error
}

// Usage implements Host. One question at a time is put to each mount and its answer shared, so that a mount whose
// server is gone holds one thread and not one more with every round. It returns when ctx ends, answered or not.
func (m *Machine) Usage(ctx context.Context, path string) (Usage, error) {
	m.mu.Lock()
	q, open := m.questions[path]
	if !open {
		q = &question{done: make(chan struct{})}
		m.questions[path] = q
		go m.ask(path, q)
	}
	m.mu.Unlock()
	select {
	case <-q.done:
		return q.usage, q.err
	case <-ctx.Done():
		return Usage{}, fmt.Errorf("usage of %s: %w", path, ctx.Err())
	}
}

// ask blocks as long as the kernel does; nothing can interrupt statfs.
func (m *Machine) ask(path string, q *question) {
	u, err := disk.UsageWithContext(context.Background(), path)
	if err != nil {
		q.err = fmt.Errorf("usage of %s: %w", path, err)
	} else {
		q.usage = Usage{SizeBytes: int64(u.Total), FreeBytes: int64(u.Free), Inodes: int64(u.InodesTotal)}
	}
	m.mu.Lock()
	delete(m.questions, path)
	m.mu.Unlock()
	close(q.done)
}

// Vitals implements Host. What could be read is returned beside the error.
func (m *Machine) Vitals(ctx context.Context) (Vitals, error) {
	var v Vitals
	var errs []error
	if boot, err := uptime.BootTimeWithContext(ctx); err != nil {
		errs = append(errs, fmt.Errorf("boot time: %w", err))
	} else {
		v.BootTime = time.Unix(int64(boot), 0).UTC()
	}
	if up, err := uptime.UptimeWithContext(ctx); err != nil {
		errs = append(errs, fmt.Errorf("uptime: %w", err))
	} else {
		v.Uptime = time.Duration(up) * time.Second
	}
	if avg, err := load.AvgWithContext(ctx); err != nil {
		errs = append(errs, fmt.Errorf("load: %w", err))
	} else {
		v.Load = []float64{avg.Load1, avg.Load5, avg.Load15}
	}
	return v, errors.Join(errs...)
}
