// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"maps"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// dates draws an install time, or none.
func dates() *rapid.Generator[*string] {
	seconds := rapid.Int64Range(0, 1<<32)
	date := rapid.Map(seconds, func(s int64) *string {
		return proto.String(time.Unix(s, 0).UTC().Format(datetimeLayout))
	})
	return rapid.OneOf(date, rapid.Just[*string](nil))
}

// machines draws snapshots with two kinds of packages; many rows are equal, some but for their times.
func machines() *rapid.Generator[*inventoryv1.Snapshot] {
	names := rapid.StringMatching(`[a-f][a-f]?`)
	deb := rapid.Custom(func(t *rapid.T) *inventoryv1.DebPackage {
		return &inventoryv1.DebPackage{Name: proto.String(names.Draw(t, "name")), InstallTime: dates().Draw(t, "time")}
	})
	rpm := rapid.Custom(func(t *rapid.T) *inventoryv1.RpmPackage {
		return &inventoryv1.RpmPackage{Name: proto.String(names.Draw(t, "name")), InstallTime: dates().Draw(t, "time")}
	})
	return rapid.Custom(func(t *rapid.T) *inventoryv1.Snapshot {
		return &inventoryv1.Snapshot{
			DebPackages: rapid.SliceOfN(deb, 0, 50).Draw(t, "deb_packages"),
			RpmPackages: rapid.SliceOfN(rpm, 0, 50).Draw(t, "rpm_packages"),
		}
	})
}

func split(t *rapid.T, s *inventoryv1.Snapshot) Sections {
	sections, err := Split(s)
	if err != nil {
		t.Fatal(err)
	}
	return sections
}

func TestOrderAndRepetitionOfRowsDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := machines().Draw(t, "machine")
		other := &inventoryv1.Snapshot{
			DebPackages: rapid.Permutation(s.GetDebPackages()).Draw(t, "deb order"),
			RpmPackages: rapid.Permutation(append(s.GetRpmPackages(), s.GetRpmPackages()...)).Draw(t, "rpm order"),
		}
		got, want := split(t, other).Digests(), split(t, s).Digests()
		if !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestEveryRowGetsItsTimeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := machines().Draw(t, "machine")
		sections := split(t, s)
		deb, rpm := map[string]int64{}, map[string]int64{}
		for _, p := range s.GetDebPackages() {
			earliest(t, deb, `{"name":"`+p.GetName()+`"}`, p.InstallTime)
		}
		for _, p := range s.GetRpmPackages() {
			earliest(t, rpm, `{"name":"`+p.GetName()+`"}`, p.InstallTime)
		}
		for kind, want := range map[string]map[string]int64{"deb_packages": deb, "rpm_packages": rpm} {
			got := map[string]int64{}
			if section := sections[kind]; section != nil {
				for i, seconds := range JoinTimes(section, sections[KindInstallTimes]) {
					got[string(section.Assets[i].Body)] = seconds
				}
			}
			if !maps.Equal(got, want) {
				t.Fatalf("%s: got %v, want %v", kind, got, want)
			}
		}
	})
}

// earliest keeps the smallest known time of a body.
func earliest(t *rapid.T, times map[string]int64, body string, date *string) {
	seconds := NoTime
	if date != nil {
		at, err := time.Parse(datetimeLayout, *date)
		if err != nil {
			t.Fatal(err)
		}
		seconds = at.Unix()
	}
	if known, twice := times[body]; !twice || known == NoTime || (seconds != NoTime && seconds < known) {
		times[body] = seconds
	}
}

