// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

func TestWhatEventsSayOfTheirMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	const keys = `"system_info":{"computer_name":"mbp-7"},"os_version":{"name":"macOS","major":26,"minor":1,"patch":0,"build":"25B78"},
		"business_unit":{"source":{"module":"m","name":"s"},"reference":"1","name":"IT"},
		"groups":[{"source":{"module":"m","name":"s"},"reference":"g2","name":"Zoo"},{"source":{"module":"m","name":"s"},"reference":"g1","name":"Lab"}],
		"principal_user":{"source":{"type":"INVENTORY"},"unique_id":"u1","principal_name":"jane"}`
	w.push(machine("C1", keys))
	w.push(strings.Replace(machine("C1", `"system_info":{"hostname":"other"}`), `"osquery"`, `"Santa Claus"`, 1))
	w.push(strings.Replace(machine("C1", `"disks":[{"name":"a","size":1}]`), `"osquery"`, `"mute"`, 1))
	w.exec(`INSERT INTO tag (name, slug) VALUES ('Blue', 'blue')`)
	w.exec(`INSERT INTO machine_tag SELECT m.id, t.id FROM machine m, tag t`)

	key := store.ReportedUnit{Source: store.Source{Module: "m", Name: "s"}, Reference: "1"}
	lab := store.ReportedUnit{Source: key.Source, Reference: "g1"}
	zoo := store.ReportedUnit{Source: key.Source, Reference: "g2"}
	const rest = `"meta_business_units":[{"id":1,"name":"IT"}],"platform":"MACOS",` +
		`"santa-claus":{"name":"other"},"tags":[{"id":1,"name":"Blue"}]`
	const name = `"name":"mbp-7","os_version":"macOS 26.1 (25B78)"`
	unit := `"business_unit":{"key":"` + key.Key()[:8] + `","name":"IT","reference":"1"},`
	groups := `"groups":[{"key":"` + lab.Key()[:8] + `","name":"Lab","reference":"g1"},{"key":"` + zoo.Key()[:8] + `","name":"Zoo","reference":"g2"}],`
	const user = `,"principal_user":{"principal_name":"jane","unique_id":"u1"}`
	tests := []struct {
		name    string
		options feed.Options
		want    string
	}{
		{"whole", feed.Options{}, unit + groups + name + user},
		{"without groups", feed.Options{WithoutGroups: true}, unit + name + user},
		{"without users", feed.Options{WithoutPrincipalUser: true}, unit + groups + name},
	}
	w.settle()
	for _, test := range tests {
		w.Feed = feed.New(w.store, test.options)
		events := w.inventory()
		want := `{` + rest + `,"osquery":{` + test.want + `}}`
		if got := decodeJSON(t, string(events[0].Machine)); !reflect.DeepEqual(got, decodeJSON(t, want)) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, events[0].Machine, want)
		}
		if e := events[0]; e.Platform != "MACOS" || e.Source != "osquery" || !slices.Equal(e.MachineTags, []int64{1}) {
			t.Errorf("%s: filters see %q, %q, %v", test.name, e.Platform, e.Source, e.MachineTags)
		}
	}
}

func decodeJSON(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestATagCountsForWhatComesBehindIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", ""))
	w.read(nil) // the machine is remembered now
	w.exec(`INSERT INTO tag (name, slug) VALUES ('Blue', 'blue')`)
	w.exec(`INSERT INTO machine_tag SELECT m.id, t.id FROM machine m, tag t`)
	w.entry("tag", w.machine("C1"), 0, "", "")
	w.push(machine("C1", `"disks":[{"name":"a","size":1}]`))
	got := typesOf(w.read(&event.Filter{Types: []string{"add_machine_disk"}, MachineTags: []int64{1}}))
	if want := []string{"add_machine_disk"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestABusinessUnitOfAnEnrolment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	head := w.push(machine("C1", ""))
	source, err := w.store.HeadSources(t.Context(), []int64{head.Head})
	if err != nil {
		t.Fatal(err)
	}
	push := func(reference string, ip string) {
		p := &commit.Push{Machine: w.machine("C1"), Serial: "C1", Source: source[head.Head].Source, Complete: true, Added: commit.Added{PublicIP: ip}}
		if reference != "" {
			p.Added.BusinessUnit = &inventoryv1.BusinessUnit{
				Source:    &inventoryv1.Source{Module: proto.String("m"), Name: proto.String("s")},
				Reference: proto.String(reference), Name: proto.String(reference),
			}
		}
		if _, err := w.committer.Push(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	push("MBU1", "")
	push("MBU1", "203.0.113.7")
	push("MBU2", "203.0.113.7")
	push("", "203.0.113.7")
	var got []string
	for _, e := range w.inventory() {
		if strings.Contains(e.Type, "business_unit") {
			var payload struct {
				Unit struct{ Reference string } `json:"business_unit"`
			}
			if err := json.Unmarshal(e.Payload, &payload); err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Type+" "+payload.Unit.Reference)
		}
	}
	want := []string{
		"add_machine_business_unit MBU1", "add_machine_business_unit MBU2", "remove_machine_business_unit MBU1",
		"remove_machine_business_unit MBU2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
