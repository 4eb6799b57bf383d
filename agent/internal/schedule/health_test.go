// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestRunsAreToldWhenTheyAreNews(t *testing.T) {
	t.Parallel()
	const collected, failed = syncv1.CollectorState_COLLECTOR_STATE_COLLECTED, syncv1.CollectorState_COLLECTOR_STATE_FAILED
	base := func() *syncv1.Health {
		return HealthOf([]collect.Trouble{{Collector: "bios", Err: errors.New("no"), Denied: true}}, []*syncv1.CollectorRun{
			{Collector: "bios", State: syncv1.CollectorState_COLLECTOR_STATE_PARTIAL},
			{Collector: "disks", State: collected, Items: 3, DurationMilliseconds: 2, BytesRead: 100},
			{Collector: "users", State: collected, Items: 9, DurationMilliseconds: 2000},
		}, 5, "grpc", "1")
	}
	tests := []struct {
		name   string
		change func(*syncv1.Health)
		news   bool
	}{
		{"the same", func(*syncv1.Health) {}, false},
		{"other bytes", func(h *syncv1.Health) { h.Runs[1].BytesRead = 0 }, false},
		{"more facts: the snapshot has them", func(h *syncv1.Health) { h.Runs[1].Items = 4 }, false},
		{"a hundred times as long, and short", func(h *syncv1.Health) { h.Runs[1].DurationMilliseconds = 200 }, false},
		{"twice as long", func(h *syncv1.Health) { h.Runs[2].DurationMilliseconds = 4000 }, false},
		{"no facts any more", func(h *syncv1.Health) { h.Runs[1].Items = 0 }, true},
		{"ten times as long", func(h *syncv1.Health) { h.Runs[2].DurationMilliseconds = 20_000 }, true},
		{"suddenly slow", func(h *syncv1.Health) { h.Runs[1].DurationMilliseconds = 5000 }, true},
		{"failed", func(h *syncv1.Health) { h.Runs[1].State = failed }, true},
		{"another collector", func(h *syncv1.Health) { h.Runs = h.Runs[:2] }, true},
		{"another error", func(h *syncv1.Health) { h.Troubles[0].Message = "yes" }, true},
		{"another configuration", func(h *syncv1.Health) { h.ConfigurationVersion = 6 }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, now := told{}.after(nil, base()), base()
			tt.change(now)
			if _, health := before.news(nil, now); (health != nil) != tt.news {
				t.Errorf("got %v, want news: %t", health, tt.news)
			}
		})
	}
	old := told{}.after(nil, base())
	old.at = old.at.Add(-healthEvery - time.Second)
	if _, health := old.news(nil, base()); !proto.Equal(health, base()) {
		t.Errorf("after an hour: got %v, want all of it", health)
	}
}

func TestWhatWasToldIsKnownToTheNextProcess(t *testing.T) {
	t.Parallel()
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	vitals, health := &syncv1.Vitals{}, HealthOf(nil, nil, 0, "grpc", "1")
	if err := (told{}).after(vitals, health).save(dir, toldName); err != nil {
		t.Fatal(err)
	}
	if v, h := loadTold(dir, toldName).news(vitals, health); v != nil || h != nil {
		t.Errorf("got %v, %v again", v, h)
	}
}

func TestAConfigurationIsKept(t *testing.T) {
	t.Parallel()
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sent := &syncv1.Configuration{
		Version: 9, DisabledCollectors: []string{"users"}, IntervalSeconds: 60, FactKeys: &syncv1.FactKeys{},
		Deadlines: []*syncv1.CollectorDeadline{{Collector: "disks", Seconds: 5}},
	}
	if err := SaveConfiguration(dir, sent); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfiguration(dir)
	if err != nil || c.Version != 9 || c.IntervalSeconds != 60 {
		t.Errorf("got %+v, %v", c, err)
	}
	o := c.Options([]string{"disks"})
	if len(o.Disabled) != 2 || o.Deadlines["disks"] != 5*time.Second || o.FactKeys == nil || len(o.FactKeys) != 0 {
		t.Errorf("got %+v, want what either switched off and no facts", o)
	}
	if o := (Configuration{}).Options(nil); o.FactKeys != nil {
		t.Errorf("got %v, want all facts", o.FactKeys)
	}
}