func TestInstallTimeDoesNotChangeTheSharedSection(t *testing.T) {
	t.Parallel()
	row := func(date *string) *inventoryv1.Snapshot {
		return &inventoryv1.Snapshot{DebPackages: []*inventoryv1.DebPackage{{Name: proto.String("bash"), InstallTime: date}}}
	}
	with, err := Split(row(proto.String("2026-03-01T12:30:00.999999")))
	if err != nil {
		t.Fatal(err)
	}
	without, err := Split(row(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := with[testKind].Digest(), without[testKind].Digest(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := without[KindInstallTimes]; got != nil {
		t.Errorf("without times: got %v, want no section", got)
	}
	if got := JoinTimes(with[testKind], with[KindInstallTimes]); len(got) != 1 || got[0] != 1772368200 {
		t.Errorf("got %v, want whole seconds: 1772368200", got)
	}
	if got := JoinTimes(with[testKind], nil); len(got) != 1 || got[0] != NoTime {
		t.Errorf("no times at all: got %v, want %v", got, NoTime)
	}
}

func TestIllFittingBucketIsPassedOver(t *testing.T) {
	t.Parallel()
	section := NewSection(testKind, [][]byte{[]byte(`{"name":"bash"}`)})
	first := section.Assets[0].Digest.String()[:2]
	bucket := func(kind, first, times string) string {
		return `{"bucket":"` + first + `","kind":"` + kind + `","times":[` + times + `]}`
	}
	tests := []struct {
		name   string
		bodies []string
		want   int64
	}{
		{"fitting", []string{bucket(testKind, first, "7")}, 7},
		{"zero is a time", []string{bucket(testKind, first, "0")}, 0},
		{"before 1970", []string{bucket(testKind, first, "-2")}, -2},
		{"too many rows", []string{bucket(testKind, first, "7,8")}, NoTime},
		{"no rows", []string{bucket(testKind, first, "")}, NoTime},
		{"other kind", []string{bucket("rpm_packages", first, "7")}, NoTime},
		{"other bucket", []string{bucket(testKind, "00", "7"), bucket(testKind, "zz", "7"), bucket(testKind, "", "7")}, NoTime},
		{"twice", []string{bucket(testKind, first, "7"), bucket(testKind, first, "8")}, NoTime},
		{"three times", []string{bucket(testKind, first, "7"), bucket(testKind, first, "8"), bucket(testKind, first, "9")}, NoTime},
		{"after the year 9999", []string{bucket(testKind, first, "253402300800")}, NoTime},
		{"before the year 1", []string{bucket(testKind, first, "-62135596801")}, NoTime},
		{"no number", []string{bucket(testKind, first, `"7"`)}, NoTime},
		{"no bucket at all", []string{`{}`, `null`, `"x"`, `[`}, NoTime},
		{"others do no harm", []string{`{}`, bucket("rpm_packages", first, "8"), bucket(testKind, first, "7")}, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var rows [][]byte
			for _, body := range tt.bodies {
				rows = append(rows, []byte(body))
			}
			got := JoinTimes(section, NewSection(KindInstallTimes, rows))
			if len(got) != 1 || got[0] != tt.want {
				t.Errorf("got %v, want [%d]", got, tt.want)
			}
		})
	}
}

func TestWhatIsNoFactIsRefusedOrLeftOut(t *testing.T) {
	t.Parallel()
	packages := func(p ...*inventoryv1.DebPackage) *inventoryv1.Snapshot {
		return &inventoryv1.Snapshot{DebPackages: p}
	}
	tests := []struct {
		name     string
		snapshot *inventoryv1.Snapshot
		want     string // part of the error
		kinds    int    // otherwise
	}{
		{"nothing", &inventoryv1.Snapshot{}, "", 0},
		{"nil", nil, "", 0},
		{"plain values are no sections", &inventoryv1.Snapshot{SerialNumber: proto.String("S1"), Platform: proto.String("LINUX")}, "", 0},
		{"rows without a value", packages(&inventoryv1.DebPackage{}, &inventoryv1.DebPackage{InstallTime: proto.String("2026-03-01T12:30:00")}), "", 0},
		{"single fact without a value", &inventoryv1.Snapshot{OsVersion: &inventoryv1.OSVersion{}}, "", 0},
		{"empty free JSON", &inventoryv1.Snapshot{ExtraFacts: proto.String("null")}, "", 0},
		{"empty text", &inventoryv1.Snapshot{Imei: proto.String("")}, "", 1},
		{"free JSON", &inventoryv1.Snapshot{ExtraFacts: proto.String(`{"a":{}}`)}, "", 1},
		{"free JSON that is not canonical", &inventoryv1.Snapshot{ExtraFacts: proto.String(`{ }`)}, "extra_facts: not canonical JSON", 0},
		{"text with NUL", &inventoryv1.Snapshot{Imei: proto.String("\x00")}, "imei: text holds a NUL", 0},
		{"row with NUL", packages(&inventoryv1.DebPackage{Name: proto.String("a")}, &inventoryv1.DebPackage{Name: proto.String("\x00")}), "deb_packages: [1]: name: text holds a NUL", 0},
		{"time that is none", packages(&inventoryv1.DebPackage{Name: proto.String("a"), InstallTime: proto.String("yesterday")}), "deb_packages: [0]: install_time: parsing time", 0},
		{"time with a zone", packages(&inventoryv1.DebPackage{Name: proto.String("a"), InstallTime: proto.String("2026-03-01T12:30:00Z")}), "install_time", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sections, err := Split(tt.snapshot)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want an error with %q", err, tt.want)
				}
				return
			}
			if err != nil || len(sections) != tt.kinds {
				t.Errorf("got %v, %v; want %d sections", sections, err, tt.kinds)
			}
		})
	}
}

func TestKindsAreTheSectionsOfTheModel(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds() {
		got, ok := KindOf(k.Name)
		if !ok || got.Field != k.Field {
			t.Errorf("%s: KindOf gives %v, %v", k.Name, got, ok)
		}
		if k.Fact != nil && asset.MembershipField(k.Fact) != nil && !k.Shared {
			t.Errorf("%s: a private kind needs no membership field", k.Name)
		}
	}
	for name, want := range map[string]Kind{
		"deb_packages":   {Shared: true},
		"os_version":     {Shared: true, Single: true},
		"disks":          {},
		"imei":           {Single: true},
		KindInstallTimes: {},
	} {
		got, ok := KindOf(name)
		if !ok || got.Shared != want.Shared || got.Single != want.Single {
			t.Errorf("%s: got %+v, %v; want shared %v, single %v", name, got, ok, want.Shared, want.Single)
		}
	}
	for _, name := range []string{"source", "serial_number", "platform", "type", "public_ip_address", "reference", "", "nonsense"} {
		if _, ok := KindOf(name); ok {
			t.Errorf("%q is a kind, want none", name)
		}
	}
}
