// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// osVersion reads a version from JSON as the tree spells it.
func osVersion(t *testing.T, text string) *inventoryv1.OSVersion {
	t.Helper()
	v := &inventoryv1.OSVersion{}
	if err := protojson.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestOSDisplay(t *testing.T) {
	t.Parallel()
	tests := []struct{ want, version string }{
		{"Windows 10 21H2 (19044.1682)", `{"name":"Windows 10","major":10,"version":"21H2","build":"19044.1682"}`},
		{"macOS 26.1 (25B78)", `{"name":"macOS","major":26,"minor":1,"patch":0,"build":"25B78"}`},
		{"macOS 13.3.1 (a) (22E772610a)", `{"name":"macOS","major":13,"minor":3,"patch":1,"version":"(a)","build":"22E772610a"}`},
		{"iPadOS 17.0", `{"name":"iPadOS","major":17,"minor":0,"patch":0}`},
		{"Ubuntu 24.4.0", `{"name":"Ubuntu","major":24,"minor":4,"patch":0}`},
		{"Debian GNU/Linux 12", `{"name":"Debian GNU/Linux","major":12}`},
		{"OS X 10.8.4 (12E4022)", `{"name":"OS X","major":10,"minor":8,"patch":4,"build":"12E4022"}`},
		{"12.1", `{"major":12,"minor":1}`},
		{"Ubuntu 22.4", `{"name":"Ubuntu 22.4","major":22,"minor":4}`},
		{"", `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			t.Parallel()
			if got := OSDisplay(osVersion(t, tt.version)); got != tt.want {
				t.Errorf("OSDisplay = %q, want %q", got, tt.want)
			}
		})
	}
	if got := OSDisplay(nil); got != "" {
		t.Errorf("OSDisplay(nil) = %q, want nothing", got)
	}
}

func TestWindowsIsNamedByItsBuild(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, want string }{
		{`{"build":"19044.1682"}`, `{"name":"Windows 10","major":10,"version":"21H2","build":"19044.1682"}`},
		{`{"name":"Microsoft Windows 10 Pro","major":10,"minor":0,"build":"19044"}`, `{"name":"Windows 10","major":10,"version":"21H2","build":"19044"}`},
		{`{"major":10,"minor":0,"patch":19044,"build":"1682"}`, `{"name":"Windows 10","major":10,"version":"21H2","build":"19044.1682"}`},
		{`{"major":10,"minor":0,"patch":22631,"build":"22631.4602"}`, `{"name":"Windows 11","major":11,"version":"23H2","build":"22631.4602"}`},
		{`{"major":10,"patch":22621}`, `{"name":"Windows 11","major":11,"version":"22H2","build":"22621"}`},
		{`{"build":"19045.5"}`, `{"name":"Windows 10","major":10,"version":"22H2","build":"19045.5"}`},
		{`{"build":"21999"}`, `{"name":"Windows 10","major":10,"build":"21999"}`},
		{`{"build":"22000.1","edition":"Pro"}`, `{"name":"Windows 11","major":11,"version":"21H2","build":"22000.1","edition":"Pro"}`},
		{`{"build":"26200"}`, `{"name":"Windows 11","major":11,"version":"25H2","build":"26200"}`},
		{`{"build":"28000"}`, `{"name":"Windows 11","major":11,"version":"26H1","build":"28000"}`},
		{`{"build":"30000.7","version":"old"}`, `{"name":"Windows 11","major":11,"build":"30000.7"}`},
		{`{"name":"Windows 7","major":6,"minor":1,"patch":7601}`, `{"name":"Windows","major":6,"minor":1,"patch":7601}`},
		{`{"major":6,"minor":3,"build":"9600"}`, `{"name":"Windows","major":6,"minor":3,"build":"9600"}`},
		{`{"major":10,"build":"x"}`, `{"name":"Windows","major":10,"build":"x"}`},
		{`{}`, `{"name":"Windows"}`},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			t.Parallel()
			raw, want := osVersion(t, tt.raw), osVersion(t, tt.want)
			if got := WindowsVersion(raw); !proto.Equal(got, want) {
				t.Errorf("WindowsVersion = %v, want %v", got, want)
			}
			if !proto.Equal(raw, osVersion(t, tt.raw)) {
				t.Errorf("WindowsVersion changed its argument to %v", raw)
			}
		})
	}
	if got := WindowsVersion(nil); got.GetName() != "Windows" {
		t.Errorf("WindowsVersion(nil) = %v, want the bare name", got)
	}
}

func TestMacOSIsNumberedByItsBuild(t *testing.T) {
	t.Parallel()
	tests := []struct{ build, want string }{
		{"12E4022", "OS X 10.8.4"},
		{"15G31", "OS X 10.11.6"},
		{"16A323", "macOS 10.12"},
		{"19D76", "macOS 10.15.3"},
		{"20A2411", "macOS 11.0"},
		{"20B29", "macOS 11.0.1"},
		{"20D91", "macOS 11.2.3"},
		{"20G71", "macOS 11.5"},
		{"20G817", "macOS 11.7"},
		{"21A559", "macOS 12.0.1"},
		{"21E258", "macOS 12.3.1"},
		{"21G115", "macOS 12.6"},
		{"21H1320", "macOS 12.7.6"},
		{"22A8380", "macOS 13.0"},
		{"22G820", "macOS 13.6.8"},
		{"22H123", "macOS 13.7"},
		{"22E772610a", "macOS 13.3.1 (a)"},
		{"22F770820b", "macOS 13.4.1 (a)"},
		{"22F770820d", "macOS 13.4.1 (c)"},
		{"23B2082", "macOS 14.1.1"},
		{"23H124", "macOS 14.7"},
		{"23J21", "macOS 14.8"},
		{"24A5264n", "macOS 15.0"},
		{"24G84", "macOS 15.6"},
		{"24G419", "macOS 15.7.3"},
		{"25A362", "macOS 26.0.1"},
		{"25B78", "macOS 26.1"},
		{"25G83", "macOS 26.6.2"},
	}
	for _, tt := range tests {
		t.Run(tt.build, func(t *testing.T) {
			t.Parallel()
			got, err := MacOSFromBuild(tt.build)
			if want := tt.want + " (" + tt.build + ")"; err != nil || OSDisplay(got) != want {
				t.Errorf("MacOSFromBuild = %q, %v; want %q", OSDisplay(got), err, want)
			}
		})
	}
}

func TestTextThatIsNoBuildIsRefused(t *testing.T) {
	t.Parallel()
	for _, build := range []string{"", "11G63", "9A1", "24g419", "24G", "G419", "24G1234567", "24G419aa", " 24G419", "123A4"} {
		if got, err := MacOSFromBuild(build); !errors.Is(err, ErrMacOSBuild) {
			t.Errorf("MacOSFromBuild(%q) = %v, %v; want ErrMacOSBuild", build, got, err)
		}
	}
}

func FuzzMacOSFromBuild(f *testing.F) {
	for _, build := range []string{"12E4022", "22E772610a", "25G83", "99Z999999z", "x"} {
		f.Add(build)
	}
	f.Fuzz(func(t *testing.T, build string) {
		v, err := MacOSFromBuild(build)
		if err != nil {
			return
		}
		if v.GetMajor() < 10 || v.GetMinor() < 0 || v.GetPatch() < 0 || v.GetBuild() != build {
			t.Errorf("MacOSFromBuild(%q) = %v", build, v)
		}
	})
}

func FuzzWindowsVersion(f *testing.F) {
	f.Add("19044.1682", int64(0))
	f.Add("1682", int64(19044))
	f.Fuzz(func(t *testing.T, build string, patch int64) {
		once := WindowsVersion(&inventoryv1.OSVersion{Build: &build, Patch: &patch})
		if twice := WindowsVersion(once); !proto.Equal(once, twice) {
			t.Errorf("WindowsVersion(%q, %d) = %v, again %v", build, patch, once, twice)
		}
	})
}
