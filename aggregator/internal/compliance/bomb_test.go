// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// packageTree is the tree of a machine with so many packages.
func packageTree(packages int) map[string]any {
	list := make([]any, packages)
	for i := range list {
		list[i] = map[string]any{
			"name": fmt.Sprintf("package-%d", i), "version": fmt.Sprintf("1.%d", i), "size": float64(i),
			"summary": strings.Repeat("what it is for ", 10),
		}
	}
	return map[string]any{"serial_number": "S", "deb_packages": list, "mixed": []any{1.0, "a", nil, []any{}, map[string]any{}}}
}

// refusedBombs are turned away before anything is evaluated.
var refusedBombs = map[string]string{
	"deep parentheses":      strings.Repeat("(", 5000) + "a" + strings.Repeat(")", 5000),
	"deep brackets":         strings.Repeat("[", 5000) + "a" + strings.Repeat("]", 5000),
	"deep calls":            strings.Repeat("to_string(", 500) + "@" + strings.Repeat(")", 500),
	"deep literal":          "`" + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "`",
	"deep object literal":   "`" + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + "`",
	"many negations":        strings.Repeat("!", 5000) + "a",
	"long chain":            "a" + strings.Repeat(".a", 5000),
	"long pipe":             "a" + strings.Repeat("|a", 5000),
	"huge literal":          "`\"" + strings.Repeat("x", 1<<20) + "\"`",
	"huge raw string":       "'" + strings.Repeat("x", 1<<20) + "'",
	"many multi-selections": "[" + strings.Repeat("@,", 1<<18) + "@]",
}

// stoppedBombs compile, and run out of steps.
var stoppedBombs = map[string]string{
	"doubled lists":      "deb_packages" + strings.Repeat(" | [@,@][]", 25),
	"doubled texts":      "join('', deb_packages[].name)" + strings.Repeat(" | join('', [@,@,@,@])", 20),
	"texts of texts":     "to_string(@)" + strings.Repeat(" | to_string([@,@,@,@])", 20),
	"everything printed": "[@,@,@,@,@,@,@,@] | [@,@,@,@,@,@,@,@] | map(&to_string(@), @) | join('', @)",
	"quadratic":          "deb_packages | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | map(&contains(to_string(@), 'z'), @) | length(@) == `1`",
	"selected over":      "deb_packages" + strings.Repeat(" | [@,@,@,@,@,@,@,@][] | [*].{name: name, b: @, c: [@,@]}", 10),
	"sorted over":        "deb_packages | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | sort_by(@, &name) | [0].name == 'a'",
	"all compared":       "[@,@,@,@,@,@,@,@,@,@] | [@,@,@,@,@,@,@,@,@,@] | [@,@,@,@,@,@,@,@,@,@] | @ == @",
}

func TestBombsAreRefused(t *testing.T) {
	t.Parallel()
	for name, expression := range refusedBombs {
		_, err := Compile(expression)
		syntax, ok := errors.AsType[*SyntaxError](err)
		if !ok || len(syntax.Error()) > 200 {
			t.Errorf("%s: got %.300v", name, err)
		}
	}
}

// What sorts values that cannot be compared is no bomb, but an error that says so.
func TestMixedTypesAreNotSorted(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"sort(mixed)", "sort_by(mixed, &@)", "max_by(deb_packages, &(size > `5` && name || size))", "sort_by(deb_packages, &(size > `5` && name || size))"} {
		program, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got := program.Evaluate(packageTree(10)); got.Status != StatusUnknown || !errors.Is(got.Err, errMixed) {
			t.Errorf("%s: got %+v", expression, got)
		}
	}
}

// It runs alone, so that the heap is its own.
func TestBombsAreStoppedInBoundedMemory(t *testing.T) { //nolint:paralleltest // see above
	const most = 256 << 20 // bytes; without a budget it would be terabytes
	tree := packageTree(2000)
	debug.FreeOSMemory()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, expression := range stoppedBombs {
		program, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for range 3 {
			if got := program.Evaluate(tree); got.Status != StatusUnknown || !errors.Is(got.Err, ErrBudget) || got.Value != nil {
				t.Errorf("%s: got %v, %v", name, got.Status, got.Err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > most {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 16<<20 {
		t.Errorf("%d bytes are kept", kept)
	}
}
