// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const patchDay = 21

func fleetOf(t *testing.T, o fleet.Options) *fleet.Fleet {
	t.Helper()
	f, err := fleet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func sectionsOf(t *testing.T, m fleet.Machine, day int) snapshot.Sections {
	t.Helper()
	s, err := m.Sections(day)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rootOf(t *testing.T, m fleet.Machine, day int) asset.Digest {
	t.Helper()
	root, err := m.Root(day)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// oneOfEach returns a machine of each platform, ring and pace, the first ones of their sort.
func oneOfEach(f *fleet.Fleet) map[string]fleet.Machine {
	found := map[string]fleet.Machine{}
	for i := range f.Len() {
		m := f.Machine(i)
		name := fmt.Sprintf("%s ring %d straggler %v", m.Platform, m.Ring, m.Straggler)
		if m.Straggler {
			name = m.Platform + " straggler"
		}
		if _, ok := found[name]; !ok {
			found[name] = m
		}
	}
	return found
}

func TestRootsArePinned(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 1000, Seed: 1})
	tests := []struct {
		index, day int
		root       string // the first 16 digits
	}{
		{index: 0, day: 0, root: "fda9630e9cc641ff"},
		{index: 0, day: 30, root: "1637550cf2c90b0a"},
		{index: 7, day: 30, root: "46ab7d6115c65bbf"},
		{index: 22, day: 30, root: "0c4670c971bd9e49"},
		{index: 999, day: 365, root: "29e4479feee50049"},
	}
	for _, tt := range tests {
		m := f.Machine(tt.index)
		if got := rootOf(t, m, tt.day).String()[:16]; got != tt.root {
			t.Errorf("%s machine %d on day %d: root %s, want %s", m.Platform, tt.index, tt.day, got, tt.root)
		}
	}
}

func TestMachineDependsOnSeedAndIndexOnly(t *testing.T) {
	t.Parallel()
	small := fleetOf(t, fleet.Options{Machines: 40, Seed: 5})
	large := fleetOf(t, fleet.Options{Machines: 4000, Seed: 5, Clones: 200, PatchDay: 300})
	other := fleetOf(t, fleet.Options{Machines: 40, Seed: 6})
	for i := range 40 {
		a, b := small.Machine(i), large.Machine(i)
		if rootOf(t, a, 12) != rootOf(t, b, 12) || !proto.Equal(a.Evidence(), b.Evidence()) {
			t.Errorf("machine %d differs with the size of its fleet", i)
		}
		if proto.Equal(a.Evidence(), other.Machine(i).Evidence()) {
			t.Errorf("machine %d has the same identity in another fleet", i)
		}
	}
}

// TestSectionsAreWhatSplitMakes reads the bodies back into messages, puts the install times into the rows and lets the
// agent's own code cut the whole again.
func TestSectionsAreWhatSplitMakes(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 300, Seed: 2, PatchDay: patchDay})
	for name, m := range oneOfEach(f) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, day := range []int{0, patchDay, 45} {
				ours := sectionsOf(t, m, day)
				theirs, err := snapshot.Split(inventory(t, ours))
				if err != nil {
					t.Fatal(err)
				}
				for kind, digest := range ours.Digests() {
					if theirs[kind] == nil || theirs[kind].Digest() != digest {
						t.Errorf("day %d: section %s is not what Split makes of its rows", day, kind)
					}
				}
				if len(theirs) != len(ours) {
					t.Errorf("day %d: Split makes %d sections, want %d", day, len(theirs), len(ours))
				}
			}
		})
	}
}

// inventory is the snapshot that an agent would have cut these sections from.
func inventory(t *testing.T, sections snapshot.Sections) *inventoryv1.Snapshot {
	t.Helper()
	whole := &inventoryv1.Snapshot{}
	m := whole.ProtoReflect()
	for name, section := range sections {
		kind, ok := snapshot.KindOf(name)
		if !ok || name != section.Kind {
			t.Fatalf("section %s is of kind %s", name, section.Kind)
		}
		if name == snapshot.KindInstallTimes {
			continue
		}
		times := snapshot.JoinTimes(section, sections[snapshot.KindInstallTimes])
		for i, a := range section.Assets {
			row := m.Mutable(kind.Field)
			if !kind.Single {
				row = row.List().AppendMutable()
			}
			fill(t, row.Message(), a.Body, times[i])
		}
	}
	return whole
}

