// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// of makes a registry.
func of(collectors ...Collector) map[string]Collector {
	m := map[string]Collector{}
	for _, c := range collectors {
		if c.Kinds == nil {
			c.Kinds = []string{c.Name}
		}
		m[c.Name] = c
	}
	return m
}

// does makes a collector's function of what it does to the snapshot and returns.
func does(err error, fill func(*inventoryv1.Snapshot)) func(context.Context, host.Host, *inventoryv1.Snapshot) error {
	return func(_ context.Context, _ host.Host, s *inventoryv1.Snapshot) error {
		if fill != nil {
			fill(s)
		}
		return err
	}
}

func TestACollectorHarmsOnlyItself(t *testing.T) {
	t.Parallel()
	disk := func(s *inventoryv1.Snapshot) { s.Disks = []*inventoryv1.Disk{{Name: proto.String("sda")}} }
	refused := &unreadable{paths: []string{"/secret"}}
	collectors := of(
		Collector{Name: "disks", Collect: does(nil, disk)},
		Collector{Name: "users", Collect: does(nil, disk)}, // fills a kind that is not its own
		Collector{Name: "bios", Collect: does(ErrAbsent, nil)},
		Collector{Name: "partitions", Essential: true, Collect: does(fmt.Errorf("folder: %w", ErrAbsent), nil)},
		Collector{Name: "deb_packages", Collect: does(errors.New("torn"), func(s *inventoryv1.Snapshot) { s.DebPackages = []*inventoryv1.DebPackage{{}} })},
		Collector{Name: "rpm_packages", Collect: does(&fs.PathError{Op: "open", Path: "db", Err: fs.ErrPermission}, nil)},
		Collector{Name: "system_info", Collect: does(refused, func(s *inventoryv1.Snapshot) { s.SystemInfo = &inventoryv1.SystemInfo{Hostname: proto.String("h")} })},
		Collector{Name: "processors", Collect: does(nil, func(*inventoryv1.Snapshot) { panic("boo") })},
		Collector{Name: "routes", Collect: func(ctx context.Context, _ host.Host, _ *inventoryv1.Snapshot) error {
			<-ctx.Done()
			return nil
		}},
		Collector{Name: "shares", Collect: does(errors.New("must not run"), nil)},
	)
	r := runAll(context.Background(), &hosttest.Machine{}, collectors, Options{Disabled: []string{"shares"}, Deadline: 20 * time.Millisecond})
	want := map[string]State{
		"disks": Set, "users": Set, "bios": Drop, "partitions": Set, "deb_packages": Keep, "rpm_packages": Keep,
		"system_info": Set, "processors": Keep, "routes": Keep, "shares": Drop, "install_times": Keep,
	}
	delete(want, "routes") // either answer is right when the collector obeys the context at the last moment
	got := maps.Clone(r.Sections)
	delete(got, "routes")
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(r.Snapshot.Disks) != 1 || r.Snapshot.DebPackages != nil || r.Snapshot.SystemInfo.GetHostname() != "h" {
		t.Errorf("got snapshot %s", r.Snapshot)
	}
	denied := map[string]bool{}
	for _, trouble := range r.Troubles {
		if trouble.Collector != "routes" {
			denied[trouble.Collector] = trouble.Denied
		}
	}
	if !maps.Equal(denied, map[string]bool{"deb_packages": false, "rpm_packages": true, "system_info": true, "processors": false}) {
		t.Errorf("got troubles %v", r.Troubles)
	}
}

func TestACollectorThatHangsIsLeftBehindAndNotStartedAgain(t *testing.T) {
	t.Parallel()
	release, ended, starts := make(chan struct{}), make(chan struct{}), 0
	collectors := of(Collector{Name: "disks", Collect: func(context.Context, host.Host, *inventoryv1.Snapshot) error {
		starts++
		<-release
		close(ended)
		return nil
	}})
	opts := Options{Deadline: time.Millisecond, Cache: &Cache{}}
	for range 3 {
		r := runAll(context.Background(), &hosttest.Machine{}, collectors, opts)
		if r.Sections["disks"] != Keep || len(r.Troubles) != 1 {
			t.Fatalf("got %v, %v", r.Sections, r.Troubles)
		}
	}
	close(release)
	<-ended
	if starts != 1 {
		t.Errorf("started %d times", starts)
	}
}

func TestNothingIsParsedAgainWhileItsSourceIsTheSame(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file := filepath.Join(root, "list")
	write := func(content string, age time.Duration) {
		t.Helper()
		old := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(file, []byte(content), 0o600), os.Chtimes(file, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	runs := 0
	collectors := of(Collector{Name: "disks", Sources: []string{"list", "missing"}, Collect: func(_ context.Context, h host.Host, s *inventoryv1.Snapshot) error {
		runs++
		raw, err := fs.ReadFile(h.FS(), "list")
		s.Disks = []*inventoryv1.Disk{{Name: proto.String(string(raw))}}
		return err
	}})
	// MapFS has no change time, so that a file can be old here
	machine := &hosttest.Machine{Files: plainTimes{os.DirFS(root)}}
	cache := &Cache{}
	steps := []struct {
		name, content string
		age           time.Duration
		runs          int
	}{
		{"the first time", "a", time.Hour, 1},
		{"the same file", "", 0, 1},
		{"other content of the same size", "b", 30 * time.Minute, 2},
		{"kept again", "", 0, 2},
		{"written this moment", "c", 0, 3},
		{"and maybe once more in the same tick", "", 0, 4},
	}
	last := ""
	for _, s := range steps {
		if s.content != "" {
			write(s.content, s.age)
			last = s.content
		}
		r := runAll(context.Background(), machine, collectors, Options{Cache: cache})
		if got := r.Snapshot.Disks[0].GetName(); got != last || runs != s.runs || r.Sections["disks"] != Set {
			t.Errorf("%s: got %q after %d runs, want %q after %d", s.name, got, runs, last, s.runs)
		}
	}
}

// plainTimes hides what only the real file system knows, such as the time of the last change.
type plainTimes struct{ fs.FS }

func (p plainTimes) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(p.FS, name)
	if err != nil {
		return nil, err
	}
	return plainInfo{info}, nil
}

type plainInfo struct{ fs.FileInfo }

func (plainInfo) Sys() any { return nil }

func TestEveryCollectorNamesKindsOfTheModel(t *testing.T) {
	t.Parallel()
	for name, c := range here() {
		for _, kind := range c.Kinds {
			if fieldOf(kind) == nil {
				t.Errorf("%s: no kind %s", name, kind)
			}
		}
		for _, source := range c.Sources {
			if !fs.ValidPath(source) {
				t.Errorf("%s: %q is no path of a file system", name, source)
			}
		}
	}
}

func TestThisMachineHasNoTroubleBeyondPrivilege(t *testing.T) {
	t.Parallel()
	r := Run(context.Background(), host.Local(), Options{})
	for _, trouble := range r.Troubles {
		if !trouble.Denied {
			t.Errorf("%s: %v", trouble.Collector, trouble.Err)
		}
	}
	for _, name := range Names() {
		if _, ok := r.Sections[name]; !ok {
			t.Errorf("no word about %s", name)
		}
	}
}
