// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/rollcall-inventory/rollcall/proto/asset"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// TestDictionaryIsTrueOfTheTrees holds the table against what the collectors find on the machines of testdata. A field that
// shows there must be called filled; one that is called filled must show, or be in the list of what those machines lack.
func TestDictionaryIsTrueOfTheTrees(t *testing.T) {
	t.Parallel()
	table := readDictionary(t)
	for system, shown := range shownOnTrees(t) {
		for path := range shown {
			if !table.filled(path, system) {
				t.Errorf("%s shows on a tree of %s; coverage.yaml calls it not filled there", path, system)
			}
		}
		lacking, listed := lackingOn(table, system, shown), strings.Fields(notOnTrees[system])
		for _, path := range lacking {
			if !slices.Contains(listed, path) {
				t.Errorf("coverage.yaml calls %s filled on %s, and no tree shows it; notOnTrees does not list it", path, system)
			}
		}
		for _, path := range listed {
			if !slices.Contains(lacking, path) {
				t.Errorf("notOnTrees lists %s of %s, which shows on a tree or is not called filled", path, system)
			}
		}
	}
}

// lackingOn returns what the table calls filled on a system and its trees do not show. A kind or an object stands for all
// of its fields.
func lackingOn(table dictionary, system string, shown map[string]bool) []string {
	var lacking []string
	for _, f := range modelFields() {
		kind, inner, _ := strings.Cut(f.path, ".")
		if table.Kinds[kind].Why == "" || shown[f.path] || !table.filled(f.path, system) {
			continue
		}
		above := kind
		if i := strings.LastIndexByte(f.path, '.'); i > 0 {
			above = f.path[:i]
		}
		if inner == "" || shown[above] {
			lacking = append(lacking, f.path)
		}
	}
	return lacking
}

// shownOnTrees returns which fields the snapshots of testdata have, by system.
func shownOnTrees(t *testing.T) map[string]map[string]bool {
	t.Helper()
	found := map[string]map[string]bool{}
	for _, pattern := range []string{"*.golden.json", "*/snapshot.json", "linux/*/snapshot.json"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			system := treeSystem(file)
			if found[system] == nil {
				found[system] = map[string]bool{}
			}
			noteSnapshot(t, found[system], raw)
		}
	}
	return found
}

// noteSnapshot notes which fields a snapshot has, in JSON.
func noteSnapshot(t *testing.T, found map[string]bool, raw []byte) {
	t.Helper()
	var snapshot map[string]any
	if err := json.Unmarshal(raw, &snapshot); err != nil {
		t.Fatal(err)
	}
	for kind, value := range snapshot {
		addPaths(found, kind, value)
	}
}

// treeSystem tells by its name of which system a tree is.
func treeSystem(file string) string {
	switch {
	case strings.Contains(file, "macos"):
		return "darwin"
	case strings.Contains(file, "windows"):
		return "windows"
	}
	return "linux"
}

// addPaths notes a value of the tree and all below it. Rows of a kind inside another row, and any JSON, are one value.
func addPaths(found map[string]bool, path string, value any) {
	found[path] = true
	switch v := value.(type) {
	case []any:
		for _, inner := range v {
			addPaths(found, path, inner)
		}
	case map[string]any:
		if path == "extra_facts" || strings.HasSuffix(path, ".entitlements") || strings.HasSuffix(path, ".signed_by") {
			return
		}
		for key, inner := range v {
			addPaths(found, path+"."+key, inner)
		}
	}
}

// TestDictionaryIsTrueOfThisMachine collects everything here; nothing may show that the table calls not filled.
func TestDictionaryIsTrueOfThisMachine(t *testing.T) {
	t.Parallel()
	table, shown := readDictionary(t), map[string]bool{}
	raw, err := asset.JSON(Run(context.Background(), host.Local(), Options{}).Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	noteSnapshot(t, shown, raw)
	for path := range shown {
		if !table.filled(path, runtime.GOOS) {
			t.Errorf("%s shows here; coverage.yaml calls it not filled", path)
		}
	}
}

// TestDictionaryIsTrueOfTheSource finds, for every field that the table calls filled on a system, a place in the source of
// that system's collectors that sets it.
func TestDictionaryIsTrueOfTheSource(t *testing.T) {
	t.Parallel()
	table, set := readDictionary(t), fieldsSet(t)
	for _, f := range modelFields() {
		kind, inner, _ := strings.Cut(f.path, ".")
		if table.Kinds[kind].Why == "" {
			continue
		}
		for system := range registries {
			message, field := goNames(t, f.FieldDescriptor)
			if inner != "" && table.filled(f.path, system) && !set[system][message+"."+field] && !set[system]["*."+field] {
				t.Errorf("coverage.yaml calls %s filled on %s, and no source sets %s of %s", f.path, system, field, message)
			}
		}
	}
}

// fieldsSet reads the source of this package: the fields that it names in literals of messages, as Message.Field, and
// those it assigns to or takes the address of, as *.Field, by system.
func fieldsSet(t *testing.T) map[string]map[string]bool {
	t.Helper()
	found := map[string]map[string]bool{"linux": {}, "darwin": {}, "windows": {}}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			noteFields(names, n)
			return true
		})
		for _, system := range sourceSystems(name) {
			maps.Copy(found[system], names)
		}
	}
	return found
}

