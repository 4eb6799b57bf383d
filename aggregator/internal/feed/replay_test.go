// SPDX-License-Identifier: Apache-2.0

//go:build unix

package feed_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// lists are kinds with an event for each element: their name in the singular, a row of theirs, and the key of install
// times.
var lists = map[string]struct{ single, row, time string }{
	"android_apps":       {"android_app", `{"display_name":"a%d","version_name":"1"%s}`, ""},
	"certificates":       {"certificate", `{"common_name":"c%d"%s}`, ""},
	"deb_packages":       {"deb_package", `{"name":"d%d","version":"1"%s}`, "install_time"},
	"disks":              {"disk", `{"name":"sd%d","size":1000%s}`, ""},
	"groups":             {"group", `{"source":{"module":"m","name":"s"},"reference":"g%d","name":"G"%s}`, ""},
	"links":              {"link", `{"anchor_text":"l%d","url":"https://example.org/"%s}`, ""},
	"program_instances":  {"program_instance", `{"program":{"name":"p%d"}%s}`, "install_date"},
	"profiles":           {"profile", `{"uuid":"u%d"%s}`, "install_date"},
	"ec2_instance_tags":  {"ec2_instance_tag", `{"key":"k%d","value":"v"%s}`, ""},
	"network_interfaces": {"network_interface", `{"interface":"e%d","mac":"0a:1b:2c:3d:4e:5f"%s}`, ""},
}

// objects are kinds of one object.
var objects = map[string]string{
	"os_version":     `{"name":"Ubuntu","major":%d}`,
	"system_info":    `{"computer_name":"n%d"}`,
	"extra_facts":    `{"a":[%d,null]}`,
	"principal_user": `{"source":{"type":"INVENTORY"},"unique_id":"u%d","principal_name":"p"}`,
	"business_unit":  `{"source":{"module":"m","name":"s"},"reference":"b%d","name":"B"}`,
}

// churn is a machine whose tree changes at random. A row keeps its install time as long as it is there.
type churn struct {
	random *rand.Rand
	rows   map[string]map[int]string
	single map[string]int // 0: none
	clock  time.Time
}

func (c *churn) step() {
	for kind, list := range lists {
		most := 1 + c.random.IntN(40)
		for _, n := range c.random.Perm(400)[:c.random.IntN(most)] { // each once: a time that only moves is not told of
			if _, there := c.rows[kind][n]; there {
				delete(c.rows[kind], n)
				continue
			}
			stamp := ""
			if list.time != "" && c.random.IntN(3) > 0 {
				c.clock = c.clock.Add(time.Duration(c.random.IntN(3)) * time.Minute)
				stamp = fmt.Sprintf(`,%q:%q`, list.time, c.clock.Format("2006-01-02T15:04:05"))
			}
			c.rows[kind][n] = fmt.Sprintf(list.row, n, stamp)
		}
	}
	for kind := range objects {
		c.single[kind] = c.random.IntN(3)
	}
}

// tree returns the tree as it stands.
func (c *churn) tree() string {
	var keys []string
	for kind, rows := range c.rows {
		if len(rows) > 0 {
			keys = append(keys, fmt.Sprintf("%q:[%s]", kind, strings.Join(slices.Sorted(maps.Values(rows)), ",")))
		}
	}
	for kind, n := range c.single {
		if n > 0 {
			keys = append(keys, fmt.Sprintf("%q:%s", kind, fmt.Sprintf(objects[kind], n)))
		}
	}
	return machine("C1", strings.Join(keys, ","))
}

// bag counts the objects of each kind in a tree as the aggregator writes it.
func bag(t *testing.T, text string) map[string]int {
	t.Helper()
	submitted, err := tree.Parse([]byte(text), limits)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tree.JSON(submitted.Sections, tree.Added{})
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for kind, value := range whole {
		list, ok := lists[kind]
		if !ok {
			all[kind+" "+string(value)]++
			continue
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(value, &rows); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			all[list.single+" "+string(row)]++
		}
	}
	return all
}

func TestEventsLeadFromTreeToTree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, feed.Options{})
	seed := uint64(time.Now().UnixNano())
	c := churn{random: rand.New(rand.NewPCG(seed, 1)), rows: map[string]map[int]string{}, single: map[string]int{}, clock: time.Unix(1_700_000_000, 0).UTC()}
	for kind := range lists {
		c.rows[kind] = map[int]string{}
	}
	const changes = 15
	trees := make([]map[string]int, 0, changes)
	for range changes {
		c.step()
		w.push(c.tree())
		trees = append(trees, bag(t, c.tree()))
	}
	now, at := trees[0], 0
	for _, e := range w.inventory() {
		switch e.Type {
		case "add_machine":
		case "inventory_heartbeat":
			if !maps.Equal(now, trees[at]) {
				t.Fatalf("seed %d, change %d: %s", seed, at+1, difference(now, trees[at]))
			}
			at++
		default:
			replay(t, now, &e)
		}
	}
	if at != changes {
		t.Errorf("%d changes are told of, want %d", at, changes)
	}
}

// replay applies an event to what a tree holds.
func replay(t *testing.T, now map[string]int, e *event.Event) {
	t.Helper()
	name, added := strings.CutPrefix(e.Type, "add_machine_")
	if !added {
		name = strings.TrimPrefix(e.Type, "remove_machine_")
	}
	var payload map[string]json.RawMessage
	if err := json.Unmarshal(e.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	key := name + " " + string(payload[name])
	if added {
		now[key]++
	} else {
		now[key]--
	}
	if now[key] == 0 {
		delete(now, key)
	}
}

// difference lists what two trees do not share.
func difference(got, want map[string]int) string {
	var all []string
	for key, n := range got {
		if want[key] != n {
			all = append(all, fmt.Sprintf("got %d %s", n, key))
		}
	}
	for key, n := range want {
		if got[key] != n {
			all = append(all, fmt.Sprintf("want %d %s", n, key))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
