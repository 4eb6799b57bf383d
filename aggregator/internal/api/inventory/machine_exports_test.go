// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// exportFleet pushes the machines with these numbers for each of the sources.
func exportFleet(w *apitest.World, from, to int, sources ...string) {
	for _, source := range sources {
		for i := from; i <= to; i++ {
			w.Ask(http.MethodPost, "/api/v1/snapshots", fmt.Sprintf(`{"source":{"module":"m","name":%q},"serial_number":"SN%d",
				"os_version":{"name":"Ubuntu","major":24},"system_info":{"computer_name":"pc-%d"},"disks":[{"name":"sda","size":1}]}`, source, i, i)).Want(http.StatusCreated)
		}
	}
}

// launch sends a request as written, and returns the id of its task.
func launch(t *testing.T, w *apitest.World, path string, body any) string {
	t.Helper()
	return launched(t, w.Ask(http.MethodPost, path, body))
}

// archived returns the files of an archive by name.
func archived(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[file.Name] = string(content)
	}
	return files
}

func TestSnapshotsAreExportedAsDocumented(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	exportFleet(w, 0, 1, "osquery", "Workspace ONE")
	lines := func() string {
		answer := w.Download(launch(t, w, "/api/inventory/machines/export_snapshots/", nil))
		if got := answer.Header.Get("Content-Type"); got != "application/zip" {
			t.Errorf("got the content type %s", got)
		}
		if got := answer.Header.Get("Content-Disposition"); !strings.Contains(got, "machine_snapshots-2") || !strings.Contains(got, ".zip") {
			t.Errorf("got the disposition %s", got)
		}
		files := archived(t, answer.Body)
		return fmt.Sprint(len(files), strings.Count(files["osquery.jsonl"], "\n"), strings.Count(files["workspace-one.jsonl"], "\n"))
	}
	if got := lines(); got != "2 2 2" {
		t.Errorf("got %s files and lines", got)
	}
	exportFleet(w, 2, 2, "osquery")
	if got := lines(); got != "2 3 2" {
		t.Errorf("with one machine more: got %s files and lines", got)
	}
	files := archived(t, w.Download(launch(t, w, "/api/inventory/machines/export_snapshots/?source_name=workspace%20one", nil)).Body)
	if len(files) != 1 || !strings.HasPrefix(files["workspace-one.jsonl"], `{"serial_number":"SN0","platform":"LINUX"`) {
		t.Errorf("of one source: got %v", files)
	}
}

func TestInventoryIsExportedAsTheQuerySays(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	exportFleet(w, 0, 1, "osquery")
	const body = "not read" // whatever it is
	files := archived(t, w.Download(launch(t, w, "/api/inventory/machines/export/?export_format=zip&sf=pf&cn=PC-1&unknown=1", body)).Body)
	if got := files["machines.csv"]; strings.Count(got, "\r\n") != 2 || !strings.Contains(got, ",SN1,") {
		t.Errorf("got %q", got)
	}
	if got := files["platforms.csv"]; got != "Value,Count,%\r\nLinux,1,100\r\n" {
		t.Errorf("got %q", got)
	}
	book := w.Download(launch(t, w, "/api/inventory/machines/export/", nil))
	if got := book.Header.Get("Content-Disposition"); !strings.Contains(got, "inventory_export_2") || !strings.Contains(got, ".xlsx") {
		t.Errorf("got the disposition %s", got)
	}
	if files := archived(t, book.Body); files["xl/workbook.xml"] == "" {
		t.Errorf("no workbook: %d files", len(files))
	}
	for query, want := range map[string]string{
		"export_format=csv":          `["Unknown export format"]`,
		"export_format=":             `["Unknown export format"]`,
		"sf=pf-x":                    `["sf: there is no filter \"x\""]`,
		"t=blue":                     `["t: \"blue\" is not a valid number"]`,
		"ls=%zz":                     `["the query cannot be read: `,
		strings.Repeat("a=b&", 5000): `["the query has more than 16384 bytes"]`,
	} {
		w.Ask(http.MethodPost, "/api/inventory/machines/export/?"+query, nil).Want(http.StatusBadRequest).Says(want)
	}
}

func TestEverythingIsExported(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	exportFleet(w, 0, 1, "osquery")
	files := archived(t, w.Download(launch(t, w, "/api/inventory/full_export/", nil)).Body)
	var got []string
	for _, model := range []string{"machine", "source", "os_version", "system_info", "disk", "machine_disks", "deb_package"} {
		got = append(got, fmt.Sprint(model, " ", strings.Count(files["zentral_"+model+"_0001.jsonl"], "\n")))
	}
	if got := strings.Join(got, ", "); got != "machine 2, source 1, os_version 1, system_info 2, disk 1, machine_disks 2, deb_package 0" {
		t.Errorf("got %s", got)
	}
	if len(files) != 6 {
		t.Errorf("got %d files", len(files))
	}
	for _, since := range []string{"2100-01-01", "2100-01-01T00:00:00%2B02:00", "2100-01-01T00:00:00+02:00"} {
		if files := archived(t, w.Download(launch(t, w, "/api/inventory/full_export/?since="+since, nil)).Body); len(files) != 0 {
			t.Errorf("since %s: got %d files", since, len(files))
		}
	}
	w.Ask(http.MethodPost, "/api/inventory/full_export/?since=lately", nil).Want(http.StatusBadRequest).
		Says(`["since: write the moment like 2026-03-04T05:06:07"]`)
}

func TestExportsOfMachinesWantTheirPermission(t *testing.T) {
	t.Parallel()
	w := apitest.New(t, apitest.Options{Tasks: true})
	for _, path := range []string{"machines/export/", "machines/export_snapshots/", "full_export/"} {
		path = "/api/inventory/" + path
		w.AskAs("", http.MethodPost, path, nil).Want(http.StatusUnauthorized).Says("Authentication credentials were not provided.")
		w.AskAs(w.Tokens[auth.Viewer], http.MethodPost, path, nil).Want(http.StatusCreated)
		w.Ask(http.MethodGet, path, nil).Want(http.StatusMethodNotAllowed).Says(`Method \"GET\" not allowed.`)
	}
}
