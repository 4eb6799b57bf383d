// SPDX-License-Identifier: Apache-2.0

//go:build unix

package scrape_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/metrics"
)

// lint holds metrics against Prometheus's conventions, as promtool check metrics does.
func lint(t *testing.T, text string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// judge makes two checks and a fleet that they judge: R1 and R2 are fine with "major", R3 is not, and R4's is unknown. The
// second check is about Windows machines and those with a tag that come later.
func (w *world) judge() (major, windows int64) {
	w.t.Helper()
	major = w.check("major", object{"jmespath_expression": "os_version.major > `11`"})
	windows = w.check("windows", object{"jmespath_expression": "os_version.major < `12`", "platforms": list{"WINDOWS"}})
	osquery := source("osquery", "osquery")
	system := func(major int) object { return object{"name": "X", "major": major} }
	w.report("R1", osquery, 6, object{"platform": "LINUX", "os_version": system(12)})
	w.report("R2", osquery, 48, object{"platform": "LINUX", "os_version": system(13)})
	w.report("R3", osquery, 48, object{"platform": "WINDOWS", "os_version": system(11)})
	w.report("R4", osquery, 100*24, object{"platform": "WINDOWS"})
	w.report("R5", source("munki", "Munki"), 1, object{"platform": "MACOS", "os_version": system(15)})
	w.tag("", "red", "R3", "R5")
	return major, windows
}

// statuses writes a line for each status, in this order: those of a check, or of machines.
func statuses(family, labels string, names []string, counts ...int) []string {
	var lines []string
	for i, name := range names {
		lines = append(lines, family+"{"+labels+`status="`+name+`"} `+strconv.Itoa(counts[i]))
	}
	return lines
}

var (
	ofCheck   = []string{"OK", "PENDING", "UNKNOWN", "FAILED", "WAIVED"}
	ofMachine = []string{"OK", "UNKNOWN", "FAILED", "NONE"}
)

const perCheck = "rollcall_compliance_check_machines"

// checksOf writes how the fleet of judge stands, check by check.
func checksOf(major, windows []int) []string {
	of := func(id, name string, counts []int) []string {
		return statuses(perCheck, `check_id="`+id+`",check="`+name+`",severity="medium",`, ofCheck, counts...)
	}
	return append(of("1", "major", major), of("2", "windows", windows)...)
}

// wholeOf writes the overall statuses of the fleet of judge: of all, of Linux, macOS and Windows, and of the red machines.
func wholeOf(all, linux, macOS, windows, red []int) []string {
	lines := statuses("rollcall_compliance_machines", "", ofMachine, all...)
	lines = append(lines, statuses("rollcall_compliance_platform_machines", `platform="LINUX",`, ofMachine, linux...)...)
	lines = append(lines, statuses("rollcall_compliance_platform_machines", `platform="MACOS",`, ofMachine, macOS...)...)
	lines = append(lines, statuses("rollcall_compliance_platform_machines", `platform="WINDOWS",`, ofMachine, windows...)...)
	lines = append(lines, statuses("rollcall_compliance_tag_machines", `tag="red",`, ofMachine, red...)...)
	lines = append(lines, `rollcall_compliance_checks{severity="medium"} 2`)
	for _, family := range []string{"checks", "check_machines", "machines", "platform_machines", "tag_machines"} {
		lines = append(lines, `rollcall_compliance_series_cut{family="rollcall_compliance_`+family+`"} 0`)
	}
	return lines
}

func TestComplianceCountsByOurNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{})
	const path = "/metrics/compliance_checks/"
	major, windows := w.judge()
	text := w.scrape(path)
	lint(t, text)
	// Both by what is stored of each machine, and when all is known to be judged.
	judged := append(checksOf([]int{2, 0, 1, 1, 0}, []int{1, 0, 1, 0, 0}),
		wholeOf([]int{2, 1, 1, 1}, []int{2, 0, 0, 0}, []int{0, 0, 0, 1}, []int{0, 1, 1, 0}, []int{0, 0, 1, 1})...)
	w.expect(text, judged)
	w.exec("UPDATE jmespath_check SET evaluated_version = version")
	w.announce(major)
	w.expect(w.scrape(path), judged)

	// R3 is let off the check that it fails, R1 one that it passes, R4 in the past.
	w.exec(`INSERT INTO waiver (check_id, machine, owner, reason, expires_at)
		SELECT $1, id, 'o', 'r', now() - interval '1 day' FROM machine WHERE serial_number = 'R4'`, major)
	waivers := []int64{w.waive(major, "R1"), w.waive(major, "R3")}
	w.expect(w.scrape(path), append(checksOf([]int{2, 0, 1, 0, 1}, []int{1, 0, 1, 0, 0}),
		wholeOf([]int{3, 1, 0, 1}, []int{2, 0, 0, 0}, []int{0, 0, 0, 1}, []int{1, 1, 0, 0}, []int{1, 0, 0, 1})...))
	for _, id := range waivers {
		w.Ask("DELETE", fmt.Sprint("/api/v1/waivers/", id), nil).Want(204)
	}

	// A changed check waits for its results. What is stored counts for machines as a whole until then.
	w.exec("UPDATE jmespath_check SET version = version + 1 WHERE id = $1", windows)
	w.announce(windows)
	w.expect(w.scrape(path), append(checksOf([]int{2, 0, 1, 1, 0}, []int{0, 2, 0, 0, 0}),
		wholeOf([]int{2, 1, 1, 1}, []int{2, 0, 0, 0}, []int{0, 0, 0, 1}, []int{0, 1, 1, 0}, []int{0, 0, 1, 1})...))
	w.exec("UPDATE check_status SET check_version = 2 WHERE check_id = $1 AND status = 0", windows)
	w.announce(windows)
	w.expect(w.scrape(path), append(checksOf([]int{2, 0, 1, 1, 0}, []int{1, 1, 0, 0, 0}),
		wholeOf([]int{2, 1, 1, 1}, []int{2, 0, 0, 0}, []int{0, 0, 0, 1}, []int{0, 1, 1, 0}, []int{0, 0, 1, 1})...))

	// Machines without the tag that a check asks for are out of its scope, and archived ones out of everything.
	w.exec("UPDATE jmespath_check SET version = version + 1, tags = ARRAY(SELECT id FROM tag) WHERE id = $1", windows)
	w.announce(windows)
	w.Ask("POST", "/api/v1/machines/archive", object{"serial_numbers": list{"R2", "R5"}}).Want(200)
	w.expect(w.scrape(path), func() []string {
		want := append(checksOf([]int{1, 0, 1, 1, 0}, []int{0, 1, 0, 0, 0}),
			wholeOf([]int{1, 1, 1, 0}, []int{1, 0, 0, 0}, nilStatuses, []int{0, 1, 1, 0}, []int{0, 0, 1, 0})...)
		return without(want, `platform="MACOS"`)
	}())
}

