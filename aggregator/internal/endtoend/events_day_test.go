// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

const (
	// dayPushed machines come through the open door, dayAgents are simulated agents.
	dayPushed = 40
	dayAgents = 10
)

// TestAScriptedDay lets fifty machines come, change, be tagged, judged, archived and come back, and holds every event
// that a webhook is told of against the contract, typed by hand: its name, namespace, tags, keys, and its place among
// the events of its machine.
func TestAScriptedDay(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: starts an aggregator and a fleet")
	}
	t.Parallel()
	d := newDay(t)
	d.morning()
	d.changeEverything()
	d.upgrades()
	d.tags()
	d.checks()
	d.archives()
	d.agents()
	d.tidy()
	d.await("inventory_cleanup_finished", 1)
	d.verifyShapes()
	d.verifyMachine()
	d.verifyUpgrades()
	d.verifyCompliance()
	d.verifyObjects()
}

// day is an aggregator, whom it tells, and an admin.
type day struct {
	*eventPusher

	site *site
	told *receiver
}

func newDay(t *testing.T) *day {
	t.Helper()
	told := newReceiver(t, killSecret, 0, 1)
	dir := storetest.Dir(t)
	config := filepath.Join(dir, "sinks.yaml")
	text := fmt.Sprintf(`sinks: [{name: test, kind: webhook, url: %q, secret: %q, first_retry: 10ms}]`, told.url, killSecret)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil { //nolint:gosec // other users read it
		t.Fatal(err)
	}
	s := startSite(&site{t: t, dir: dir, database: storetest.DSN(t), args: []string{"--config", config, "--log-level", "warn"}})
	return &day{
		eventPusher: &eventPusher{t: t, url: s.url, token: s.must("token", "create", "--name", "test", "--role", "admin")},
		site:        s, told: told,
	}
}

// report pushes a snapshot of one of the plain machines.
func (d *day) report(i int, bash string) {
	d.post("/api/v1/snapshots", map[string]any{
		"serial_number": fmt.Sprintf("DAY-%02d", i), "source": map[string]any{"module": "test.day", "name": "Day"},
		"os_version": map[string]any{"name": "Debian", "major": 12}, "system_info": map[string]any{"hostname": fmt.Sprintf("day-%d", i)},
		"deb_packages": []any{map[string]any{"name": "bash", "version": bash}},
	}, nil)
}

func (d *day) reportFile(name string) {
	raw, err := os.ReadFile(filepath.Join("testdata", "day", name))
	if err != nil {
		d.t.Fatal(err)
	}
	d.post("/api/v1/snapshots", json.RawMessage(raw), nil)
}

// send is post for the other methods.
func (d *day) send(method, path string, body, answer any) {
	d.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(string(raw)))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+d.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		d.t.Fatalf("%s %s: %s", method, path, response.Status)
	}
	if answer != nil {
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			d.t.Fatal(err)
		}
	}
}

// morning is when everybody comes for the first time.
func (d *day) morning() {
	d.reportFile("a.json")
	for i := 1; i < dayPushed; i++ {
		d.report(i, "5.1")
	}
}

func (d *day) changeEverything() { d.reportFile("b.json") }

// upgrades gives half of the machines another bash.
func (d *day) upgrades() {
	for i := 1; i < dayPushed/2; i++ {
		d.report(i, "5.2")
	}
}

// tags makes, changes and deletes a tag and what it belongs to, with machines in between.
func (d *day) tags() {
	var unit, taxonomy, tag struct {
		ID int64 `json:"id"`
	}
	d.post("/api/inventory/meta_business_units/", map[string]any{"name": "IT"}, &unit)
	d.send(http.MethodPut, fmt.Sprintf("/api/inventory/meta_business_units/%d/", unit.ID), map[string]any{"name": "IT department"}, nil)
	d.post("/api/inventory/taxonomies/", map[string]any{"name": "Colour", "meta_business_unit": unit.ID}, &taxonomy)
	d.post("/api/inventory/tags/", map[string]any{"name": "Blue", "taxonomy": taxonomy.ID}, &tag)
	d.send(http.MethodPut, fmt.Sprintf("/api/inventory/tags/%d/", tag.ID), map[string]any{"name": "Blue", "taxonomy": taxonomy.ID, "color": "0000ff"}, nil)
	d.tag("ADD", "Blue")
	d.tag("ADD", "Plain")
	d.tag("REMOVE", "Blue")
	d.send(http.MethodDelete, fmt.Sprintf("/api/inventory/tags/%d/", tag.ID), nil, nil)
	d.send(http.MethodDelete, fmt.Sprintf("/api/inventory/taxonomies/%d/", taxonomy.ID), nil, nil)
	d.send(http.MethodDelete, fmt.Sprintf("/api/inventory/meta_business_units/%d/", unit.ID), nil, nil)
}

