// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNameOf(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, body, name, version string }{
		{"deb_packages", `{"name":"bash","version":"5.2"}`, "bash", "5.2"},
		{"deb_packages", `{"name":7,"version":"5.2"}`, "", "5.2"},
		{"deb_packages", `"text"`, "", ""},
		{"rpm_packages", `{"epoch":0,"name":"bash","release":"1.el9","version":"5.2"}`, "bash", "5.2-1.el9"},
		{"rpm_packages", `{"epoch":2,"name":"bind","version":"9"}`, "bind", "2:9"},
		{"android_apps", `{"display_name":"Maps","name":"com.example.maps","version_name":"1.0"}`, "Maps", "1.0"},
		{"osx_app_instances", `{"app":{"bundle_id":"com.example.a","bundle_name":"A","bundle_version":"10","bundle_version_str":"1.0"}}`, "A", "1.0"},
		{"osx_app_instances", `{"app":{"bundle_id":"com.example.a","bundle_version":"10"}}`, "com.example.a", "10"},
		{"program_instances", `{"program":{"name":"P","version":"1"}}`, "P", "1"},
		{"profiles", `{"display_name":"Wi-Fi"}`, "Wi-Fi", ""},
		{"certificates", `{"common_name":"example.org"}`, "example.org", ""},
	}
	for _, test := range tests {
		if name, version := nameOf(test.kind, []byte(test.body)); name != test.name || version != test.version {
			t.Errorf("%s %s: got %q and %q, want %q and %q", test.kind, test.body, name, version, test.name, test.version)
		}
	}
	for _, text := range []string{strings.Repeat("x", 600), "x" + strings.Repeat("é", 600), strings.Repeat("日", 600)} {
		if got := shortened(text); len(got) > maxNameBytes || len(got) < maxNameBytes-3 || !utf8.ValidString(got) || !strings.HasPrefix(text, got) {
			t.Errorf("got %d bytes of %q", len(got), got)
		}
	}
}

// kept asks for one key.
func kept[V any](g *generations[int, V], key int) (v V, ok bool) {
	g.getAll([]int{key}, func(_ int, found V) { v, ok = found, true })
	return v, ok
}

func TestGenerationsKeepWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	g := newGenerations[int, int](10)
	for n := range 1000 {
		g.put(n, -n)
		if v, ok := kept(g, 0); !ok || v != 0 {
			t.Fatalf("after %d: got %d, %v", n, v, ok)
		}
	}
	if n := len(g.young) + len(g.old); n > 10 {
		t.Errorf("holds %d, want at most 10", n)
	}
	if _, ok := kept(g, 5); ok {
		t.Error("what nobody asked for is still there")
	}
	g.clear()
	if _, ok := kept(g, 0); ok {
		t.Error("not cleared")
	}
}

// TestGenerationsDoNotBringBackWhatIsGone has a reader that is slow to move a value to the young half.
func TestGenerationsDoNotBringBackWhatIsGone(t *testing.T) {
	t.Parallel()
	g := newGenerations[int, string](4)
	for n := range 3 {
		g.put(n, "before")
	}
	if g.old[0] != "before" {
		t.Fatal("0 is not in the old half")
	}
	g.put(0, "after")
	g.renew(0)
	if v, _ := kept(g, 0); v != "after" {
		t.Errorf("got %q, want what replaced it", v)
	}
	g.clear()
	g.renew(0)
	if v, ok := kept(g, 0); ok {
		t.Errorf("cleared, and got %q", v)
	}
}
