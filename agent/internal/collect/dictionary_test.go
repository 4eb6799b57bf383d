// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"gopkg.in/yaml.v3"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// dictionarySystems are the names of systems in the table of what is collected, by those of Go.
var dictionarySystems = map[string]string{"linux": "linux", "darwin": "macos", "windows": "windows"}

// dictionary is tools/dictionary/coverage.yaml, which describes itself.
type dictionary struct {
	Reasons []string
	Plain   map[string]string
	Kinds   map[string]dictionaryKind
	LeftOut []struct{ What, Of, Reason, Sync string } `yaml:"left_out"`
	Agent   []struct{ Field, Why string }
}

type dictionaryKind struct {
	Why, Note, Collector string
	Not                  map[string]string
	Unfilled             map[string]map[string]string
}

// readDictionary reads the table.
func readDictionary(t testing.TB) dictionary {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash("../../../tools/dictionary/coverage.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var table dictionary
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&table); err != nil {
		t.Fatal(err)
	}
	return table
}

// collected tells whether the table calls a kind collected on a system, as Go names it.
func (d dictionary) collected(kind, system string) bool {
	not := d.Kinds[kind].Not
	return not["all"] == "" && not[dictionarySystems[system]] == ""
}

// filled tells whether the table calls a field, given by its path in the snapshot, filled on a system.
func (d dictionary) filled(path, system string) bool {
	kind, inner, _ := strings.Cut(path, ".")
	if !d.collected(kind, system) {
		return false
	}
	for inner != "" {
		reasons := d.Kinds[kind].Unfilled[inner]
		if reasons["all"] != "" || reasons[dictionarySystems[system]] != "" {
			return false
		}
		i := strings.LastIndexByte(inner, '.')
		inner = inner[:max(i, 0)]
	}
	return true
}

// modelField is one field of the model, and where it is in the snapshot.
type modelField struct {
	path string
	protoreflect.FieldDescriptor
}

// modelFields lists the fields of all messages that a snapshot holds, the kinds among them. Rows of a kind inside another
// row are listed with their kind alone.
func modelFields() []modelField {
	kinds := map[protoreflect.FullName]bool{}
	root := (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor()
	for i := range root.Fields().Len() {
		if m := root.Fields().Get(i).Message(); m != nil && isSection(root.Fields().Get(i)) {
			kinds[m.FullName()] = true
		}
	}
	var found []modelField
	var under func(prefix string, m protoreflect.MessageDescriptor)
	under = func(prefix string, m protoreflect.MessageDescriptor) {
		for i := range m.Fields().Len() {
			f := modelField{prefix + string(m.Fields().Get(i).Name()), m.Fields().Get(i)}
			found = append(found, f)
			if inner := f.Message(); inner != nil && (prefix == "" || !kinds[inner.FullName()]) {
				under(f.path+".", inner)
			}
		}
	}
	under("", root)
	return found
}

// isSection tells a kind from a plain key of the snapshot.
func isSection(f protoreflect.FieldDescriptor) bool {
	return proto.GetExtension(f.Options(), inventoryv1.E_Sharing) != inventoryv1.Sharing_SHARING_UNSPECIFIED
}

// TestDictionaryKnowsEveryCollector holds what the table calls collected against the registries, both ways.
func TestDictionaryKnowsEveryCollector(t *testing.T) {
	t.Parallel()
	table := readDictionary(t)
	for system, registry := range registries {
		collectors := map[string]string{}
		for _, c := range registry {
			for _, kind := range c.Kinds {
				collectors[kind] = c.Name
			}
		}
		for kind, k := range table.Kinds {
			name, exists := collectors[kind]
			if want := table.collected(kind, system); exists != want {
				t.Errorf("%s on %s: has a collector: %v, collected as coverage.yaml says: %v", kind, system, exists, want)
			}
			if named := cmp.Or(k.Collector, kind); exists && name != named {
				t.Errorf("%s on %s is collected by %s, not by %s", kind, system, name, named)
			}
		}
		for kind := range collectors {
			if _, known := table.Kinds[kind]; !known {
				t.Errorf("%s is collected on %s and not in coverage.yaml", kind, system)
			}
		}
	}
}

// TestDictionaryHasEveryField looks up every field of the model on the page that people read.
func TestDictionaryHasEveryField(t *testing.T) {
	t.Parallel()
	rows := dictionaryRows(t)
	for _, f := range modelFields() {
		if !rows[f.path] {
			t.Errorf("docs/data-dictionary.md has no row for %s; make generate writes it", f.path)
		}
	}
	messages := syncv1.File_rollcall_sync_v1_sync_proto.Messages()
	for _, name := range []protoreflect.Name{"Evidence", "Health", "CollectorRun", "CollectorTrouble", "Vitals", "FilesystemUse"} {
		message := messages.ByName(name)
		for i := range message.Fields().Len() {
			path := string(name) + "." + string(message.Fields().Get(i).Name())
			if !rows["What the agent tells about itself."+path] {
				t.Errorf("docs/data-dictionary.md has no row for %s of the check-in", path)
			}
		}
	}
}

// The lines of the page that say what it is about.
var (
	dictionaryHeading = regexp.MustCompile("^## `?([^`\n]+)")
	dictionaryRow     = regexp.MustCompile("^\\| `?([^`|]+?)`? \\|")
)

// dictionaryRows reads the page: the first cell of every row, behind the heading that it stands under, and the headings.
func dictionaryRows(t testing.TB) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash("../../../docs/data-dictionary.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, heading := map[string]bool{}, ""
	for line := range strings.Lines(string(raw)) {
		if m := dictionaryHeading.FindStringSubmatch(line); m != nil {
			heading = m[1]
			rows[heading] = true
		}
		if m := dictionaryRow.FindStringSubmatch(line); m != nil {
			rows[heading+"."+m[1]] = true
			if heading == "Plain keys" {
				rows[m[1]] = true
			}
		}
	}
	return rows
}

// TestDictionaryGivesReasons keeps empty and careless entries out: a field that is never filled where its kind is collected
// needs a sentence, and a kind has one on what it is for.
func TestDictionaryGivesReasons(t *testing.T) {
	t.Parallel()
	table := readDictionary(t)
	var paths []string
	for _, f := range modelFields() {
		paths = append(paths, f.path)
	}
	for kind, k := range table.Kinds {
		if !strings.HasSuffix(k.Why, ".") {
			t.Errorf("%s: why is not a sentence: %q", kind, k.Why)
		}
		for field, reasons := range k.Unfilled {
			if !slices.Contains(paths, kind+"."+field) {
				t.Errorf("%s.%s is not in the model", kind, field)
			}
			for system, reason := range reasons {
				if !strings.HasSuffix(reason, ".") {
					t.Errorf("%s.%s on %s: not a sentence: %q", kind, field, system, reason)
				}
			}
		}
	}
}
