// SPDX-License-Identifier: Apache-2.0

package version

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// compared is Compare where an error is the test's.
func compared(t rapid.TB, kind, a, b string) int {
	t.Helper()
	c, err := Compare(kind, a, b)
	if err != nil {
		t.Fatalf("compare %q with %q: %v", a, b, err)
	}
	return c
}

// drawThree draws versions that are near one another as often as not.
func drawThree(t *rapid.T, kind string, g *rapid.Generator[string]) []string {
	versions := []string{g.Draw(t, "a")}
	for len(versions) < 3 {
		if rapid.Bool().Draw(t, "near") {
			versions = append(versions, nearby(t, kind, versions[0]))
		} else {
			versions = append(versions, g.Draw(t, "another"))
		}
	}
	return versions
}

// checkPreorder fails unless Compare is reflexive, antisymmetric and transitive on three versions.
func checkPreorder(t rapid.TB, kind string, versions []string) {
	t.Helper()
	for _, a := range versions {
		if c := compared(t, kind, a, a); c != 0 {
			t.Fatalf("%q with itself: got %d", a, c)
		}
		for _, b := range versions {
			if there, back := compared(t, kind, a, b), compared(t, kind, b, a); there != -back {
				t.Fatalf("%q with %q: got %d, and the other way %d", a, b, there, back)
			}
		}
	}
	sorted := slices.Clone(versions)
	slices.SortFunc(sorted, func(a, b string) int { return compared(t, kind, a, b) })
	a, b, c := sorted[0], sorted[1], sorted[2]
	first, second, both := compared(t, kind, a, b), compared(t, kind, b, c), compared(t, kind, a, c)
	if first > 0 || second > 0 || both != min(first, second) {
		t.Fatalf("%q, %q, %q: got %d, %d, and %d from end to end", a, b, c, first, second, both)
	}
}

func TestOrdersAreTotalPreorders(t *testing.T) {
	t.Parallel()
	for kind, g := range generators {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { checkPreorder(t, kind, drawThree(t, kind, g)) })
		})
	}
}

func TestEveryOrderHasAGenerator(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for kind := range generators {
		covered[orders[kind].name] = true
	}
	for kind, o := range orders {
		if !covered[o.name] {
			t.Errorf("%s: nothing draws %s versions", kind, o.name)
		}
	}
}
