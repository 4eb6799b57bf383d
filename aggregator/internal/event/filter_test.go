// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// upgrade is an event that most filters below are about.
func upgrade() *Event {
	return &Event{
		Type: "add_machine_deb_package", Namespace: "inventory", Tags: []string{"machine", "machine_add_update", "machine_update"},
		Payload: json.RawMessage(`{"deb_package":{"name":"bash","version":"5.3"},"source":{"module":"m","name":"osquery"}}`),
		Source:  "osquery", Platform: "LINUX", MachineTags: []int64{3, 4},
	}
}

func TestFiltersChoose(t *testing.T) {
	t.Parallel()
	beat := &Event{Type: "inventory_heartbeat", Tags: []string{"heartbeat", "machine"}, Payload: json.RawMessage(`{}`)}
	audit := &Event{Type: "zentral_audit", Tags: []string{"inventory", "zentral"}, Payload: json.RawMessage(`{"action":"created"}`)}
	tests := []struct {
		name   string
		filter Filter
		event  *Event
		want   bool
	}{
		{"nothing matters", Filter{}, upgrade(), true},
		{"a type", Filter{Types: []string{"add_machine", "add_machine_deb_package"}}, upgrade(), true},
		{"another type", Filter{Types: []string{"remove_machine_deb_package"}}, upgrade(), false},
		{"a tag", Filter{Tags: []string{"machine_update"}}, upgrade(), true},
		{"another tag", Filter{Tags: []string{"machine_remove_update"}}, upgrade(), false},
		{"a source in other case", Filter{Sources: []string{"munki", "OSquery"}}, upgrade(), true},
		{"another source", Filter{Sources: []string{"munki"}}, upgrade(), false},
		{"a platform", Filter{Platforms: []string{"LINUX"}}, upgrade(), true},
		{"another platform", Filter{Platforms: []string{"MACOS"}}, upgrade(), false},
		{"a machine tag", Filter{MachineTags: []int64{9, 4}}, upgrade(), true},
		{"another machine tag", Filter{MachineTags: []int64{9}}, upgrade(), false},
		{"true", Filter{Expression: "deb_package.name == 'bash'"}, upgrade(), true},
		{"false", Filter{Expression: "deb_package.name == 'zsh'"}, upgrade(), false},
		{"true enough is not true", Filter{Expression: "deb_package.name"}, upgrade(), false},
		{"an error is not true", Filter{Expression: "length(`1`)"}, upgrade(), false},
		{"all fields have to fit", Filter{Types: []string{"add_machine_deb_package"}, Platforms: []string{"MACOS"}}, upgrade(), false},
		{"about no machine", Filter{Platforms: []string{"LINUX"}}, audit, false},
		{"a tag of what people do", Filter{Tags: []string{"zentral"}}, audit, true},
		{"heartbeats have to be asked for", Filter{}, beat, false},
		{"heartbeats by their machine", Filter{Tags: []string{"machine"}}, beat, false},
		{"heartbeats by type", Filter{Types: []string{"inventory_heartbeat"}}, beat, true},
		{"heartbeats by tag", Filter{Tags: []string{"heartbeat"}}, beat, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, err := test.filter.Compile()
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Match(test.event); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if test.want && !m.Wants(test.event.Type) {
				t.Error("it matches what it does not want")
			}
		})
	}
	if all := (*Matcher)(nil); !all.Match(beat) || !all.Wants("inventory_heartbeat") || !all.WantsChanges() {
		t.Error("no filter has to let everything through")
	}
}

func TestWhoWantsChanges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter Filter
		want   bool
	}{
		{Filter{}, true},
		{Filter{Types: []string{"zentral_audit"}}, false},
		{Filter{Tags: []string{"compliance_check"}}, false},
		{Filter{Tags: []string{"machine_remove_update"}}, true},
		{Filter{Types: []string{"add_machine_quantum_link"}}, true},
		{Filter{Types: []string{"add_machine"}}, false},
	}
	for _, test := range tests {
		m, err := test.filter.Compile()
		if err != nil {
			t.Fatal(err)
		}
		if got := m.WantsChanges(); got != test.want {
			t.Errorf("%+v: got %v, want %v", test.filter, got, test.want)
		}
	}
}

func TestFiltersAreRefusedByField(t *testing.T) {
	t.Parallel()
	many := make([]int64, maxFilterList+1)
	for i := range many {
		many[i] = 1
	}
	tests := []struct {
		name   string
		filter Filter
		want   []string
	}{
		{"types", Filter{Types: []string{"add_machine", "nonsense", "add_machine_platform"}}, []string{"types[1]", "types[2]"}},
		{"tags", Filter{Tags: []string{" "}}, []string{"tags[0]"}},
		{"sources", Filter{Sources: []string{"a", strings.Repeat("a", 257), "a\x00"}}, []string{"sources[1]", "sources[2]"}},
		{"platforms", Filter{Platforms: []string{"linux"}}, []string{"platforms[0]"}},
		{"machine tags", Filter{MachineTags: []int64{0}}, []string{"machine_tags[0]"}},
		{"too many", Filter{MachineTags: many}, []string{"machine_tags"}},
		{"expression", Filter{Expression: "a["}, []string{"expression"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := test.filter.Compile()
			problems, ok := errors.AsType[compliance.FieldErrors](err)
			if got := slices.Sorted(maps.Keys(problems)); !ok || !slices.Equal(got, test.want) {
				t.Errorf("got %v (%q), want %q", err, got, test.want)
			}
		})
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`{"types":["add_machine_disk"],"expression":"disk.size > `+"`5`"+`"}`, `{"disk":{"size":7}}`)
	f.Add(`{"tags":["machine"],"sources":["Osquery"],"platforms":["LINUX"],"machine_tags":[1]}`, `{}`)
	f.Add(`{"types":["\u0000"],"expression":"["}`, `[1]`)
	f.Fuzz(func(t *testing.T, filter, payload string) {
		if len(filter)+len(payload) > 10_000 {
			return
		}
		var decoded Filter
		if json.Unmarshal([]byte(filter), &decoded) != nil {
			return
		}
		m, err := decoded.Compile()
		if err != nil {
			if _, ok := errors.AsType[compliance.FieldErrors](err); !ok {
				t.Errorf("%v is not about fields", err)
			}
			return
		}
		e := upgrade()
		e.Payload = json.RawMessage(payload)
		if m.Match(e) && !m.Wants(e.Type) {
			t.Error("it matches what it does not want")
		}
	})
}
