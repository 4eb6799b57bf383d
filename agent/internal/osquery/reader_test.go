// SPDX-License-Identifier: Apache-2.0

package osquery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/osquery"
	"github.com/rollcall-inventory/rollcall/agent/internal/osquery/osquerytest"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// socketDir makes a folder whose paths are short enough for sockets, which those of t.TempDir may not be.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "osq-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it lies in the temporary folder
	return dir
}

// serve runs a daemon until the test ends and returns its socket.
func serve(t *testing.T, d *osquerytest.Daemon) string {
	t.Helper()
	socket := filepath.Join(socketDir(t), "osquery.em")
	stop, err := d.Serve(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return socket
}

type rows = []map[string]string

// machine is an osquery of a small Linux.
func machine() *osquerytest.Daemon {
	return &osquerytest.Daemon{
		Tables: []string{"system_info", "uptime", "os_version", "block_devices", "deb_packages", "rpm_packages", "users", "chrome_extensions", "firefox_addons"},
		Answers: map[string]osquerytest.Answer{
			"system_info":       {Rows: rows{{"hostname": "web-1"}}},
			"uptime":            {Rows: rows{{"total_seconds": "100"}}},
			"os_version":        {Rows: rows{{"name": "Debian GNU/Linux", "major": "12", "platform": "debian"}}},
			"disks":             {Rows: rows{{"name": "/dev/sda", "size": "1024"}}},
			"deb_packages":      {Rows: rows{{"name": "bash", "version": "5.2"}, {"name": "curl", "version": "8"}}},
			"chrome_extensions": {Rows: rows{{"identifier": "abc", "install_timestamp": "1722945661"}}},
			"firefox_addons":    {Rows: rows{{"identifier": "def"}}},
		},
	}
}

func collectFrom(t *testing.T, r *osquery.Reader, disabled ...string) osquery.Collection {
	t.Helper()
	r.System = "linux"
	c, err := r.Collect(t.Context(), disabled)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// statesOf writes the states of some kinds.
func statesOf(c osquery.Collection, kinds ...string) string {
	var out []string
	for _, kind := range kinds {
		out = append(out, kind+" "+string(c.Sections[kind]))
	}
	return strings.Join(out, ", ")
}

func TestCollectAsksForWhatThisOsqueryHas(t *testing.T) {
	t.Parallel()
	c := collectFrom(t, &osquery.Reader{Socket: serve(t, machine())})
	got := statesOf(c, "system_info", "deb_packages", "rpm_packages", "npm_packages", "browser_extensions", snapshot.KindInstallTimes)
	want := "system_info set, deb_packages set, rpm_packages drop, npm_packages drop, browser_extensions set, install_times set"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := len(c.Snapshot.GetDebPackages()); n != 2 || len(c.Snapshot.GetBrowserExtensions()) != 2 || len(c.Troubles) != 0 {
		t.Errorf("got %v and troubles %v", c.Snapshot, c.Troubles)
	}
	if c.Vitals.GetUptimeSeconds() != 100 || c.Vitals.GetBootTimeUnix() == 0 {
		t.Errorf("got vitals %v", c.Vitals)
	}
	for _, run := range c.Runs {
		if run.GetCollector() == "npm_packages" && run.GetState() != syncv1.CollectorState_COLLECTOR_STATE_ABSENT {
			t.Errorf("a table that is not there: got %v", run)
		}
	}
}

// A metadata service that is silent for a while must not make another kind of machine of an instance.
func TestNoRowOfWhatNoMachineLosesKeepsIt(t *testing.T) {
	t.Parallel()
	d := machine()
	d.Tables = append(d.Tables, "ec2_instance_metadata", "ec2_instance_tags")
	delete(d.Answers, "os_version")
	socket := serve(t, d)
	kinds := []string{"os_version", "ec2_instance_metadata", "ec2_instance_tags", "rpm_packages"}
	if got, want := statesOf(collectFrom(t, &osquery.Reader{Socket: socket}), kinds...), "os_version keep, ec2_instance_metadata keep, ec2_instance_tags keep, rpm_packages drop"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	off := collectFrom(t, &osquery.Reader{Socket: socket}, kinds...)
	if got, want := statesOf(off, kinds...), "os_version drop, ec2_instance_metadata drop, ec2_instance_tags drop, rpm_packages drop"; got != want {
		t.Errorf("switched off: got %s, want %s", got, want)
	}
}

func TestDisabledKindsAreNotAskedFor(t *testing.T) {
	t.Parallel()
	c := collectFrom(t, &osquery.Reader{Socket: serve(t, machine())}, "deb_packages", "browser_extensions")
	if got, want := statesOf(c, "deb_packages", "browser_extensions", "disks"), "deb_packages drop, browser_extensions drop, disks set"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAFailingTableCostsItsOwnSection(t *testing.T) {
	t.Parallel()
	d := machine()
	d.Answers["firefox_addons"] = osquerytest.Answer{Error: "no such column: creator"}
	c := collectFrom(t, &osquery.Reader{Socket: serve(t, d)})
	if got, want := statesOf(c, "deb_packages", "browser_extensions", snapshot.KindInstallTimes), "deb_packages set, browser_extensions keep, install_times keep"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(c.Snapshot.GetBrowserExtensions()) != 0 {
		t.Error("half of a kept section is in the snapshot")
	}
	if len(c.Troubles) != 1 || !strings.Contains(c.Troubles[0].Err.Error(), "no such column: creator") {
		t.Errorf("got troubles %v", c.Troubles)
	}
}

func TestASlowTableHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	d, never := machine(), make(chan struct{})
	d.Answers["disks"] = osquerytest.Answer{Until: never}
	t.Cleanup(func() { close(never) })
	c := collectFrom(t, &osquery.Reader{Socket: serve(t, d), Limit: 300 * time.Millisecond})
	if got, want := statesOf(c, "disks", "deb_packages"), "disks keep, deb_packages set"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(c.Troubles) != 1 || !errors.Is(c.Troubles[0].Err, context.DeadlineExceeded) {
		t.Errorf("got troubles %v, want one time-out", c.Troubles)
	}
}

func TestAStuckOsqueryIsLeftAlone(t *testing.T) {
	t.Parallel()
	d, never := machine(), make(chan struct{})
	t.Cleanup(func() { close(never) })
	for name := range d.Answers {
		d.Answers[name] = osquerytest.Answer{Until: never}
	}
	c := collectFrom(t, &osquery.Reader{Socket: serve(t, d), Limit: 100 * time.Millisecond})
	silent, notAsked := 0, 0
	for _, trouble := range c.Troubles {
		if errors.Is(trouble.Err, context.DeadlineExceeded) {
			silent++
		} else if strings.Contains(trouble.Err.Error(), "not asked") {
			notAsked++
		}
	}
	if silent != 2 || notAsked == 0 {
		t.Errorf("got %v, want two time-outs and the rest not asked", c.Troubles)
	}
	for kind, state := range c.Sections {
		if state == collect.Set {
			t.Errorf("%s is set", kind)
		}
	}
}

func TestNobodyThereIsAbsent(t *testing.T) {
	t.Parallel()
	r := &osquery.Reader{Socket: filepath.Join(socketDir(t), "osquery.em")}
	if _, err := r.Collect(t.Context(), nil); !errors.Is(err, osquery.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
	if err := os.WriteFile(r.Socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Collect(t.Context(), nil); err == nil || errors.Is(err, osquery.ErrAbsent) {
		t.Errorf("a file in the socket's place: got %v, want another error", err)
	}
}

func TestTooManyRowsAreRefused(t *testing.T) {
	t.Parallel()
	d := machine()
	many := make(rows, 100_001)
	for i := range many {
		many[i] = map[string]string{}
	}
	d.Answers["deb_packages"] = osquerytest.Answer{Rows: many}
	wide := map[string]string{}
	for i := range 300 {
		wide[fmt.Sprint("column", i)] = "x"
	}
	d.Answers["disks"] = osquerytest.Answer{Rows: rows{wide}}
	d.Answers["system_info"] = osquerytest.Answer{Rows: rows{{"hostname": strings.Repeat("x", 33<<20)}}}
	long := osquerytest.Answer{}
	for range 40 {
		long.Rows = append(long.Rows, map[string]string{"name": strings.Repeat("x", 1<<20)})
	}
	d.Answers["os_version"] = long
	c := collectFrom(t, &osquery.Reader{Socket: serve(t, d)})
	if got, want := statesOf(c, "deb_packages", "disks", "system_info", "os_version", "browser_extensions"), "deb_packages keep, disks keep, system_info keep, os_version keep, browser_extensions set"; got != want {
		t.Errorf("got %s, want %s; troubles %v", got, want, c.Troubles)
	}
}

func TestACancelledCollectionEndsAtOnce(t *testing.T) {
	t.Parallel()
	d, never := machine(), make(chan struct{})
	d.Answers["system_info"] = osquerytest.Answer{Until: never}
	t.Cleanup(func() { close(never) })
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(50*time.Millisecond, cancel)
	defer timer.Stop()
	r := &osquery.Reader{Socket: serve(t, d), System: "linux"}
	if _, err := r.Collect(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a cancelled collection", err)
	}
}
