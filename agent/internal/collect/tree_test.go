// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

var text, link = hosttest.Text, hosttest.Link

// tree loads a captured tree of testdata, to which a test may add files.
func tree(t testing.TB, name string, more ...fstest.MapFS) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	root := os.DirFS(filepath.Join("testdata", name))
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: raw, Mode: 0o644}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range more {
		maps.Copy(files, m)
	}
	return files
}

// with joins trees of files.
func with(trees ...fstest.MapFS) fstest.MapFS {
	all := fstest.MapFS{}
	for _, t := range trees {
		maps.Copy(all, t)
	}
	return all
}

// gather runs one collector on a machine.
func gather(t testing.TB, name string, h host.Host) (*inventoryv1.Snapshot, error) {
	t.Helper()
	snap := &inventoryv1.Snapshot{}
	c, known := here()[name]
	if !known {
		t.Fatalf("no such collector: %s", name)
	}
	return snap, collectWith(c, h, snap)
}

// gatherOn is gather for a collector of another system.
func gatherOn(t testing.TB, system, name string, h host.Host) (*inventoryv1.Snapshot, error) {
	t.Helper()
	c, known := registries[system][name]
	if !known {
		t.Fatalf("no such collector on %s: %s", system, name)
	}
	snap := &inventoryv1.Snapshot{}
	return snap, collectWith(c, h, snap)
}

func collectWith(c Collector, h host.Host, snap *inventoryv1.Snapshot) error {
	if c.CollectFiles != nil {
		return c.CollectFiles(context.Background(), h, &memo{}, snap)
	}
	return c.Collect(context.Background(), h, snap)
}

// show spells messages for comparison and for people: one line each, in order.
func show[M proto.Message](rows ...M) string {
	var lines []string
	for _, row := range rows {
		raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(row)
		if err != nil {
			return err.Error()
		}
		var values map[string]any
		if err := json.Unmarshal(raw, &values); err != nil {
			return err.Error()
		}
		var sorted strings.Builder // maps come out sorted, and without protojson's random blanks
		encoder := json.NewEncoder(&sorted)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(values); err != nil {
			return err.Error()
		}
		lines = append(lines, strings.TrimSpace(sorted.String()))
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), `"`, "")
}

// deny is a file system that refuses to open some files, as the system does to an unprivileged agent.
type deny struct {
	fstest.MapFS
	paths map[string]bool
}

func (d deny) Open(name string) (fs.File, error) {
	if d.paths[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

func (d deny) ReadDir(name string) ([]fs.DirEntry, error) {
	if d.paths[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.ReadDir(name)
}
