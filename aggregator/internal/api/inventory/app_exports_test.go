// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// appWorld has machines with applications of every sort that the contract knows. more adds one machine to each.
func appWorld(t *testing.T, more bool) *apitest.World {
	t.Helper()
	w := apitest.New(t, apitest.Options{Tasks: true})
	if _, err := w.Pool.Exec(t.Context(), `ALTER TABLE source ALTER COLUMN id RESTART WITH 4641`); err != nil {
		t.Fatal(err)
	}
	trees := []string{
		`{"source":{"module":"zentral.contrib.munki","name":"Munki"},"serial_number":"MAC-%d","osx_app_instances":[{"app":{"bundle_id":"com.1password.1password","bundle_name":"1Password","bundle_version":"81022001","bundle_version_str":"8.10.22"}}]}`,
		`{"source":{"module":"zentral.contrib.wsone","name":"Workspace ONE"},"serial_number":"AND-%d","android_apps":[{"display_name":"Google Chrome","version_name":"121.0","version_code":612100000}]}`,
		`{"source":{"module":"zentral.contrib.intune","name":"Intune"},"serial_number":"AND-%d","android_apps":[{"display_name":"Chrome Beta","version_name":"122.0"}]}`,
		`{"source":{"module":"zentral.contrib.wsone","name":"Workspace ONE"},"serial_number":"IOS-%d","ios_apps":[{"name":"1Password","version":"81022","short_version":"8.10.22"}]}`,
		`{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"DEB-%d","deb_packages":[{"name":"firefox","version":"1.10"}]}`,
		`{"source":{"module":"zentral.contrib.osquery","name":"osquery"},"serial_number":"WIN-%d","program_instances":[{"program":{"name":"1Password","version":"8.10.22","identifying_number":"{A-1}"}}]}`,
	}
	machines := 1
	if more {
		machines = 2
	}
	for _, tree := range trees {
		for n := range machines {
			w.Ask(http.MethodPost, "/api/v1/snapshots", fmt.Sprintf(tree, n+1)).Want(http.StatusCreated)
		}
	}
	return w
}

var taskAnswer = regexp.MustCompile(`^\{"task_id":"([0-9a-f-]{36})","task_result_url":"/api/task_result/([0-9a-f-]{36})/"\}\s*$`)

// launched returns the id of the task that was answered.
func launched(t *testing.T, a apitest.Answer) string {
	t.Helper()
	parts := taskAnswer.FindStringSubmatch(string(a.Want(http.StatusCreated).Body))
	if parts == nil || parts[1] != parts[2] {
		t.Fatalf("got %s", a.Body)
	}
	return parts[1]
}

// content is a downloaded file as text: its name, and the files of an archive or the rows of a sheet.
func content(t *testing.T, a apitest.Answer) string {
	t.Helper()
	disposition := a.Header.Get("Content-Disposition")
	name := strings.Trim(strings.TrimPrefix(disposition, "attachment; filename="), `"`)
	var text strings.Builder
	fmt.Fprintln(&text, regexp.MustCompile(`\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d`).ReplaceAllString(name, "AT"))
	switch {
	case strings.HasSuffix(name, ".zip"):
		r, err := zip.NewReader(bytes.NewReader(a.Body), int64(len(a.Body)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.File {
			file, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(file)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text, "%s: %d rows of %s", f.Name, bytes.Count(raw, []byte("\r\n"))-1, bytes.SplitAfter(raw, []byte("\n"))[0])
		}
	case strings.HasSuffix(name, ".xlsx"):
		f, err := excelize.OpenReader(bytes.NewReader(a.Body))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, sheet := range f.GetSheetList() {
			rows, err := f.GetRows(sheet)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&text, sheet)
			for _, row := range rows {
				fmt.Fprintln(&text, strings.Join(row, ";"))
			}
		}
	default:
		text.Write(a.Body)
	}
	return strings.ReplaceAll(text.String(), "\r\n", "\n")
}

const firstColumns = "serial_number,source_module,source_name,last_seen,"