func (d *day) tag(kind, name string) {
	d.post("/api/inventory/machines/tags/", map[string]any{
		"serial_numbers": []string{"DAY-01", "DAY-02"}, "operations": []any{map[string]any{"kind": kind, "names": []string{name}}},
	}, nil)
}

// checks makes a check that half of the machines pass, and edits it so that the others do.
func (d *day) checks() {
	check := map[string]any{
		"name": "Bash is new", "source_name": "day", "platforms": []string{"LINUX"}, "tags": []int64{},
		"jmespath_expression": "deb_packages[?name=='bash'].version | [0] == '5.2'",
	}
	var created struct {
		ID int64 `json:"id"`
	}
	d.post("/api/inventory/jmespath_checks/", check, &created)
	d.await("inventory_jmespath_check_status_updated", dayPushed)
	check["jmespath_expression"] = "deb_packages[?name=='bash'].version | [0] == '5.1'"
	d.send(http.MethodPut, fmt.Sprintf("/api/inventory/jmespath_checks/%d/", created.ID), check, nil)
	d.await("inventory_jmespath_check_status_updated", 2*dayPushed)
	d.report(1, "5.1") // it fails no more
	d.await("inventory_jmespath_check_status_updated", 2*dayPushed+1)
	d.send(http.MethodDelete, fmt.Sprintf("/api/inventory/jmespath_checks/%d/", created.ID), nil, nil)
}

// archives takes three machines out of sight; one comes back.
func (d *day) archives() {
	d.post("/api/inventory/machines/archive/", map[string]any{"serial_numbers": []string{"DAY-03", "DAY-04", "DAY-05"}}, nil)
	d.report(3, "5.2")
	d.post("/api/inventory/machines/prune/", map[string]any{"serial_numbers": []string{"DAY-05"}}, nil)
}

// agents enrols a simulated fleet, which reports and changes for a day.
func (d *day) agents() {
	secret := d.site.must("enrollment", "create", "--name", "fleet")
	path := filepath.Join(d.t.TempDir(), "rollcall-fleetsim")
	build := exec.Command("go", "build", "-o", path, "./cmd/rollcall-fleetsim")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		d.t.Fatalf("build rollcall-fleetsim: %v\n%s", err, out)
	}
	for _, verb := range [][]string{{"enroll", "--secret", secret}, {"day", "--days", "2"}} {
		args := append([]string{
			"--server", d.url, "--grpc", d.site.grpc, "--machines", fmt.Sprint(dayAgents), "--quiet", "--clones", "0",
			"--state", filepath.Join(d.site.dir, "fleet.state"), "--aggregator-pid", fmt.Sprint(d.site.pid()),
		}, verb...)
		if out, err := command(path, args...).CombinedOutput(); err != nil {
			d.t.Fatalf("rollcall-fleetsim %s: %v\n%s", verb[0], err, out)
		}
	}
}

func (d *day) tidy() { d.post("/api/inventory/cleanup/", map[string]any{"days": 30}, nil) }

// await waits until so many events of a type came.
func (d *day) await(kind string, n int) {
	d.t.Helper()
	err := wait(time.Minute, func() (bool, error) { return len(d.of(kind)) >= n, nil })
	if err != nil {
		d.t.Fatalf("%d events of type %s, want %d: %v\n%s", len(d.of(kind)), kind, n, err, d.site.out.tail())
	}
}

// of returns the events of a type as they came.
func (d *day) of(kind string) []received {
	return slices.DeleteFunc(d.told.events(), func(e received) bool { return e.Type != kind })
}

// about returns the events about a machine as they came.
func (d *day) about(serial string) []received {
	return slices.DeleteFunc(d.told.events(), func(e received) bool { return e.Serial != serial })
}

