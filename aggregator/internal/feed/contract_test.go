// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
)

// oneOfEach has one element of every kind of the outside contract.
const oneOfEach = `
"reference":"node","public_ip_address":"203.0.113.7","imei":"123","meid":"456",
"links":[{"anchor_text":"a","url":"https://example.org/"}],
"business_unit":{"source":{"module":"m","name":"s"},"reference":"r1","name":"IT"},
"groups":[{"source":{"module":"m","name":"s"},"reference":"g1","name":"Lab"}],
"os_version":{"name":"Ubuntu","major":24,"minor":4,"patch":0},
"system_info":{"computer_name":"web-1"},
"disks":[{"name":"sda","size":1000}],
"network_interfaces":[{"interface":"eth0","mac":"0a:1b:2c:3d:4e:5f"}],
"android_apps":[{"display_name":"A","version_name":"1"}],
"deb_packages":[{"name":"bash","version":"5.2"}],
"ios_apps":[{"name":"I","version":"1"}],
"osx_app_instances":[{"app":{"bundle_id":"org.example.a"}}],
"program_instances":[{"program":{"name":"P"}}],
"profiles":[{"uuid":"u1"}],
"certificates":[{"common_name":"c"}],
"ec2_instance_metadata":{"instance_id":"i-1","instance_type":"t3","architecture":"x86_64","region":"eu","availability_zone":"eu-1b","local_hostname":"h","mac":"m","ami_id":"a","reservation_id":"r","account_id":"1"},
"ec2_instance_tags":[{"key":"Env","value":"prod"}],
"teamviewer":{"teamviewer_id":"1"},
"puppet_node":{"environment":"production"},
"principal_user":{"source":{"type":"INVENTORY"},"unique_id":"u1","principal_name":"jane"},
"extra_facts":{"rack":[4,null]}`

// added and removed are what the outside contract sends, and in this order, when all that came and when it went.
var added = []string{
	"add_machine_android_app", "add_machine_certificate", "add_machine_deb_package", "add_machine_disk", "add_machine_group",
	"add_machine_ios_app", "add_machine_link", "add_machine_network_interface", "add_machine_osx_app_instance",
	"add_machine_program_instance", "add_machine_profile", "add_machine_ec2_instance_tag",
	"add_machine_business_unit", "add_machine_os_version", "add_machine_system_info", "add_machine_teamviewer",
	"add_machine_puppet_node", "add_machine_principal_user", "add_machine_extra_facts", "add_machine_ec2_instance_metadata",
	"inventory_heartbeat",
}

var removed = []string{
	"remove_machine_android_app", "remove_machine_certificate", "remove_machine_deb_package", "remove_machine_disk",
	"remove_machine_group", "remove_machine_ios_app", "remove_machine_link", "remove_machine_network_interface",
	"remove_machine_osx_app_instance", "remove_machine_program_instance", "remove_machine_profile",
	"remove_machine_ec2_instance_tag",
	"remove_machine_business_unit", "remove_machine_os_version", "remove_machine_system_info", "remove_machine_teamviewer",
	"remove_machine_puppet_node", "remove_machine_principal_user", "remove_machine_extra_facts",
	"remove_machine_ec2_instance_metadata",
	"inventory_heartbeat",
}

func TestEveryKindComesAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", ""))
	w.push(machine("C1", oneOfEach))
	w.push(machine("C1", ""))

	events := w.inventory()
	want := slices.Concat([]string{"add_machine", "inventory_heartbeat"}, added, removed)
	if got := typesOf(events); !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	var whole map[string]any
	if err := json.Unmarshal([]byte("{"+oneOfEach+"}"), &whole); err != nil {
		t.Fatal(err)
	}
	source := map[string]any{"module": "zentral.contrib.osquery", "name": "osquery"}
	for i := range events[2:] {
		got := decoded(t, &events[2+i])
		meta := got["_zentral"].(map[string]any)
		delete(got, "_zentral")
		if !reflect.DeepEqual(got["source"], source) {
			t.Errorf("%s: source %v", meta["type"], got["source"])
		}
		tags := []any{"machine", "machine_add_update", "machine_update"}
		switch {
		case meta["type"] == "inventory_heartbeat":
			tags = []any{"heartbeat", "machine"}
		case i >= len(added):
			tags = []any{"machine", "machine_remove_update", "machine_update"}
		}
		if meta["namespace"] != "inventory" || !reflect.DeepEqual(meta["tags"], tags) || meta["machine_serial_number"] != "C1" {
			t.Errorf("%s: envelope %v", meta["type"], meta)
		}
		if meta["type"] == "inventory_heartbeat" {
			continue
		}
		delete(got, "source")
		for name, object := range got { // one
			if want := single(whole, name); !reflect.DeepEqual(object, want) || len(got) != 1 {
				t.Errorf("%s: got %v, want %v", meta["type"], got, want)
			}
		}
	}
}

