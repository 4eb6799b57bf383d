// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// world is a fleet with its parts at hand.
func world(t *testing.T, o Options) *Fleet {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLinuxMachinesUpgradeFourPackagesADay(t *testing.T) {
	t.Parallel()
	f := world(t, Options{Machines: 300, Seed: 1})
	b := newBench(f)
	const days = 200
	upgrades, machineDays, none, dozens := 0, 0, 0, 0
	for i := range f.Len() {
		m := f.Machine(i)
		if m.Platform != "LINUX" {
			continue
		}
		products := map[int32]int{}
		for _, p := range b.choose(m.line, m.die, m.role).list {
			products[m.line.goods.groups[p]]++
		}
		pages := m.line.calendar.upTo(days)
		for day := 1; day <= days; day++ {
			n := 0
			m.line.calendar.takenOn(pages, day, m.lag, func(g int32) bool {
				n += products[g]
				return true
			})
			upgrades += n
			machineDays++
			if n == 0 {
				none++
			}
			if n >= 24 {
				dozens++
			}
		}
	}
	if mean := 100 * upgrades / machineDays; mean < 340 || mean > 460 {
		t.Errorf("%d upgrades in 100 days, want about 400", mean)
	}
	if share := 100 * none / machineDays; share < 15 || share > 50 {
		t.Errorf("%d of 100 days without upgrades, want many", share)
	}
	if dozens == 0 {
		t.Error("no day with dozens of upgrades")
	}
}

func TestRingsTakeReleasesInTheirOrder(t *testing.T) {
	t.Parallel()
	f := world(t, Options{Machines: 1, Seed: 1, PatchDay: 30})
	c := f.lines[linux].calendar
	pages := c.upTo(120)
	lags := []int{0, 1, 3, 7, 30, 89}
	for product := range int32(len(c.goods.groups)) {
		last := make([]int, len(lags))
		for day := range 120 {
			for i, lag := range lags {
				n, taken := c.state(pages, product, day, lag)
				if n < last[i] || taken > day {
					t.Fatalf("product %d, lag %d, day %d: %d releases after %d, taken on day %d", product, lag, day, n, last[i], taken)
				}
				if last[i] = n; i > 0 && n > last[i-1] {
					t.Fatalf("product %d, day %d: lag %d is ahead of lag %d", product, day, lag, lags[i-1])
				}
			}
		}
	}
}

func TestCalendarKeepsItsDaysAsItGrows(t *testing.T) {
	t.Parallel()
	f := world(t, Options{Machines: 1, Seed: 1})
	c := f.lines[linux].calendar
	before := c.upTo(0)
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() { c.upTo(200 + 300*i) })
	}
	readers.Wait()
	after := c.upTo(0)
	if after.last < 1100 {
		t.Fatalf("calendar reaches day %d, want 1100 at least", after.last)
	}
	for i, groups := range before.byDay {
		if !slices.Equal(groups, after.byDay[i]) {
			t.Fatalf("day %d is another one in the larger calendar", i-lead)
		}
	}
}

func TestVersionsRise(t *testing.T) {
	t.Parallel()
	versions := []string{
		"1.0", "1.0-1", "2:1.0-1", "5.2.15-2+b7", "1.0~rc1-1", "2.36-9+deb12u10", "1.14.10-1~deb12u1", "20230311+deb12u1", "3.134", "1:102.15.1+deb12u1-1",
		"1.0+deb12u", "1.0+deb12u1+b2", "0", "1.2.3-4.5", "1.0+deb12u99999999999999999999",
	}
	for i := range Compact().packages {
		versions = append(versions, Compact().packages[i].version)
	}
	for _, base := range versions {
		if raised(base, 0) != base {
			t.Fatalf("%s is %s before the first release", base, raised(base, 0))
		}
		for n := range 12 {
			if a, b := raised(base, n), raised(base, n+1); compareVersions(a, b) >= 0 {
				t.Fatalf("release %d of %s is %s, after %s", n+1, base, b, a)
			}
		}
	}
}

func TestVersionOrderIsDpkgs(t *testing.T) {
	t.Parallel()
	ascending := []string{"1.0~~", "1.0~", "1.0", "1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0-1+deb12u2", "1.0-1+deb12u10", "1.0-2", "1.0a", "1.0+", "1.2", "1.10", "1:0.1"}
	for i := 1; i < len(ascending); i++ {
		if compareVersions(ascending[i-1], ascending[i]) >= 0 {
			t.Errorf("%s is not below %s", ascending[i-1], ascending[i])
		}
	}
}

// compareVersions orders two versions.
//
// Source: deb-version(7).
func compareVersions(a, b string) int {
	split := func(v string) (epoch, upstream, revision string) {
		epoch, rest, ok := strings.Cut(v, ":")
		if !ok {
			epoch, rest = "0", v
		}
		if i := strings.LastIndexByte(rest, '-'); i >= 0 {
			return epoch, rest[:i], rest[i+1:]
		}
		return epoch, rest, ""
	}
	epochA, upstreamA, revisionA := split(a)
	epochB, upstreamB, revisionB := split(b)
	return cmp.Or(compareParts(epochA, epochB), compareParts(upstreamA, upstreamB), compareParts(revisionA, revisionB))
}

func compareParts(a, b string) int {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	order := func(s string) int { // of the first character where digits do not count
		switch {
		case s == "" || digit(s[0]):
			return 0
		case s[0] == '~':
			return -1
		case s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z':
			return int(s[0])
		default:
			return int(s[0]) + 256
		}
	}
	for a != "" || b != "" {
		for (a != "" && !digit(a[0])) || (b != "" && !digit(b[0])) {
			if c := cmp.Compare(order(a), order(b)); c != 0 {
				return c
			}
			a, b = a[1:], b[1:]
		}
		endA, endB := 0, 0
		for endA < len(a) && digit(a[endA]) {
			endA++
		}
		for endB < len(b) && digit(b[endB]) {
			endB++
		}
		x, y := strings.TrimLeft(a[:endA], "0"), strings.TrimLeft(b[:endB], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
		a, b = a[endA:], b[endB:]
	}
	return 0
}
