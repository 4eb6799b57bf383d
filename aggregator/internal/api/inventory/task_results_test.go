// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// tasks is an aggregator that makes exports.
type tasks struct {
	*apitest.World
	t *testing.T
}

func newTasks(t *testing.T) *tasks {
	t.Helper()
	w := &tasks{apitest.New(t, apitest.Options{Tasks: true}), t}
	w.Ask(http.MethodPost, "/api/v1/snapshots", `{"source":{"module":"m","name":"s"},"serial_number":"A","deb_packages":[{"name":"bash","version":"5"}]}`).Want(http.StatusCreated)
	return w
}

// launch begins an export of packages and awaits it.
func (w *tasks) launch(token string) (task store.Task, url string) {
	w.t.Helper()
	a := w.AskAs(token, http.MethodPost, "/api/inventory/deb_packages/export/", `{"export_format":"csv"}`).Want(http.StatusCreated).Object()
	id, _ := a["task_id"].(string)
	if want := "/api/task_result/" + id + "/"; a["task_result_url"] != want || len(a) != 2 {
		w.t.Fatalf("got %v", a)
	}
	if task = w.Await(id); task.Status != store.TaskSuccess {
		w.t.Fatalf("it ended as %s: %s", task.Status, task.Err)
	}
	return task, "/api/task_result/" + id + "/"
}

// exec changes what is stored.
func (w *tasks) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.Pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

const unknownTask = "00000000-0000-4000-8000-000000000000"

func TestTheResultOfAnExport(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	task, url := w.launch(w.Tokens[auth.Operator])
	got := w.AskAs(w.Tokens[auth.Operator], http.MethodGet, url, nil).Want(http.StatusOK).Object()
	result, _ := got["result"].(map[string]any)
	headers, _ := result["headers"].(map[string]any)
	if len(got) != 6 || got["id"] != task.ID || got["name"] != task.Name || got["status"] != "SUCCESS" || got["unready"] != false ||
		got["download_url"] != url+"download/" || len(result) != 1 {
		t.Errorf("got %v", got)
	}
	download := w.AskAs(w.Tokens[auth.Operator], http.MethodGet, url+"download/", nil).Want(http.StatusOK)
	for _, name := range []string{"Content-Type", "Content-Disposition", "Content-Length"} {
		if text, _ := headers[name].(string); text == "" || text != download.Header.Get(name) {
			t.Errorf("%s: told %q, sent %q", name, text, download.Header.Get(name))
		}
	}
	if download.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(string(download.Body), "bash") {
		t.Errorf("got %v %s", download.Header, download.Body)
	}
}

func TestADownloadTakesRanges(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	_, url := w.launch(w.Tokens[auth.Admin])
	whole := w.Ask(http.MethodGet, url+"download/", nil).Want(http.StatusOK)
	ask := func(method string, headers ...string) apitest.Answer {
		req := apitest.Request(t, method, url+"download/", nil)
		req.Header.Set("Authorization", "Token "+w.Tokens[auth.Admin])
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		return w.Send(req)
	}
	part := ask(http.MethodGet, "Range", "bytes=2-5", "Accept-Encoding", "gzip").Want(http.StatusPartialContent)
	if string(part.Body) != string(whole.Body[2:6]) || !strings.HasPrefix(part.Header.Get("Content-Range"), "bytes 2-5/") {
		t.Errorf("part: got %q %v", part.Body, part.Header)
	}
	part = ask(http.MethodGet, "Range", "bytes=-3", "If-Range", whole.Header.Get("Etag")).Want(http.StatusPartialContent)
	if string(part.Body) != string(whole.Body[len(whole.Body)-3:]) {
		t.Errorf("the end: got %q", part.Body)
	}
	if other := ask(http.MethodGet, "Range", "bytes=2-5", "If-Range", `"other"`).Want(http.StatusOK); string(other.Body) != string(whole.Body) {
		t.Errorf("of another file: got %q", other.Body)
	}
	ask(http.MethodGet, "Range", "bytes=1000000-").Want(http.StatusRequestedRangeNotSatisfiable)
	plain := ask(http.MethodGet, "Accept-Encoding", "gzip").Want(http.StatusOK)
	if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("No-Gzip-Compression") != "" || string(plain.Body) != string(whole.Body) {
		t.Errorf("it was compressed once more: %v", plain.Header)
	}
	if head := ask(http.MethodHead).Want(http.StatusOK); len(head.Body) != 0 || head.Header.Get("Content-Length") != whole.Header.Get("Content-Length") {
		t.Errorf("HEAD: got %q %v", head.Body, head.Header)
	}
}