// verifyShapes holds every event against the shape of its type.
func (d *day) verifyShapes() {
	d.t.Helper()
	seen := map[string]int{}
	for _, e := range d.told.events() {
		seen[e.Type]++
		shape, ok := shapeOf(e.Type)
		if !ok {
			d.t.Errorf("event of a type that nobody knows: %s", e.Type)
			continue
		}
		if err := shape.fits(e); err != nil {
			d.t.Errorf("%s: %v", e.Type, err)
		}
	}
	for _, kind := range slices.Concat(updateTypes(), slices.Sorted(maps.Keys(shapes))) {
		if seen[kind] == 0 {
			d.t.Errorf("no event of type %s", kind)
		}
	}
	d.t.Logf("%d events of %d types", len(d.told.events()), len(seen))
}

// verifyMachine compares the order of what happened to the machine that changed in everything.
func (d *day) verifyMachine() {
	d.t.Helper()
	var got []string
	for _, e := range d.about("DAY-00") {
		if strings.Contains(e.Type, "_machine") && !strings.Contains(e.Type, "compliance") {
			got = append(got, e.Type)
		}
	}
	if want := append([]string{"add_machine"}, updateTypes()...); !slices.Equal(got, want) {
		d.t.Errorf("events of the machine that changed in everything:\n got %q\nwant %q", got, want)
	}
}

// verifyUpgrades compares what the upgrade of a package made happen.
func (d *day) verifyUpgrades() {
	d.t.Helper()
	for i := 6; i < dayPushed; i++ { // those before have more of a life
		var got []string
		for _, e := range d.about(fmt.Sprintf("DAY-%02d", i)) {
			if strings.HasPrefix(e.Type, "add_") || strings.HasPrefix(e.Type, "remove_") {
				got = append(got, inShort(e))
			}
		}
		want := []string{"add_machine"}
		if i < dayPushed/2 {
			want = append(want, "add_machine_deb_package bash 5.2", "remove_machine_deb_package bash 5.1")
		}
		if !slices.Equal(got, want) {
			d.t.Errorf("machine %d: got %q, want %q", i, got, want)
		}
	}
}

// verifyCompliance compares how the statuses of one machine followed each other.
func (d *day) verifyCompliance() {
	d.t.Helper()
	var got []string
	for _, e := range d.about("DAY-01") {
		switch e.Type {
		case "inventory_jmespath_check_status_updated":
			got = append(got, fmt.Sprintf("check v%v %v after %v", e.Payload["version"], e.Payload["status"], e.Payload["previous_status"]))
		case "machine_compliance_change":
			got = append(got, fmt.Sprintf("machine %v after %v", e.Payload["status"], e.Payload["previous_status"]))
		}
	}
	want := []string{
		"check v1 OK after <nil>", "machine OK after <nil>",
		"check v2 FAILED after OK", "machine FAILED after OK",
		"check v2 OK after FAILED", "machine OK after FAILED",
	}
	if !slices.Equal(got, want) {
		d.t.Errorf("compliance of DAY-01:\n got %q\nwant %q", got, want)
	}
}

// verifyObjects compares what admins did.
func (d *day) verifyObjects() {
	d.t.Helper()
	var got []string
	for _, e := range d.told.events() {
		switch e.Type {
		case "zentral_audit":
			object, _ := e.Payload["object"].(map[string]any)
			switch model := fmt.Sprint(object["model"]); model {
			case "inventory.tag", "inventory.taxonomy", "inventory.metabusinessunit":
				got = append(got, fmt.Sprintf("%s %v", model, e.Payload["action"]))
			}
		case "machine_tag":
			tag, _ := e.Payload["tag"].(map[string]any)
			got = append(got, fmt.Sprintf("%s %s %v", e.Serial, e.Payload["action"], tag["name"]))
		}
	}
	slices.Sort(got) // machines, and what is about none, come side by side
	want := []string{
		"DAY-01 added Blue", "DAY-01 added Plain", "DAY-01 removed Blue",
		"DAY-02 added Blue", "DAY-02 added Plain", "DAY-02 removed Blue",
		"inventory.metabusinessunit created", "inventory.metabusinessunit created", "inventory.metabusinessunit created", // two were reported
		"inventory.metabusinessunit deleted", "inventory.metabusinessunit updated",
		"inventory.tag created", "inventory.tag created", "inventory.tag deleted", "inventory.tag updated",
		"inventory.taxonomy created", "inventory.taxonomy deleted",
	}
	if !slices.Equal(got, want) {
		d.t.Errorf("objects:\n got %q\nwant %q", got, want)
	}
}
