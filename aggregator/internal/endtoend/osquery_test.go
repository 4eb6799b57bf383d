// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// fakeOsqueryd is the path of the built program that stands in for osqueryd.
var fakeOsqueryd = sync.OnceValues(func() (string, error) {
	if err := build(); err != nil {
		return "", err
	}
	path := filepath.Join(binaries, "fakeosqueryd")
	cmd := exec.Command("go", "build", "-o", path, "./internal/osquery/osquerytest/fakeosqueryd")
	cmd.Dir = filepath.Join("..", "..", "..", "agent")
	return path, cmd.Run()
})

// osqueryAnswer is what a statement gets, by the table_name of its rows.
type osqueryAnswer struct {
	Rows  []map[string]string `json:"rows,omitempty"`
	Error string              `json:"error,omitempty"`
}

// osqueryd runs a stand-in at a socket until stop is called or the test ends.
func osqueryd(t *testing.T, socket string, answers map[string]osqueryAnswer) (stop func()) {
	t.Helper()
	path, err := fakeOsqueryd()
	if err != nil {
		t.Fatal(err)
	}
	tables := []string{"system_info", "uptime", "os_version", "block_devices", "deb_packages"}
	raw, err := json.Marshal(map[string]any{"answers": answers, "tables": tables})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "answers.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(socket) // of the one before
	cmd := command(path, socket, file)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone
		_ = cmd.Wait()                          // however it ended
		_ = os.Remove(socket)                   // it may be gone, too
	})
	t.Cleanup(stop)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "listening\n" {
		t.Fatalf("got %q, %v, want it to listen", line, err)
	}
	return stop
}

// both is what `run --once` says of both sources.
type both struct {
	cycle
	Osquery *cycle `json:"osquery"`
}

// osquerySocket is a path in a folder of its own: those of sockets are short.
func osquerySocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "osq-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it lies in the temporary folder
	return filepath.Join(dir, "osquery.em")
}

// mustOnceBoth reports once, with an osquery at a socket.
func (e *endpoint) mustOnceBoth(socket string) both {
	e.t.Helper()
	out, err := e.agent(nil, "run", "--once", "--osquery-socket", socket)
	if err != nil {
		e.t.Fatalf("run --once: %v", err)
	}
	var b both
	if err := json.Unmarshal([]byte(out), &b); err != nil {
		e.t.Fatalf("%v in %s", err, out)
	}
	return b
}

// TestOsqueryReportsBesideTheAgent lets a real agent with a stand-in for osqueryd report to a real aggregator.
func TestOsqueryReportsBesideTheAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.must("token", "create", "--name", "test", "--role", "admin")
	e := newEndpoint(t, 20)
	e.enroll(s.url, s.must("enrollment", "create", "--name", "test"))
	socket := osquerySocket(t)
	once := func() both { return e.mustOnceBoth(socket) }
	if alone := once(); alone.Outcome != "committed" || alone.Osquery != nil {
		t.Fatalf("nobody at the socket: got %+v", alone)
	}

	answers := map[string]osqueryAnswer{
		"system_info":  {Rows: []map[string]string{{"hostname": "as-osquery-says", "physical_memory": "8589934592"}}},
		"uptime":       {Rows: []map[string]string{{"total_seconds": "4242"}}},
		"os_version":   {Rows: []map[string]string{{"name": "Debian GNU/Linux", "major": "12", "minor": "5", "platform": "debian"}}},
		"deb_packages": {Rows: []map[string]string{{"name": "bash", "version": "5.2-1", "arch": "amd64"}, {"name": "only-osquery", "version": "1"}}},
	}
	stop := osqueryd(t, socket, answers)
	first := once()
	if first.Outcome != "current" || first.Osquery == nil || first.Osquery.Outcome != "committed" || first.Osquery.Root == first.Root {
		t.Fatalf("got %+v and of osquery %+v", first, first.Osquery)
	}
	if !slices.Contains(first.Osquery.SectionsChanged, "deb_packages") {
		t.Errorf("got sections %v", first.Osquery.SectionsChanged)
	}
	if quiet := once(); quiet.Outcome != "current" || quiet.Osquery.Outcome != "current" || len(quiet.Osquery.Calls) != 1 {
		t.Errorf("nothing changed: got %+v and of osquery %+v", quiet, quiet.Osquery)
	}
	if got := s.packagesOf(token, first.SerialNumber, "osquery"); got != "bash only-osquery" {
		t.Errorf("packages as osquery tells: %s", got)
	}
	if got := s.packagesOf(token, first.SerialNumber, "rollcall"); strings.Contains(got, "only-osquery") || len(strings.Fields(got)) != 20 {
		t.Errorf("packages as the agent tells: %s", got)
	}

	stop()
	answers["deb_packages"] = osqueryAnswer{Error: "database is locked"}
	answers["disks"] = osqueryAnswer{Rows: []map[string]string{{"name": "/dev/vda", "size": "1048576"}}}
	stop = osqueryd(t, socket, answers)
	if partly := once(); partly.Osquery.Outcome != "committed" || !slices.Equal(partly.Osquery.SectionsChanged, []string{"disks"}) {
		t.Errorf("a table fails: got of osquery %+v", partly.Osquery)
	}
	if got := s.packagesOf(token, first.SerialNumber, "osquery"); got != "bash only-osquery" {
		t.Errorf("the section of a failed table: %s", got)
	}
	s.checkOsqueryRuns(token, first.SerialNumber)

	stop()
	if gone := once(); gone.Outcome != "current" || gone.Osquery != nil {
		t.Errorf("osquery is gone: got %+v and of osquery %+v", gone, gone.Osquery)
	}
	out, err := runProgram(t, nil, "rollcall-agent", "status", "--state-dir", e.state)
	if err != nil || !strings.Contains(out, "absent: nobody listens at "+socket) || !strings.Contains(out, "stays with the aggregator") {
		t.Errorf("status: got %v\n%s", err, out)
	}
	if got := s.packagesOf(token, first.SerialNumber, "osquery"); got != "bash only-osquery" {
		t.Errorf("after osquery is gone: %s", got)
	}
}

