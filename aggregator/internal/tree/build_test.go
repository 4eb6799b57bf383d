// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// full is everything that the aggregator may add.
func full(s *Submitted) Added {
	added := s.added()
	added.Platform, added.Type = Infer(s.Sections)
	added.BusinessUnit = &inventoryv1.BusinessUnit{
		Source:    &inventoryv1.Source{Module: proto.String("server"), Name: proto.String("inventory")},
		Reference: proto.String("MBU1"), Name: proto.String("MBU1"),
	}
	added.Links = []*inventoryv1.Link{{AnchorText: proto.String("here"), Url: proto.String("https://here")}}
	return added
}

func TestWrittenAndBuiltTreesAgree(t *testing.T) {
	t.Parallel()
	s := parsed(t, linuxTree(t))
	cache := NewCache(100)
	for name, added := range map[string]Added{"nothing added": {}, "as submitted": s.added(), "all": full(s)} {
		raw, err := JSON(s.Sections, added)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("%s: %v in %s", name, err, raw)
		}
		for round := range 3 { // the second one comes from the cache
			got, err := cache.Build(s.Sections, added, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, round %d: built\n%v\nwritten\n%v", name, round, got, want)
			}
		}
		if got, err := Build(s.Sections, added, nil); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: without a cache %v (%v)", name, got, err)
		}
	}
}