// single returns what a tree has under a name in the singular.
func single(whole map[string]any, name string) any {
	if list, ok := whole[name+"s"].([]any); ok {
		return list[0]
	}
	return whole[name]
}

func TestAFirstSnapshotIsOneTreeWithoutTheLongLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", oneOfEach+`,"rpm_packages":[{"name":"r","version":"1"}],"bios":{"vendor":"v"}`))
	w.push(machine("C1", `"os_version":{"name":"Debian","major":12}`)) // the first stays what it was

	events := w.inventory()
	if got := typesOf(events[:2]); !slices.Equal(got, []string{"add_machine", "inventory_heartbeat"}) {
		t.Fatalf("got %q", got)
	}
	got := decoded(t, &events[0])
	delete(got, "_zentral")
	var want map[string]any
	if err := json.Unmarshal([]byte(machine("C1", oneOfEach+`,"platform":"LINUX","type":"EC2","bios":{"vendor":"v"}`)), &want); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"deb_packages", "disks", "network_interfaces", "osx_app_instances", "program_instances"} {
		delete(want, kind)
	}
	if !reflect.DeepEqual(got, want) {
		for _, key := range slices.Sorted(maps.Keys(got)) {
			if !reflect.DeepEqual(got[key], want[key]) {
				t.Errorf("%s: got %v, want %v", key, got[key], want[key])
			}
		}
		t.Errorf("got keys %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	if events[0].Batch != events[1].Batch || events[0].Index != 0 || events[1].Index != 1 {
		t.Errorf("ids %s and %s", events[0].ID(), events[1].ID())
	}
}

func TestWhatChangesNothingOfTheContractTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", `"deb_packages":[{"name":"bash","version":"5.2","install_time":"2026-01-02T03:04:00"}]`))
	w.push(machine("C1", `"deb_packages":[{"name":"bash","version":"5.2","install_time":"2026-02-02T03:04:00"}],
		"reference":"r","public_ip_address":"203.0.113.8","imei":"1","meid":"2","platform":"LINUX","type":"VM"`))
	w.push(machine("C1", `"deb_packages":[{"name":"bash","version":"5.3"}]`))
	want := []string{
		"add_machine", "inventory_heartbeat", "inventory_heartbeat",
		"add_machine_deb_package", "remove_machine_deb_package", "inventory_heartbeat",
	}
	if got := typesOf(w.inventory()); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestKindsOfOursFollowTheContracts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	w.push(machine("C1", ""))
	w.push(machine("C1", `"rpm_packages":[{"name":"b","version":"1"},{"name":"a","version":"1"}],"repositories":[{"url":"https://example.org/"}],
		"bios":{"vendor":"v"},"extra_facts":{"a":1},"go_binaries":[{"path":"/usr/bin/x"}]`))
	want := []string{
		"add_machine", "inventory_heartbeat",
		"add_machine_extra_facts", "add_machine_rpm_package", "add_machine_rpm_package", "add_machine_go_binary",
		"add_machine_repository", "add_machine_bios", "inventory_heartbeat",
	}
	events := w.inventory()
	if got := typesOf(events); !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	if got := string(events[3].Payload); got != `{"rpm_package":{"name":"a","version":"1"},"source":{"module":"zentral.contrib.osquery","name":"osquery"}}` {
		t.Errorf("got %s", got)
	}
}