var nilStatuses = []int{0, 0, 0, 0}

func without(lines []string, text string) []string {
	var left []string
	for _, line := range lines {
		if !strings.Contains(line, text) {
			left = append(left, line)
		}
	}
	return left
}

// announce tells the index of an edit that was made behind everybody's back.
func (w *world) announce(check int64) {
	w.t.Helper()
	w.exec("INSERT INTO journal (what, detail) VALUES ('check', $1::bigint::text)", check)
}

func TestComplianceCountsByTheNamesOfTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{Zentral: true})
	_, windows := w.judge()
	w.exec("UPDATE jmespath_check SET version = version + 1 WHERE id = $1", windows)
	w.announce(windows)
	const family = "zentral_compliance_checks_statuses_bucket"
	of := func(status string) string {
		return `model="InventoryJMESPathCheck",name="major",status="` + status + `"`
	}
	want := []string{
		`zentral_compliance_checks{model="InventoryJMESPathCheck"} 2`,
		`rollcall_compliance_series_cut{family="zentral_compliance_checks"} 0`,
		`rollcall_compliance_series_cut{family="` + family + `"} 0`,
	}
	want = append(want, byAge(family, of("OK"), "le", 1, 2, 2, 2, 2, 2, 2)...)
	want = append(want, byAge(family, of("UNKNOWN"), "le", 0, 0, 0, 0, 0, 0, 1)...)
	want = append(want, byAge(family, of("FAILED"), "le", 0, 1, 1, 1, 1, 1, 1)...)
	w.expect(w.scrape("/metrics/compliance_checks/"), want)
}

// TestWaiverCountsAtOnce tells of an edit the way that people make one.
func TestWaiverCountsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, metrics.FleetOptions{})
	major, _ := w.judge()
	const path, line = "/metrics/compliance_checks/", `check_id="1",check="major",severity="medium",status="WAIVED"} `
	if text := w.scrape(path); !strings.Contains(text, line+"0") {
		t.Fatalf("before: %s", text)
	}
	w.waive(major, "R3")
	if text := w.scrape(path); !strings.Contains(text, line+"1") {
		t.Errorf("after: %s", text)
	}
}

// waive lets a machine off a check and returns the waiver's id.
func (w *world) waive(check int64, serial string) int64 {
	w.t.Helper()
	return int64(w.Ask("POST", "/api/v1/waivers", object{
		"check_id": check, "serial_number": serial, "owner": "jane", "reason": "old", "expires_at": time.Now().Add(time.Hour).Format(time.RFC3339),
	}).Want(201).Object()["id"].(float64))
}

func TestTasksAreCounted(t *testing.T) {
	t.Parallel()
	for zentral, family := range map[bool]string{true: "zentral_base_tasks_bucket", false: "rollcall_task_results"} {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, metrics.FleetOptions{Zentral: zentral})
			for _, of := range [][2]string{{"PENDING", "NULL::timestamptz"}, {"SUCCESS", "now()"}, {"SUCCESS", "now()"}} {
				w.exec(`INSERT INTO task (job, kind, name, args, owner_kind, owner_name, scope, status, ended_at, expires_at)
					VALUES (1, 'k', 'export', '{}', 'system', '', '{}', $1, `+of[1]+`, `+of[1]+` + interval '1 day')`, of[0])
			}
			w.expect(w.scrape("/metrics/"), []string{
				family + `{name="export",status="PENDING"} 1`, family + `{name="export",status="SUCCESS"} 2`,
			})
		})
	}
}
