// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"archive/zip"
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// office is a small fleet with tags, business units and checks.
type office struct {
	*store.Store
	pool      *pgxpool.Pool
	t         testing.TB
	committer *commit.Committer
	tags      map[string]int64
}

func emptyOffice(t testing.TB) *office {
	t.Helper()
	pool := storetest.New(t)
	s := store.New(pool)
	t.Cleanup(s.Close)
	if err := s.EnsurePartitions(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	return &office{Store: s, pool: pool, t: t, committer: commit.New(s, slog.New(slog.DiscardHandler)), tags: map[string]int64{}}
}

// report submits a tree through the open door.
func (o *office) report(body string) {
	o.t.Helper()
	submitted, err := tree.Parse([]byte(body), tree.DefaultLimits())
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.committer.Submit(o.t.Context(), submitted); err != nil {
		o.t.Fatal(err)
	}
}

const (
	macbook = `{"source":{"module":"zentral.contrib.munki","name":"Munki"},"serial_number":"C02B","last_seen":"2025-03-04T05:06:07",
		"business_unit":{"source":{"module":"m","name":"n"},"reference":"r1","name":"Hamburg"},
		"os_version":{"name":"macOS","major":14,"minor":5,"patch":0,"build":"23F79"},
		"system_info":{"computer_name":"beta","hardware_model":"Mac14,2"},
		"principal_user":{"source":{"type":"LOGGED_IN_USER"},"unique_id":"u1","principal_name":"jane@example.com","display_name":"Jane Doe"},
		"network_interfaces":[{"interface":"en0","mac":"0a:1b:2c:3d:4e:5f","address":"10.0.0.2"}],
		"osx_app_instances":[{"app":{"bundle_id":"org.mozilla.firefox","bundle_name":"Firefox","bundle_version_str":"128.0"},"bundle_path":"/Applications/Firefox.app"},
			{"app":{"bundle_id":"org.mozilla.firefox","bundle_name":"Firefox","bundle_version_str":"9.0"},"bundle_path":"/Users/jane/Firefox.app"}]}`
	macbookAgain = `{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"C02B","last_seen":"2025-03-04T05:06:08.250000",
		"os_version":{"name":"macOS","major":14,"minor":5,"patch":0,"build":"23F79"},
		"system_info":{"computer_name":"Beta","hardware_model":"Mac14,2"}}`
	server = `{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"EC2-i-1","last_seen":"2025-03-03T05:06:07",
		"os_version":{"name":"Ubuntu","major":24,"minor":4,"patch":0},
		"system_info":{"computer_name":"=alpha","cpu_brand":"Xeon"},
		"disks":[{"name":"/dev/sda","size":10,"label":"one"},{"name":"/dev/sda","size":10,"label":"two"}],
		"extra_facts":{"b":null,"a":{"empty":[],"list":[1,null,"x"]}},
		"deb_packages":[{"name":"openssl","version":"3.0.2"},{"name":"openssl","version":"3.0.10"},{"name":"libc-bin","version":"2.39"}],
		"ec2_instance_metadata":{"instance_id":"i-1","instance_type":"t3.large","architecture":"x86_64","region":"eu","availability_zone":"eu-1",
			"local_hostname":"ip","mac":"0a:00:00:00:00:01","ami_id":"ami","reservation_id":"r","account_id":"123456789012"}}`
	laptop = `{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"WIN1","last_seen":"2025-03-02T05:06:07",
		"os_version":{"id":"w","name":"Windows 11","major":11},"reference":"ref-1","public_ip_address":"192.0.2.7",
		"program_instances":[{"program":{"name":"7-Zip","version":"23"},"install_date":"2024-05-06"},{"program":{"name":"7-Zip","version":"23"},"install_location":"D:"},
			{"program":{"name":"Git","version":"2"},"install_date":"2024-05-07T08:09:10"}],
		"principal_user":{"source":{"type":"COMPANY_PORTAL","properties":{"a":"b"}},"unique_id":"u2","principal_name":"max"},
		"certificates":[{"common_name":"device","signed_by":{"common_name":"root"}},{"common_name":"root"}],
		"profiles":[{"uuid":"p","install_date":"2024-05-08","signed_by":{"common_name":"root"},"payloads":[{"type":"t"}]}],
		"ec2_instance_tags":[{"key":"k","value":"v"}]}`
	nameless = `{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"ZZ","last_seen":"2025-03-02T05:06:07","imei":"35-1"}`
)

// newOffice has three machines, one of them with two sources.
func newOffice(t testing.TB) *office {
	t.Helper()
	o := emptyOffice(t)
	for _, body := range []string{macbook, macbookAgain, server, nameless} {
		o.report(body)
	}
	unit, err := o.CreateMetaBusinessUnit(t.Context(), store.MetaBusinessUnit{Name: "Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.CreateTag(t.Context(), store.Tag{Name: "Zoo", Color: store.DefaultTagColor, MetaBusinessUnit: &unit.ID}); err != nil {
		t.Fatal(err)
	}
	o.tag("C02B", store.TagOperation{Kind: store.AddTags, Names: []string{"Blue", "Zoo"}},
		store.TagOperation{Kind: store.SetTags, Taxonomy: "Department", Names: []string{"IT"}})
	o.tag("EC2-i-1", store.TagOperation{Kind: store.AddTags, Names: []string{"Blue"}})
	for _, check := range []compliance.Check{{Name: "Ubuntu", Expression: "os_version.name == 'Ubuntu'"}, {Name: "Broken", Expression: "os_version.major"}} {
		check.SourceName, check.Platforms = "osquery", []string{"LINUX", "MACOS"}
		if _, err := o.committer.CreateCheck(t.Context(), check); err != nil {
			t.Fatal(err)
		}
	}
	checks, err := o.AllChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.committer.EvaluateChecks(t.Context(), checks...); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) tag(serial string, operations ...store.TagOperation) {
	o.t.Helper()
	if _, err := o.TagMachines(o.t.Context(), []string{serial}, operations); err != nil {
		o.t.Fatal(err)
	}
	tags, err := o.Tags(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	for _, tag := range tags {
		o.tags[tag.Name] = tag.ID
	}
}

// run makes the file of an export, after it went through what a task keeps.
func (o *office) run(e export.Export) []byte {
	o.t.Helper()
	var file bytes.Buffer
	folder := o.t.TempDir()
	var done, total int64
	progress := func(d, all int64) {
		if d < done || d > all {
			o.t.Errorf("%d of %d are done after %d of %d", d, all, done, total)
		}
		done, total = d, all
	}
	if err := e.Write(o.t.Context(), o.Store, export.Output{Writer: &file, Folder: folder, Progress: progress}); err != nil {
		o.t.Fatal(err)
	}
	if done != total {
		o.t.Errorf("%d of %d are done in the end", done, total)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		o.t.Errorf("it leaves %v behind: %v", left, err)
	}
	return file.Bytes()
}

// unpacked returns the files of an archive as one text, each below its name.
func unpacked(t testing.TB, archive []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r) // it compares the checksum
		if err != nil {
			t.Fatal(file.Name, err)
		}
		all.WriteString("== " + file.Name + "\n" + strings.ReplaceAll(string(content), "\r\n", "\n"))
	}
	return all.String()
}

// golden compares a text with a file of testdata/office; with UPDATE_GOLDEN it writes that.
func (o *office) golden(name, got string) {
	o.t.Helper()
	path := filepath.Join("testdata", "office", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			o.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		o.t.Fatal(err)
	}
	if got != string(want) {
		o.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// now matches the moments of this run, in the spellings of JSON lines; what machines report is of 2025.
var now = regexp.MustCompile(`20(2[6-9]|[3-9][0-9])-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?`)