// packagesOf joins the names of the packages that a source tells of a machine.
func (s *site) packagesOf(token, serial, source string) string {
	s.t.Helper()
	var tree struct {
		Source struct {
			Module string `json:"module"`
			Name   string `json:"name"`
		} `json:"source"`
		Packages []struct {
			Name string `json:"name"`
		} `json:"deb_packages"`
	}
	s.get(token, "/api/v1/machines/"+serial+"/snapshot?source="+source, &tree)
	if tree.Source.Name != source || (source == "osquery") != (tree.Source.Module == "rollcall.osquery") {
		s.t.Errorf("?source=%s: got %+v", source, tree.Source)
	}
	var names []string
	for _, p := range tree.Packages {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// checkOsqueryRuns wants the failed table of osquery among its source's collectors, and nowhere else.
func (s *site) checkOsqueryRuns(token, serial string) {
	s.t.Helper()
	for _, source := range []string{"osquery", "rollcall"} {
		var report struct {
			Collectors []struct {
				Collector string  `json:"collector"`
				State     string  `json:"state"`
				Error     *string `json:"error"`
			} `json:"collectors"`
		}
		s.get(token, "/api/v1/machines/"+serial+"/collectors?source="+source, &report)
		failed := ""
		for _, c := range report.Collectors {
			if c.Collector == "deb_packages" && c.State == "failed" && c.Error != nil {
				failed = *c.Error
			}
		}
		if (source == "osquery") != strings.Contains(failed, "database is locked") {
			s.t.Errorf("collectors of %s: got %+v", source, report.Collectors)
		}
	}
}

// TestAMachineThatIsSetBackKeepsBothSources gives an agent an older state folder, as a restored virtual machine has it.
func TestAMachineThatIsSetBackKeepsBothSources(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.must("token", "create", "--name", "test", "--role", "admin")
	e := newEndpoint(t, 5)
	e.enroll(s.url, s.must("enrollment", "create", "--name", "test"))
	socket := osquerySocket(t)
	tell := func(names ...string) (stop func()) {
		rows := []map[string]string{}
		for _, name := range names {
			rows = append(rows, map[string]string{"name": name, "version": "1"})
		}
		return osqueryd(t, socket, map[string]osqueryAnswer{"deb_packages": {Rows: rows}})
	}
	stop := tell("a")
	first := e.mustOnceBoth(socket)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(e.state)); err != nil {
		t.Fatal(err)
	}
	stop()
	stop = tell("a", "b")
	for range 3 {
		e.mustOnceBoth(socket)
	}
	if err := os.RemoveAll(e.state); err != nil {
		t.Fatal(err)
	}
	e.state = old
	stop()
	tell("a", "c")
	for i := range 3 {
		back := e.mustOnceBoth(socket)
		if back.SerialNumber != first.SerialNumber || back.Osquery == nil || back.Osquery.Outcome == "failed" {
			t.Fatalf("report %d after the machine was set back: got %+v and of osquery %+v", i, back, back.Osquery)
		}
	}
	if got := s.packagesOf(token, first.SerialNumber, "osquery"); got != "a c" {
		t.Errorf("packages as osquery tells: %s", got)
	}
	if got := s.packagesOf(token, first.SerialNumber, "rollcall"); len(strings.Fields(got)) != 5 {
		t.Errorf("packages as the agent tells: %s", got)
	}
}
