// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// The fleet of the benchmarks. Each machine has its role's packages, most of them in the version of its patch ring, and
// a few of its own choice.
const (
	benchMachines = 100_000
	benchPackages = 2100
	benchNames    = 60_000
	benchRoles    = 12
	benchRings    = 4
	benchOdd      = 60 // packages that are not of the ring's version
	benchVersions = 8
)

// benchFleet is built once: 210 million entries.
var benchFleet = sync.OnceValues(func() (*Index, string) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x := New(nil, Options{Log: slog.New(slog.DiscardHandler)})
	s := newState()
	s.sources[1] = store.Source{ID: 1, Module: "rollcall.agent", Name: "rollcall"}
	for name := range benchNames {
		for v := range benchVersions {
			s.catalog.put(store.IndexAsset{
				ID: benchAsset(name, v), Kind: "deb_packages",
				Name: fmt.Sprintf("package-%05d", name), Version: fmt.Sprintf("2.%d-1+deb12u%d", name%40, v),
			})
		}
	}
	roles := benchRolesOf()
	begin := time.Now()
	random := rand.New(rand.NewPCG(1, 2))
	all := bulk{catalog: &s.catalog}
	for n := range benchMachines {
		u := benchUpdate(n, random, roles[n%benchRoles])
		all.add(x.set(s, &u).ordinal, u.ids)
	}
	all.flush()
	entered := time.Since(begin)
	for _, m := range s.machines {
		s.attach(m)
	}
	s.sort()
	s.catalog.sort()
	s.catalog.compact()
	took := time.Since(begin)
	runtime.GC()
	runtime.ReadMemStats(&after)
	x.state = s
	return x, fmt.Sprintf("%d machines of %d assets, dictionary of %d: entered in %.1f s, compact after %.1f s; heap %d MB, estimated %d MB",
		benchMachines, benchPackages, s.catalog.count, entered.Seconds(), took.Seconds(),
		(int64(after.HeapAlloc)-int64(before.HeapAlloc))>>20, s.bytes()>>20)
})

func benchAsset(name, version int) int64 { return int64(1 + name*benchVersions + version) }

// benchRolesOf gives each role 400 packages that all have and the rest of its own.
func benchRolesOf() [][]int {
	roles := make([][]int, benchRoles)
	for r := range roles {
		for n := range benchPackages {
			name := n
			if n >= 400 {
				name = 400 + (r*4500+(n-400)*2)%(benchNames-400)
			}
			roles[r] = append(roles[r], name)
		}
	}
	return roles
}

func benchUpdate(n int, random *rand.Rand, role []int) update {
	ring := n % benchRings
	u := update{IndexHead: store.IndexHead{
		ID: int64(n + 1), Machine: int64(n + 1), Serial: fmt.Sprintf("SERIAL-%07d", n*7919%10_000_000), Source: 1, Seq: 1, Whole: true,
		LastSeen: time.Unix(1_700_000_000+int64(n), 0), Tags: []int64{int64(n % 5)},
		Summary: store.Summary{
			ComputerName: fmt.Sprintf("host-%06d", n), Platform: "LINUX", Type: []string{"SERVER", "VM", "LAPTOP"}[n%3],
			OSVersion: fmt.Sprintf("Debian GNU/Linux 12.%d", n%12), HardwareModel: fmt.Sprint("Model ", n%50),
		},
		User:     store.PrincipalUser{PrincipalName: fmt.Sprintf("user-%05d@example.com", n/2)},
		Statuses: []store.IndexStatus{{Check: 1, Status: compliance.StatusOK}, {Check: 2, Status: compliance.StatusFailed}},
	}}
	u.ids = make([]int64, 0, len(role))
	for _, name := range role {
		u.ids = append(u.ids, benchAsset(name, ring))
	}
	for range benchOdd {
		at := random.IntN(len(role))
		u.ids[at] = benchAsset(role[at], random.IntN(benchVersions))
	}
	return u
}