func fill(t *testing.T, row protoreflect.Message, body []byte, seconds int64) {
	t.Helper()
	if err := protojson.Unmarshal(body, row.Interface()); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if seconds != snapshot.NoTime {
		row.Set(asset.MembershipField(row.Descriptor()), protoreflect.ValueOfString(normal.Datetime(time.Unix(seconds, 0).UTC())))
	}
}

func TestSectionsAreInOrderAndCanonical(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 300, Seed: 3})
	for _, m := range oneOfEach(f) {
		for kind, section := range sectionsOf(t, m, 9) {
			for i, a := range section.Assets {
				if i > 0 && section.Assets[i-1].Digest.Compare(a.Digest) >= 0 {
					t.Fatalf("%s: asset %d is not above the one before it", kind, i)
				}
				if asset.Of(kind, a.Body) != a.Digest {
					t.Fatalf("%s: digest %s is not that of %s", kind, a.Digest, a.Body)
				}
				if err := asset.Validate(a.Body); err != nil {
					t.Fatalf("%s: %s: %v", kind, a.Body, err)
				}
			}
		}
	}
}

func TestNextIsTheNextDayThatDiffers(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 400, Seed: 8, PatchDay: patchDay})
	for name, m := range oneOfEach(f) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, next := rootOf(t, m, 0), m.Next(0)
			for day := 1; day <= 50; day++ {
				root := rootOf(t, m, day)
				if changed := root != before; changed != (day == next) {
					t.Fatalf("day %d: changed %v, and Next said day %d", day, changed, next)
				}
				if day == next {
					next = m.Next(day)
				}
				before = root
			}
		})
	}
}

func TestEverybodyTakesTheBatchOnItsDay(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 400, Seed: 9, PatchDay: patchDay})
	sum, linux := 0, 0
	for i := range f.Len() {
		m := f.Machine(i)
		if m.Next(patchDay-1) != patchDay {
			t.Errorf("machine %d, ring %d, straggler %v: does not change on the day of the batch", i, m.Ring, m.Straggler)
		}
		if m.Platform != "LINUX" || linux == 60 {
			continue
		}
		before, after := sectionsOf(t, m, patchDay-1)["deb_packages"], sectionsOf(t, m, patchDay)["deb_packages"]
		added, removed := snapshot.Diff(before.Digests(), after.Digests())
		if len(added) != len(removed) {
			t.Errorf("machine %d: %d added and %d removed, want upgrades", i, len(added), len(removed))
		}
		sum += len(added)
		linux++
	}
	if mean := sum / linux; mean < 32 || mean > 60 {
		t.Errorf("mean of %d upgrades on the day of the batch, want about 40 and the day's own", mean)
	}
	if f.PatchTuesday(patchDay-1) || !f.PatchTuesday(patchDay) || f.PatchTuesday(patchDay+1) {
		t.Error("PatchTuesday is not true on that day alone")
	}
}

func TestUpgradesMeetInTheSameAssets(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 300, Seed: 1})
	distinct, all := map[asset.Digest]bool{}, 0
	for i := range f.Len() {
		s := sectionsOf(t, f.Machine(i), 100)["deb_packages"]
		if s == nil {
			continue
		}
		all += len(s.Assets)
		for _, a := range s.Assets {
			distinct[a.Digest] = true
		}
	}
	if len(distinct) > 16_000 {
		t.Errorf("%d packages of 300 machines are %d assets: they do not meet", all, len(distinct))
	}
}

func TestDayOutOfRangeIsRefused(t *testing.T) {
	t.Parallel()
	m := fleetOf(t, fleet.Options{Machines: 1, Seed: 1}).Machine(0)
	for _, day := range []int{-1, 1 << 20} {
		if s, err := m.Sections(day); err == nil {
			t.Errorf("day %d: got %d sections, want an error", day, len(s))
		}
	}
}

func TestBodiesStayTheCatalogues(t *testing.T) {
	t.Parallel()
	f := fleetOf(t, fleet.Options{Machines: 100, Seed: 1})
	shared := map[asset.Digest][]byte{}
	for i := range f.Len() {
		s := sectionsOf(t, f.Machine(i), 0)["deb_packages"]
		if s == nil {
			continue
		}
		for _, a := range s.Assets {
			if body, ok := shared[a.Digest]; ok && (&body[0] != &a.Body[0] || !bytes.Equal(body, a.Body)) {
				t.Fatalf("machine %d has a copy of %s", i, a.Body)
			}
			shared[a.Digest] = a.Body
		}
	}
}
