// SPDX-License-Identifier: Apache-2.0

package floors_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is what all packages of the aggregator begin with.
const root = "github.com/rollcall-inventory/rollcall/aggregator/internal/"

// anyFloor is for packages that hold tests only: they import what they like, and nothing imports them.
const anyFloor = -1

// floorOf is the table: package below internal/ → floor. A package may stand in it before it exists.
var floorOf = map[string]int{
	// Pure: no I/O.
	"auth":       0,
	"compliance": 0,
	"config":     0,
	"event":      0,
	"filter":     0,
	"fleet":      0,
	"manual":     0,
	"pack":       0,
	"tree":       0,
	"version":    0,
	// Drives the fleet over the network, beside the aggregator: what it imports of the program is config and fleet.
	"load": 1,
	// The doors to disk and database.
	"postgres":        1,
	"store":           1,
	"store/storetest": 1,
	"table":           1,
	// What happens inside.
	"commit": 2,
	"feed":   2,
	"index":  2,
	"task":   2,
	// Features.
	"discovery": 3,
	"export":    3,
	"ingest":    3,
	"metrics":   3,
	"notify":    3,
	"report":    3,
	"source":    3,
	// What the contracts share, the contracts, the listeners.
	"api":            4,
	"api/drf":        4,
	"api/deployment": 5,
	"api/inventory":  5,
	"api/scrape":     5,
	"api/v1":         5,
	"web":            5,
	"server":         6,
	// The public API's client: what the command line of admins is made of. It knows nothing of the aggregator.
	"client": 0,
	// Files of checks, which the client sends.
	"checkfile": 0,
	// Tests only.
	"api/apitest": anyFloor,
	"bench":       anyFloor,
	"endtoend":    anyFloor,
	"floors":      anyFloor,
}

// separate lists the floors whose packages do not import each other.
var separate = []int{3, 5}

// testOnly may be imported by tests and by packages on anyFloor, never by the program.
var testOnly = []string{"store/storetest"}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	packages := list(t)
	if len(packages) < 3 {
		t.Fatalf("%d packages found: the test looks in the wrong place", len(packages))
	}
	for name, imports := range packages {
		if _, ok := floorOf[name]; !ok {
			t.Errorf("package %s has no floor: add it to the table of this test", name)
			continue
		}
		for _, imported := range imports {
			if err := check(name, imported); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestFence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, from, to string
		refused        bool
	}{
		{name: "down", from: "ingest", to: "commit"},
		{name: "sideways where it is allowed", from: "store", to: "postgres"},
		{name: "child to parent", from: "api/v1", to: "api"},
		{name: "test package", from: "endtoend", to: "server"},
		{name: "up", from: "store", to: "commit", refused: true},
		{name: "sideways between features", from: "export", to: "metrics", refused: true},
		{name: "sideways between contracts", from: "api/v1", to: "api/inventory", refused: true},
		{name: "test code in the program", from: "commit", to: "store/storetest", refused: true},
		{name: "a package of tests", from: "server", to: "endtoend", refused: true},
		{name: "unknown package", from: "server", to: "helpers", refused: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := check(test.from, test.to); (err != nil) != test.refused {
				t.Errorf("%s imports %s: got %v, want refused %v", test.from, test.to, err, test.refused)
			}
		})
	}
}

// check says why one package must not import another; both are named below internal/.
func check(from, to string) error {
	floor := floorOf[from]
	if floor == anyFloor {
		return nil
	}
	below, ok := floorOf[to]
	switch {
	case !ok:
		return fmt.Errorf("%s imports %s, which has no floor", from, to)
	case below == anyFloor || slices.Contains(testOnly, to):
		return fmt.Errorf("%s imports %s, which is for tests", from, to)
	case below > floor:
		return fmt.Errorf("%s (floor %d) imports %s (floor %d): an import points down", from, floor, to, below)
	case below == floor && slices.Contains(separate, floor) && !strings.HasPrefix(from, to+"/"):
		return fmt.Errorf("%s imports %s: on floor %d no package imports its neighbour", from, to, floor)
	}
	return nil
}

// list reads what each package of the aggregator imports from the aggregator, on any operating system, test files left
// out. It reads the files itself, so that go test's cache sees when one of them changes.
func list(t *testing.T) map[string][]string {
	t.Helper()
	packages := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "testdata" {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), ".."+string(filepath.Separator)))
		packages[name] = append(packages[name], internalImports(file)...)
		return nil
	})
	if err != nil {
		t.Fatalf("read the packages: %v", err)
	}
	return packages
}

// internalImports returns a file's imports from below internal/.
func internalImports(file *ast.File) []string {
	var found []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the compiler will say so
		}
		if below, ok := strings.CutPrefix(path, root); ok {
			found = append(found, below)
		}
	}
	return found
}