func BenchmarkFleet(b *testing.B) {
	x, built := benchFleet()
	b.Log(built)
	questions := []struct {
		name string
		ask  func() (int, error)
	}{
		{"CountOfOnePackage", func() (int, error) {
			found, err := x.Software(store.SoftwareFilter{Kind: "deb_packages", Query: "package-00007", Limit: 1000})
			return len(found), err
		}},
		{"SoftwarePage", func() (int, error) {
			found, err := x.Software(store.SoftwareFilter{Kind: "deb_packages", Limit: 100})
			return len(found), err
		}},
		{"SoftwareThatNobodyHas", func() (int, error) {
			found, err := x.Software(store.SoftwareFilter{Kind: "deb_packages", Query: "nothing of the kind", Limit: 100})
			return len(found) + 1, err
		}},
		{"OlderThan", func() (int, error) {
			found, err := x.With(Wanted{Kind: "deb_packages", Name: "package-00007", LT: "2.7-1+deb12u2", Limit: 100})
			return found.Total, err
		}},
		{"OlderThanLastPage", func() (int, error) {
			found, err := x.With(Wanted{Kind: "deb_packages", Name: "package-00007", LT: "2.7-1+deb12u9", After: "SERIAL-9990000", Limit: 1000})
			return found.Total, err
		}},
		{"MachinePage", func() (int, error) {
			found, err := x.Find(Question{Limit: 100})
			return len(found.Machines), err
		}},
		{"MachineSearch", func() (int, error) { return benchFind(x, "host-099999") }},
		{"FilterOfOnePackage", func() (int, error) {
			return benchFind(x, "platform:LINUX AND software.name:package-00007 AND software.version<2.7-1+deb12u2")
		}},
		{"FilterOfFields", func() (int, error) {
			return benchFind(x, `(hardware_model:"Model 1*" OR computer_name:host-09*) AND NOT type:VM AND last_seen>2023-11-14`)
		}},
		{"FilterOfManyPackages", func() (int, error) { return benchFind(x, "software.name:package-0*5 AND software.version>2.9") }},
		{"FilterOfUsersOrSerials", func() (int, error) { return benchFind(x, "principal_user:user-0001* OR serial_number:*77") }},
		{"FilterOfAllSoftware", func() (int, error) { return benchFind(x, "software.name:*") }},
		{"SearchMisspelt", func() (int, error) {
			hits, err := x.Search(Search{Text: "pakage-00007", Limit: 20, Machines: true, Software: true})
			return len(hits), err
		}},
		{"SearchMachineMisspelt", func() (int, error) {
			hits, err := x.Search(Search{Text: "hsot-012345", Limit: 20, Machines: true})
			return len(hits), err
		}},
		{"PrincipalUsers", func() (int, error) {
			counts, err := x.Users(auth.Scope{}, store.PrincipalUser{}, 1000)
			return len(counts), err
		}},
		{"Counts", func() (int, error) {
			counts, err := x.Counts()
			return len(counts.OSVersions), err
		}},
		{"CheckStatuses", func() (int, error) {
			counts, err := x.CheckStatuses()
			return len(counts), err
		}},
	}
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := q.ask(); err != nil || n == 0 {
					b.Fatal(n, err)
				}
			}
		})
	}
	b.Run("ChangeOfFourPackages", func(b *testing.B) {
		s := x.state
		var n int
		for b.Loop() {
			n++
			h := s.byHead[int64(1+n%benchMachines)]
			base := 400 + n%1000*2
			old, later := []int64{benchAsset(base, 0), benchAsset(base+2, 0)}, []int64{benchAsset(base, 7), benchAsset(base+2, 7)}
			x.write(func() {
				s.detach(h.machine)
				s.catalog.remove(h.ordinal, old)
				s.catalog.add(h.ordinal, later)
				s.attach(h.machine)
			})
		}
	})
	b.Run("ReplacedHead", func(b *testing.B) {
		s := x.state
		random := rand.New(rand.NewPCG(3, 4))
		roles := benchRolesOf()
		for b.Loop() {
			n := random.IntN(benchMachines)
			u := benchUpdate(n, random, roles[n%benchRoles])
			if err := x.replaceForBench(b.Context(), s, u); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchFind(x *Index, text string) (int, error) {
	f, err := filter.Parse(text)
	if err != nil {
		return 0, err
	}
	page, err := x.Find(Question{Filter: f, Now: time.Unix(1_800_000_000, 0), Limit: 100})
	return page.Total, err
}

// replaceForBench is replace without a store.
func (x *Index) replaceForBench(_ context.Context, s *state, u update) error {
	x.write(func() { x.replaceFew(s, []int64{u.Machine}, map[int64][]*update{u.Machine: {&u}}) })
	return nil
}