// appExamples are rows 8 to 14 of the documented examples, as they are printed; N is the number of machines.
var appExamples = []struct{ path, body, want string }{
	{"android_apps/export/", `{"display_name":"Chrome"}`, `android_apps_export_AT.xlsx
Android apps
Name;Version name;Version code;Source;Machines
Chrome Beta;;;;N
Chrome Beta;122.0;;Intune;N
Google Chrome;;;;N
Google Chrome;121.0;612100000;Workspace ONE;N
`},
	{"deb_packages/export/", `{"name":"Firefox","last_seen":"90d"}`, `deb_packages_export_AT.xlsx
Debian packages
Package;Version;Source;Machines
firefox;;;N
firefox;1.10;osquery;N
`},
	{"ios_apps/export/", `{"name":"1Password","last_seen":"1d"}`, `ios_apps_export_AT.xlsx
iOS apps
Name;Identifier;Version;Short version;Source;Machines
1Password;;;;;N
1Password;;81022;8.10.22;Workspace ONE;N
`},
	{"macos_apps/export/", `{"bundle_name":"1Password","last_seen":"14d","source":4641}`, `macos_apps_export_AT.xlsx
macOS apps
Bundle;Bundle ID;Bundle version;Bundle version str;Source;Machines
1Password;com.1password.1password;;;;N
1Password;com.1password.1password;81022001;8.10.22;Munki;N
`},
	{"programs/export/", `{"name":"1Password","export_format":"csv"}`, `programs_export_AT.csv
Name;Identifying number;Version;Source;Machines
1Password;{A-1};;;N
1Password;{A-1};8.10.22;osquery;N
`},
	{"machines/export_android_apps/?source_name=Workspace%20ONE", "", `inventory_machine_android_apps_export-AT.zip
workspace-one.csv: N rows of ` + firstColumns + `display_name,version_name,version_code,package_name,installer_package_name
`},
	{"machines/export_deb_packages/", "", `inventory_machine_deb_packages_export-AT.zip
osquery.csv: N rows of ` + firstColumns + `name,version,source,size,arch,revision,status,maintainer,section,priority
`},
	{"machines/export_ios_apps/", "", `inventory_machine_ios_apps_export-AT.zip
workspace-one.csv: N rows of ` + firstColumns + `name,version,ad_hoc_signed,app_store_vendable,beta_app,bundle_size,device_based_vpp,identifier,is_validated,short_version
`},
	{"machines/export_macos_app_instances/", "", `inventory_machine_macos_app_instances_export-AT.zip
munki.csv: N rows of ` + firstColumns + `bundle_id,bundle_name,bundle_display_name,bundle_version,bundle_version_str,bundle_path,executable_path,path,team_id,cd_hash,signing_time,secure_signing_time
`},
	{"machines/export_program_instances/", "", `inventory_machine_program_instances_export-AT.zip
osquery.csv: N rows of ` + firstColumns + `name,version,language,publisher,identifying_number,install_location,install_source,uninstall_string,install_date
`},
}

func TestDocumentedAppExports(t *testing.T) {
	t.Parallel()
	for n, more := range []bool{false, true} {
		w := appWorld(t, more)
		for _, tt := range appExamples {
			var body any
			if tt.body != "" {
				body = tt.body
			}
			id := launched(t, w.Ask(http.MethodPost, "/api/inventory/"+tt.path, body))
			want := strings.NewReplacer(";N\n", fmt.Sprintf(";%d\n", n+1), ": N rows", fmt.Sprintf(": %d rows", n+1)).Replace(tt.want)
			if got := content(t, w.Download(id)); got != want {
				t.Errorf("POST %s %s: got\n%s\nwant\n%s", tt.path, tt.body, got, want)
			}
		}
	}
}

func TestAppReportParameters(t *testing.T) {
	t.Parallel()
	w := appWorld(t, false)
	const format, search = `["Invalid export format"]`, `["Invalid search parameters"]`
	tests := []struct {
		path, body string
		status     int
		says       string
	}{
		{"deb_packages", `{"export_format":"zip"}`, 400, format},
		{"deb_packages", `{"export_format":""}`, 400, format},
		{"deb_packages", `{"export_format":null}`, 400, format},
		{"deb_packages", `{"export_format":["csv"]}`, 400, format},
		{"deb_packages", `{"export_format":"zip","source":"x"}`, 400, format},
		{"deb_packages", `{"source":"munki"}`, 400, search},
		{"deb_packages", `{"source":-1}`, 400, search},
		{"deb_packages", `{"source":1.5}`, 400, search},
		{"deb_packages", `{"source":{}}`, 400, search},
		{"deb_packages", `{"last_seen":"2d"}`, 400, search},
		{"deb_packages", `{"last_seen":7}`, 400, search},
		{"deb_packages", `{"name":"` + strings.Repeat("ä", 65) + `"}`, 400, search},
		{"deb_packages", `{"name":true}`, 400, search},
		{"macos_apps", `{"bundle":"x","bundle_name":"` + strings.Repeat("b", 65) + `"}`, 201, "task_id"},
		{"macos_apps", `{"bundle_name":"` + strings.Repeat("b", 65) + `"}`, 400, search},
		{"deb_packages", `{"name":"` + strings.Repeat("ä", 64) + `"}`, 201, "task_id"},
		{"deb_packages", `{"name":"","source":"","last_seen":"","order":"mc-d","unknown":1}`, 201, "task_id"},
		{"deb_packages", `{"name":null,"source":null,"last_seen":null}`, 201, "task_id"},
		{"deb_packages", `{"source":99999999999}`, 201, "task_id"},
		{"deb_packages", `{"order":"nonsense"}`, 201, "task_id"},
		{"deb_packages", `[]`, 400, "Expected a dictionary"},
		{"deb_packages", `{`, 400, "JSON parse error"},
	}
	for _, tt := range tests {
		w.Ask(http.MethodPost, "/api/inventory/"+tt.path+"/export/", tt.body).Want(tt.status).Says(tt.says)
	}
	req := apitest.Request(t, http.MethodPost, "/api/inventory/deb_packages/export/", "name=x")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Token "+w.Tokens[auth.Admin])
	w.Send(req).Want(http.StatusUnsupportedMediaType)
}