func TestTasksBelongToWhoAskedForThem(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	_, url := w.launch(w.Tokens[auth.Operator])
	everybody := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadTasks}})
	scoped := w.TokenFor(apitest.Role{Permissions: []auth.Permission{auth.ReadTasks, "inventory.view_debpackage"}, Tags: []int64{w.tag("web")}})
	tests := []struct {
		name, token   string
		status        string
		download, own int // statuses of the download here and under the own API
	}{
		{"its owner", w.Tokens[auth.Operator], "SUCCESS", 200, 200},
		{"an admin", w.Tokens[auth.Admin], "SUCCESS", 200, 200},
		{"somebody else", w.Tokens[auth.Viewer], "UNKNOWN", 404, 404},
		{"one who sees all tasks and no packages", everybody, "SUCCESS", 404, 403},
		{"one who does so for some machines", scoped, "UNKNOWN", 404, 404},
		{"one who may do nothing", w.TokenOfNobody(), "UNKNOWN", 404, 404},
	}
	for _, tt := range tests {
		got := w.AskAs(tt.token, http.MethodGet, url, nil).Want(http.StatusOK).Object()
		if got["status"] != tt.status {
			t.Errorf("%s: got %v", tt.name, got)
		}
		if tt.status == "UNKNOWN" && (len(got) != 3 || got["unready"] != true) {
			t.Errorf("%s: it is not like an unknown one: %v", tt.name, got)
		}
		own := strings.Replace(strings.TrimSuffix(url, "/"), "task_result", "v1/tasks", 1) + "/download"
		if a := w.AskAs(tt.token, http.MethodGet, url+"download/", nil); a.Status != tt.download {
			t.Errorf("%s: download: got %d", tt.name, a.Status)
		}
		if a := w.AskAs(tt.token, http.MethodGet, own, nil); a.Status != tt.own {
			t.Errorf("%s: own download: got %d", tt.name, a.Status)
		}
	}
	w.AskAs("", http.MethodGet, url, nil).Want(http.StatusUnauthorized)
	w.AskAs("", http.MethodGet, url+"download/", nil).Want(http.StatusUnauthorized)
}

func TestAnOwnerWhoMaySeeLessThanBeforeGetsNoFile(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	web, db := w.tag("web"), w.tag("db")
	token := w.TokenFor(apitest.Role{Tags: []int64{web}})
	task, url := w.launch(token)
	if task.Scope.All() || len(task.Scope.Tags) != 1 {
		t.Fatalf("scope: got %+v", task.Scope)
	}
	if a := w.AskAs(token, http.MethodGet, url+"download/", nil).Want(http.StatusOK); strings.Contains(string(a.Body), "bash") {
		t.Errorf("it tells of a machine without the tag: %s", a.Body)
	}
	for _, was := range []string{`{"tags":null}`, `{"tags":[` + strings.Join([]string{itoa(web), itoa(db)}, ",") + `]}`} {
		w.exec("UPDATE task SET scope = $1", was)
		w.AskAs(token, http.MethodGet, url+"download/", nil).Want(http.StatusNotFound)
		w.AskAs(token, http.MethodGet, url, nil).Want(http.StatusOK).Says("SUCCESS")
	}
	w.exec(`UPDATE task SET scope = '{"tags":[]}', needs = '{inventory.delete_everything}'`)
	w.AskAs(token, http.MethodGet, url+"download/", nil).Want(http.StatusNotFound)
}