// sourceSystems returns the systems that a file of this package is for.
func sourceSystems(name string) []string {
	for suffix, system := range map[string]string{"_linux.go": "linux", "_mac.go": "darwin", "_win.go": "windows"} {
		if strings.HasSuffix(name, suffix) {
			return []string{system}
		}
	}
	return []string{"linux", "darwin", "windows"}
}

// noteFields notes the fields that one node sets.
func noteFields(names map[string]bool, n ast.Node) {
	note := func(e ast.Expr) {
		if s, ok := e.(*ast.SelectorExpr); ok {
			names["*."+s.Sel.Name] = true
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, e := range n.Lhs {
			note(e)
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			note(n.X)
		}
	case *ast.CompositeLit:
		s, ok := n.Type.(*ast.SelectorExpr)
		for _, e := range n.Elts {
			if pair, paired := e.(*ast.KeyValueExpr); ok && paired {
				if key, named := pair.Key.(*ast.Ident); named {
					names[s.Sel.Name+"."+key.Name] = true
				}
			}
		}
	}
}

// goNames returns how Go calls a field and its message.
func goNames(t *testing.T, f protoreflect.FieldDescriptor) (message, field string) {
	t.Helper()
	m, err := protoregistry.GlobalTypes.FindMessageByName(f.ContainingMessage().FullName())
	if err != nil {
		t.Fatal(err)
	}
	s := reflect.TypeOf(m.Zero().Interface()).Elem()
	for i := range s.NumField() {
		if slices.Contains(strings.Split(s.Field(i).Tag.Get("protobuf"), ","), "name="+string(f.Name())) {
			return s.Name(), s.Field(i).Name
		}
	}
	t.Fatalf("no field of Go for %s", f.FullName())
	return "", ""
}

// notOnTrees are the fields that are collected and that no machine of testdata has, by system. A kind or an object stands for
// all of its fields. Take out what a new tree shows. Tests of single collectors hold the rest, most on Linux: where the
// source is shared, one system stands for all.
var notOnTrees = map[string]string{
	"linux": `
		brew_packages cloud_instance ec2_instance_metadata ec2_instance_tags go_binaries java_components jvms monitors
		virtual_machines
		batteries.health board.asset_tag certificates.domain certificates.organizational_unit certificates.signed_by
		disks.firmware disks.label disks.model disks.read_only disks.removable disks.vendor dns_servers.interface
		filesystems.read_only flatpak_apps.developer gem_packages.install_time rpm_packages.module_label
		system_info.asset_tag system_info.cloud_provider system_info.container trusted_certificates.dns_names
		trusted_certificates.domain trusted_certificates.signed_by users.disabled`,
	"darwin": `
		brew_packages browser_extensions extra_facts gem_packages go_binaries java_components jvms npm_packages
		python_packages repositories
		batteries.vendor board.serial os_version.version partitions.label scheduled_tasks.user security_products.mode
		system_info.fqdn system_info.hypervisor
		certificates.dns_names certificates.domain certificates.organizational_unit certificates.signed_by
		trusted_certificates.dns_names trusted_certificates.domain trusted_certificates.organizational_unit
		trusted_certificates.signed_by
		osx_app_instances.secure_signing_time osx_app_instances.signed_by osx_app_instances.signing_time
		processors.family processors.max_mhz processors.microcode processors.model processors.stepping
		profiles.encrypted profiles.has_removal_passcode profiles.payloads.description`,
	"windows": `
		browser_extensions cloud_instance ec2_instance_metadata ec2_instance_tags extra_facts gem_packages go_binaries
		java_components jvms npm_packages python_packages
		board.asset_tag disks.removable filesystems.read_only printers.description
		certificates.dns_names certificates.domain certificates.organizational_unit certificates.signed_by
		trusted_certificates.dns_names trusted_certificates.domain trusted_certificates.organizational_unit
		trusted_certificates.signed_by`,
}