func TestMacOSReportIsSearchedByEitherKey(t *testing.T) {
	t.Parallel()
	w := appWorld(t, false)
	for body, found := range map[string]bool{
		`{"export_format":"csv","bundle":"COM.1PASS"}`:      true,
		`{"export_format":"csv","bundle_name":"com.1pass"}`: true,
		`{"export_format":"csv","bundle":"1password"}`:      true,
		`{"export_format":"csv","bundle_name":"safari"}`:    false,
	} {
		got := content(t, w.Download(launched(t, w.Ask(http.MethodPost, "/api/inventory/macos_apps/export/", body))))
		if strings.Contains(got, "8.10.22") != found {
			t.Errorf("%s: got %s", body, got)
		}
	}
}

func TestAppExportsTakeEveryPermission(t *testing.T) {
	t.Parallel()
	w := appWorld(t, false)
	needs := map[string][]auth.Permission{
		"android_apps/export/":                 {"inventory.view_androidapp"},
		"deb_packages/export/":                 {"inventory.view_debpackage"},
		"ios_apps/export/":                     {"inventory.view_iosapp"},
		"macos_apps/export/":                   {"inventory.view_osxapp", "inventory.view_osxappinstance"},
		"programs/export/":                     {"inventory.view_program", "inventory.view_programinstance"},
		"machines/export_android_apps/":        {"inventory.view_androidapp"},
		"machines/export_deb_packages/":        {"inventory.view_debpackage"},
		"machines/export_ios_apps/":            {"inventory.view_iosapp"},
		"machines/export_macos_app_instances/": {"inventory.view_osxapp", "inventory.view_osxappinstance"},
		"machines/export_program_instances/":   {"inventory.view_program", "inventory.view_programinstance"},
	}
	for path, all := range needs {
		w.AskAs("", http.MethodPost, "/api/inventory/"+path, nil).Want(http.StatusUnauthorized)
		w.AskAs(w.TokenFor(apitest.Role{Permissions: all}), http.MethodPost, "/api/inventory/"+path, nil).Want(http.StatusCreated)
		for i := range all {
			others := append(append([]auth.Permission{auth.ReadInventory}, all[:i]...), all[i+1:]...)
			w.AskAs(w.TokenFor(apitest.Role{Permissions: others}), http.MethodPost, "/api/inventory/"+path, nil).Want(http.StatusForbidden)
		}
		w.Ask(http.MethodGet, "/api/inventory/"+path, nil).Want(http.StatusMethodNotAllowed)
	}
}

// TestAppExportsTellOfMachinesInReach tags one of two machines and asks as somebody who may see no others.
func TestAppExportsTellOfMachinesInReach(t *testing.T) {
	t.Parallel()
	w := appWorld(t, true)
	tag := w.Ask(http.MethodPost, "/api/inventory/tags/", `{"name":"Mine"}`).Want(http.StatusCreated).Object()["id"].(float64)
	w.Ask(http.MethodPost, "/api/inventory/machines/tags/", `{"serial_numbers":["DEB-2"],"operations":[{"kind":"ADD","names":["Mine"]}]}`).Want(http.StatusOK)
	token := w.TokenFor(apitest.Role{Tags: []int64{int64(tag)}})
	for path, want := range map[string]string{
		"deb_packages/export/":               "firefox;1.10;osquery;1\n",
		"machines/export_deb_packages/":      "osquery.csv: 1 rows of",
		"programs/export/":                   "Source;Machines\n",
		"machines/export_program_instances/": "export-AT.zip\n",
	} {
		got := content(t, w.Download(launched(t, w.AskAs(token, http.MethodPost, "/api/inventory/"+path, nil))))
		if !strings.Contains(got, want) || strings.Contains(got, "1Password") || strings.Contains(got, "DEB-1") {
			t.Errorf("%s: got %s, want it to have %q", path, got, want)
		}
	}
}