func TestEachStatusIsToldAsItIs(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	task, url := w.launch(w.Tokens[auth.Admin])
	const ended, going = "now(), expires_at = now() + interval '1 hour'", "NULL, expires_at = NULL"
	for _, tt := range []struct {
		status  string
		times   string
		unready bool
	}{
		{"PENDING", going, true},
		{"STARTED", going, true},
		{"RETRY", going, true},
		{"FAILURE", ended, false},
		{"REVOKED", ended, false},
	} {
		w.exec("UPDATE task SET status = $1, beat_at = now(), error = 'secret reason', ended_at = "+tt.times, tt.status)
		a := w.Ask(http.MethodGet, url, nil).Want(http.StatusOK)
		got := a.Object()
		if got["status"] != tt.status || got["unready"] != tt.unready || len(got) != 4 || strings.Contains(string(a.Body), "secret") {
			t.Errorf("%s: got %s", tt.status, a.Body)
		}
		w.Ask(http.MethodGet, url+"download/", nil).Want(http.StatusNotFound)
		w.Ask(http.MethodGet, "/api/v1/tasks/"+task.ID, nil).Want(http.StatusOK).Says("secret reason")
	}
	w.exec("UPDATE task SET status = 'SUCCESS', ended_at = now() - interval '1 hour', expires_at = now()")
	w.Ask(http.MethodGet, url, nil).Want(http.StatusOK).Says("UNKNOWN")
	w.Ask(http.MethodGet, url+"download/", nil).Want(http.StatusNotFound)
}

func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	task, url := w.launch(w.Tokens[auth.Admin])
	for _, set := range []string{`result = '7'`, `result = NULL, headers = '[]'`, `headers = '{"a":1}'`} {
		w.exec("UPDATE task SET " + set)
		got := w.Ask(http.MethodGet, url, nil).Want(http.StatusOK).Object()
		if _, there := got["result"]; there || got["download_url"] != nil || got["status"] != "SUCCESS" {
			t.Errorf("%s: got %v", set, got)
		}
	}
	w.exec(`UPDATE task SET headers = '{"Content-Type":"text/csv"}', result = '{"n":1}'`)
	got := w.Ask(http.MethodGet, url, nil).Want(http.StatusOK).Says(`"n":1`).Object()
	if got["download_url"] == nil {
		t.Errorf("got %v", got)
	}
	if err := os.Remove(filepath.Join(w.Files, task.File)); err != nil {
		t.Fatal(err)
	}
	w.Ask(http.MethodGet, url+"download/", nil).Want(http.StatusNotFound)
	w.exec(`UPDATE task SET file = '../../etc/passwd'`)
	w.Ask(http.MethodGet, url+"download/", nil).Want(http.StatusNotFound)
}

func TestIDsThatAreNone(t *testing.T) {
	t.Parallel()
	w := newTasks(t)
	got := w.Ask(http.MethodGet, "/api/task_result/"+unknownTask+"/", nil).Want(http.StatusOK)
	if text := strings.TrimSpace(string(got.Body)); text != `{"id":"`+unknownTask+`","status":"UNKNOWN","unready":true}` {
		t.Errorf("got %s", text)
	}
	w.Ask(http.MethodGet, "/api/task_result/"+unknownTask+"/download/", nil).Want(http.StatusNotFound)
	for _, id := range []string{"7", strings.ToUpper("aaaaaaaa-0000-4000-8000-000000000000"), "{" + unknownTask + "}", unknownTask + "0"} {
		w.Ask(http.MethodGet, "/api/task_result/"+id+"/", nil).Want(http.StatusNotFound)
		w.Ask(http.MethodGet, "/api/task_result/"+id+"/download/", nil).Want(http.StatusNotFound)
	}
	w.Ask(http.MethodPost, "/api/task_result/"+unknownTask+"/", nil).Want(http.StatusMethodNotAllowed)
}

// tag makes a tag and returns its id.
func (w *tasks) tag(name string) int64 {
	w.t.Helper()
	tag := w.Ask(http.MethodPost, "/api/inventory/tags/", map[string]string{"name": name}).Want(http.StatusCreated).Object()
	id, _ := tag["id"].(float64)
	return int64(id)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