func TestPeopleCanReadATree(t *testing.T) {
	t.Parallel()
	s := parsed(t, linuxTree(t))
	raw, err := JSON(s.Sections, full(s))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"source":{"config":{"host":"mdm.example.org","port":8443},"module":"example.inventory","name":"example"},"serial_number":"EC2-i-0abc",`,
		`"platform":"LINUX","type":"EC2"`,
		`"deb_packages":[{"arch":"all","name":"adduser","size":0,"version":"3.137ubuntu1","install_time":"2026-01-02T03:04:05"},{"arch":"amd64","name":"bash",`,
		`"network_interfaces":[{"address":"10.0.3.9","interface":"ens5",`,
		`"links":[{"anchor_text":"console","url":"https://console.example.org/i-0abc"},{"anchor_text":"here","url":"https://here"}]`,
		`"business_unit":{"name":"MBU1"`,
		`"imei":"490154203237518"`,
		`"extra_facts":{"a":{"f":1.5,"n":null},"z":[]}`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in\n%s", want, raw)
		}
	}
	for _, never := range []string{"install_times", "last_seen", "system_uptime", "ios_apps"} {
		if strings.Contains(string(raw), never) {
			t.Errorf("%s in\n%s", never, raw)
		}
	}
}

func TestOnlyTheKeysAskedForAreBuilt(t *testing.T) {
	t.Parallel()
	s := parsed(t, linuxTree(t))
	tests := []struct {
		keys []string
		want []string
	}{
		{[]string{}, nil},
		{[]string{"disks", "platform", "nonsense", "install_times", "meid"}, []string{"disks", "platform"}},
	}
	for _, tt := range tests {
		got, err := Build(s.Sections, full(s), tt.keys)
		if err != nil {
			t.Fatal(err)
		}
		if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, tt.want) {
			t.Errorf("asked for %v, got %v, want %v", tt.keys, keys, tt.want)
		}
	}
}

func TestBuildingLeavesTheCacheAlone(t *testing.T) {
	t.Parallel()
	s := parsed(t, linuxTree(t))
	cache := NewCache(100)
	if _, err := cache.Build(s.Sections, Added{}, nil); err != nil {
		t.Fatal(err)
	}
	delete(s.Sections, snapshot.KindInstallTimes)
	got, err := cache.Build(s.Sections, Added{}, []string{"deb_packages"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got["deb_packages"].([]any) {
		if _, ok := r.(map[string]any)["install_time"]; ok {
			t.Errorf("another machine's install time in %v", r)
		}
	}
}

func TestBodiesOfOtherHandsAreShown(t *testing.T) {
	t.Parallel()
	sections := snapshot.Sections{
		// As a database may return them: other order of keys, spaces.
		"deb_packages": section("deb_packages", `{"zz": {"name": "x"}, "name": "b", "l": [1, "]"]}`, `{"version": "1", "name": "a\"}"}`, `{}`),
		// A kind of a newer agent.
		"quantum_chips": section("quantum_chips", `{"qubits":7}`, `"text"`, `3`),
		// A body that breaks the rule and has its own time.
		"rpm_packages":            section("rpm_packages", `{"name":"r","install_time":"x"}`),
		snapshot.KindInstallTimes: section(snapshot.KindInstallTimes, times("rpm_packages", `{"name":"r","install_time":"x"}`)),
	}
	raw, err := JSON(sections, Added{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"deb_packages":[{},{"version": "1", "name": "a\"}"},{"zz": {"name": "x"}, "name": "b", "l": [1, "]"]}],` +
		`"rpm_packages":[{"name":"r","install_time":"x"}],"quantum_chips":["text",3,{"qubits":7}]}`
	if string(raw) != want {
		t.Errorf("got\n%s\nwant\n%s", raw, want)
	}
	built, err := Build(sections, Added{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(raw, &decoded); err != nil || !reflect.DeepEqual(built, decoded) {
		t.Errorf("built %v, written %v (%v)", built, decoded, err)
	}
}

func section(kind string, bodies ...string) *snapshot.Section {
	raw := make([][]byte, len(bodies))
	for i, body := range bodies {
		raw[i] = []byte(body)
	}
	return snapshot.NewSection(kind, raw)
}

func times(kind, body string) string {
	digest := asset.Of(kind, []byte(body))
	return fmt.Sprintf(`{"bucket":"%02x","kind":%q,"times":[1767322800]}`, digest[0], kind)
}

func TestInferredKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		more           string
		platform, kind string
	}{
		{"nothing", ``, "", ""},
		{"EC2", `"os_version":{"name":"Ubuntu","major":24},"ec2_instance_metadata":` + ec2, "LINUX", "EC2"},
		{"model", `"os_version":{"name":"macOS","major":15},"system_info":{"hardware_model":"MacBookPro18,1"}`, "MACOS", "LAPTOP"},
		{"interfaces", `"network_interfaces":[{"interface":"e","mac":"00:50:56:01:02:03"}]`, "", "VM"},
		{"processor", `"system_info":{"cpu_brand":"Intel(R) Xeon(R)"}`, "", "SERVER"},
		{"unknown system", `"os_version":{"name":"FreeBSD","major":14}`, "", ""},
	}
	for _, tt := range tests {
		platform, kind := Infer(parsed(t, minimal(tt.more)).Sections)
		if platform != tt.platform || kind != tt.kind {
			t.Errorf("%s: got %q %q, want %q %q", tt.name, platform, kind, tt.platform, tt.kind)
		}
	}
}

const ec2 = `{"instance_id":"i","instance_type":"t","architecture":"x","region":"r","availability_zone":"z","local_hostname":"h","mac":"m","ami_id":"a","reservation_id":"r","account_id":"1"}`

func debTree(packages int) []byte {
	rows := make([]string, packages)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"name":"package-%d","version":"1.%d-1","source":"source-%d","arch":"amd64","revision":"1","status":"install ok installed",`+
			`"maintainer":"A Team <team@lists.example.org>","section":"libs","priority":"optional","size":%d,"purl":"pkg:deb/debian/package-%d@1.%d-1?arch=amd64","install_time":"2026-01-02T03:04:%02d"}`,
			i*7919%packages, i%90, i, i, i, i%90, i%60)
	}
	return minimal(`"deb_packages":[` + strings.Join(rows, ",") + `]`)
}

func BenchmarkTree(b *testing.B) {
	raw := debTree(2_000)
	s := parsed(b, raw)
	cache := NewCache(10_000)
	benchmarks := map[string]func() error{
		"parse":        func() error { _, err := Parse(raw, DefaultLimits()); return err },
		"write":        func() error { _, err := JSON(s.Sections, Added{}); return err },
		"build":        func() error { _, err := Build(s.Sections, Added{}, nil); return err },
		"build cached": func() error { _, err := cache.Build(s.Sections, Added{}, nil); return err },
		"rows without times": func() error {
			lazy := cache.Tree(s.Sections, Added{})
			lazy.Value("deb_packages", false)
			return lazy.Err()
		},
		"rows of a name": func() error {
			lazy := cache.Tree(s.Sections, Added{})
			lazy.Named("deb_packages", "package-7", false)
			return lazy.Err()
		},
	}
	for name, run := range benchmarks {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
