// SPDX-License-Identifier: Apache-2.0

package tree_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// drawnNames are names as bodies spell them, canonical or not; "" is a row without one.
var drawnNames = []string{"", `"bash"`, `"bash"`, `"bash-completion"`, `"curl"`, `"b\u0061sh"`, `"a \"b\" c"`, `""`, `5`, `null`, `["bash"]`, `"Ünicode"`}

// drawSections returns sections with rows of few names, some of which have install times.
func drawSections(t *rapid.T) snapshot.Sections {
	var bodies [][]byte
	for i := range rapid.IntRange(0, 30).Draw(t, "rows") {
		var keys []string
		if name := rapid.SampledFrom(drawnNames).Draw(t, "name"); name != "" {
			keys = append(keys, `"name":`+name)
		}
		for _, key := range []string{fmt.Sprintf(`"size":%d`, i), `"tags":[{"name":"curl"}]`, `"interface":"bash"`, `"install_time":"own"`} {
			if rapid.IntRange(0, 3).Draw(t, "key") == 0 {
				keys = append(keys, key)
			}
		}
		bodies = append(bodies, []byte("{"+strings.Join(rapid.Permutation(keys).Draw(t, "order"), ",")+"}"))
	}
	packages := snapshot.NewSection("deb_packages", bodies)
	times := [][]byte{}
	for start := 0; start < len(packages.Assets); {
		end := start + 1
		for end < len(packages.Assets) && packages.Assets[end].Digest[0] == packages.Assets[start].Digest[0] {
			end++
		}
		seconds := rapid.SliceOfN(rapid.SampledFrom([]int64{-1, 1772368200, 1772368201}), end-start, end-start).Draw(t, "times")
		list, _ := json.Marshal(seconds)
		times = append(times, fmt.Appendf(nil, `{"bucket":"%02x","kind":"deb_packages","times":%s}`, packages.Assets[start].Digest[0], list))
		start = end
	}
	return snapshot.Sections{
		"deb_packages":            packages,
		"links":                   snapshot.NewSection("links", [][]byte{[]byte(`{"name":"bash"}`)}),
		"os_version":              snapshot.NewSection("os_version", [][]byte{[]byte(`{"name":"bash"}`)}),
		snapshot.KindInstallTimes: snapshot.NewSection(snapshot.KindInstallTimes, times),
	}
}

func drawAdded(t *rapid.T) tree.Added {
	added := tree.Added{Platform: "LINUX"}
	if rapid.Bool().Draw(t, "links") {
		added.Links = []*inventoryv1.Link{{AnchorText: proto.String("here")}}
	}
	return added
}

// named are the rows of a list with a name, as the filter of an expression finds them.
func named(list any, name string) []any {
	found := []any{}
	rows, _ := list.([]any)
	for _, r := range rows {
		if object, ok := r.(map[string]any); ok && object["name"] == name {
			found = append(found, r)
		}
	}
	return found
}

func TestNamedRowsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sections, added := drawSections(t), drawAdded(t)
		lazy := tree.NewCache(20).Tree(sections, added)
		for _, times := range []bool{true, false} {
			for _, key := range []string{"deb_packages", "links", "os_version", "platform", "disks", snapshot.KindInstallTimes} {
				for _, name := range []string{"bash", "curl", `a "b" c`, "", "none", "Ünicode"} {
					rows, others, ok := lazy.Named(key, name, times)
					if key == "deb_packages" && len(sections[key].Assets) > 0 && !ok {
						t.Fatal("a list of rows: got no answer")
					}
					if !ok {
						continue
					}
					list, isList := lazy.Value(key, times).([]any)
					if !isList || len(rows)+others != len(list) {
						t.Fatalf("%s: got %d rows and %d others, the list is %v", key, len(rows), others, list)
					}
					if got, want := named(rows, name), named(list, name); !reflect.DeepEqual(got, want) {
						t.Fatalf("%s named %q: got %v, want %v", key, name, got, want)
					}
				}
			}
		}
		if err := lazy.Err(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWithoutTimesATreeIsAsIfNoneWereSent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sections, added := drawSections(t), drawAdded(t)
		lazy := tree.NewCache(20).Tree(sections, added)
		with, err := tree.Build(sections, added, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from memory
			if got := lazy.Whole(true); !reflect.DeepEqual(got, with) {
				t.Fatalf("with times: got %v, want %v", got, with)
			}
			bare := snapshot.Sections{}
			for kind, section := range sections {
				if kind != snapshot.KindInstallTimes {
					bare[kind] = section
				}
			}
			without, err := tree.Build(bare, added, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := lazy.Whole(false); !reflect.DeepEqual(got, without) {
				t.Fatalf("without times: got %v, want %v", got, without)
			}
		}
	})
}

// TestChecksSeeNoDifference evaluates over the whole tree and over one that is built as it is looked at.
func TestChecksSeeNoDifference(t *testing.T) {
	t.Parallel()
	var expressions []*compliance.Expression
	for _, source := range []string{
		"length(deb_packages[?name=='bash']) > `0`", "deb_packages[?name=='bash' && size > `3`].[name, size, install_time]",
		"deb_packages[?name=='curl']", "deb_packages[?name=='bash'] | [0].size", "deb_packages[?starts_with(name, 'b')]",
		"links[?name=='bash']", "os_version[?name=='bash']", "deb_packages[?name=='']", "deb_packages[?name=='a \"b\" c']",
		"deb_packages[?name=='bash' && length(tags) == `1`].tags[].name", "deb_packages[*].name", "@", "keys(@)",
		"length(deb_packages[?install_time=='2026-03-01T12:30:00'])", "deb_packages[?name=='bash' && install_time > 'a'].size",
	} {
		e, err := compliance.Compile(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		expressions = append(expressions, e)
	}
	rapid.Check(t, func(t *rapid.T) {
		sections, added := drawSections(t), drawAdded(t)
		whole, err := tree.Build(sections, added, nil)
		if err != nil {
			t.Fatal(err)
		}
		lazy := tree.NewCache(20).Tree(sections, added)
		for i, e := range expressions {
			got, want := e.EvaluateTree(lazy), e.Evaluate(whole)
			if !reflect.DeepEqual(got.Value, want.Value) || got.Status != want.Status || fmt.Sprint(got.Err) != fmt.Sprint(want.Err) {
				t.Fatalf("expression %d: got %+v, want %+v", i, got, want)
			}
		}
	})
}

func TestATreeThatCannotBeBuiltSaysSo(t *testing.T) {
	t.Parallel()
	broken := &snapshot.Section{Kind: "deb_packages", Assets: []snapshot.Asset{{Digest: asset.Of("deb_packages", nil), Body: []byte(`{"name":"a",`)}}}
	for name, look := range map[string]func(*tree.Tree){
		"value": func(t *tree.Tree) { t.Value("deb_packages", false) },
		"named": func(t *tree.Tree) { t.Named("deb_packages", "a", false) },
		"whole": func(t *tree.Tree) { t.Whole(true) },
	} {
		lazy := tree.NewCache(1).Tree(snapshot.Sections{"deb_packages": broken}, tree.Added{})
		if lazy.Value("disks", true) != nil || lazy.Err() != nil {
			t.Errorf("%s: an error before anybody looked: %v", name, lazy.Err())
		}
		if look(lazy); lazy.Err() == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
