// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

const (
	// eventMachines times eventChanges changes are pushed while the aggregator is killed.
	eventMachines = 20
	eventChanges  = 50
	// watchedEvery is which of a machine's changes concern the package that the probe watches.
	watchedEvery = 5
	// eventKills is how often it is killed.
	eventKills = 8
	// deliveryLimit is how long the last events may be on their way.
	deliveryLimit = 2 * time.Minute
)

// killSecret signs what goes to the sink of the configuration.
const killSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// TestEventsSurviveKills kills the aggregator at random moments of 1,000 changes, while receivers fail half of the time.
// Each has every event of every change in the end, by its id, in order per machine, and none besides; a probe on one
// package has one event for each of its changes. The API lists the same events.
func TestEventsSurviveKills(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: kills an aggregator for half a minute")
	}
	t.Parallel()
	seed := seedOf(t)
	sink, probe := newReceiver(t, killSecret, 0.5, seed), newReceiver(t, "", 0.5, seed+1)
	dir := storetest.Dir(t)
	config := filepath.Join(dir, "sinks.yaml")
	text := fmt.Sprintf(`
sinks: [{name: test, kind: webhook, url: %q, secret: %q, first_retry: 10ms, last_retry: 200ms, max_attempts: 100}]
probe_delivery: {first_retry: 10ms, last_retry: 200ms, max_attempts: 100}
`, sink.url, killSecret)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil { //nolint:gosec // other users read it
		t.Fatal(err)
	}
	s := startSite(&site{t: t, dir: dir, database: storetest.DSN(t), args: []string{"--config", config, "--log-level", "warn"}})
	p := &eventPusher{t: t, url: s.url, token: s.must("token", "create", "--name", "test", "--role", "admin")}
	var created struct {
		Secret string `json:"secret"`
	}
	p.post("/api/v1/probes", map[string]any{"name": "watch", "url": probe.url, "filter": map[string]any{
		"types": []string{"add_machine_deb_package"}, "expression": "deb_package.name == 'watched'",
	}}, &created)
	probe.trust(created.Secret)

	var group sync.WaitGroup
	for i := range eventMachines {
		group.Go(func() {
			for version := range eventChanges + 1 {
				p.push(i, version)
			}
		})
	}
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		r := rand.New(rand.NewPCG(seed, 3))
		for range eventKills {
			<-time.After(time.Duration(200+r.IntN(1200)) * time.Millisecond)
			s.stop(syscall.SIGKILL)
			if err := s.start(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	group.Wait()
	<-killed

	want := map[string][]string{}
	watched := map[string][]string{}
	for i := range eventMachines {
		serial := pushedSerial(i)
		want[serial], watched[serial] = expectedOf()
	}
	p.awaitAll("the sink", sink, want)
	p.awaitAll("the probe", probe, watched)
	p.compare("the API", p.listed(), want)
	t.Logf("%d calls for %d events, %d for %d of the probe", sink.calls, len(sink.events()), probe.calls, len(probe.events()))
}

func pushedSerial(i int) string { return fmt.Sprintf("EVENT-%02d", i) }

// expectedOf lists what a machine's pushes make happen: all of it, and what the probe wants of it.
func expectedOf() (all, watched []string) {
	all = []string{"add_machine"}
	previous := 0 // version of the watched package
	for version := 1; version <= eventChanges; version++ {
		added := []string{fmt.Sprintf("add_machine_deb_package moving 1.%d", version)}
		removed := []string{fmt.Sprintf("remove_machine_deb_package moving 1.%d", version-1)}
		if version%watchedEvery == 0 {
			added = append(added, fmt.Sprintf("add_machine_deb_package watched 2.%d", version))
			removed = append(removed, fmt.Sprintf("remove_machine_deb_package watched 2.%d", previous))
			watched = append(watched, added[1])
			previous = version
		}
		all = append(append(all, added...), removed...)
	}
	return all, watched
}

// eventPusher pushes through the open door until it is told that it was taken.
type eventPusher struct {
	t          *testing.T
	url, token string
}

// push reports a version of a machine's snapshot.
func (p *eventPusher) push(i, version int) {
	p.post("/api/v1/snapshots", map[string]any{
		"serial_number": pushedSerial(i), "source": map[string]any{"module": "test.events", "name": "events"},
		"os_version": map[string]any{"name": "Debian", "major": 12},
		"deb_packages": []any{
			map[string]any{"name": "still", "version": "1"},
			map[string]any{"name": "moving", "version": fmt.Sprintf("1.%d", version)},
			map[string]any{"name": "watched", "version": fmt.Sprintf("2.%d", version/watchedEvery*watchedEvery)},
		},
	}, nil)
}

// post sends a request again until it is answered.
func (p *eventPusher) post(path string, body, answer any) {
	raw, err := json.Marshal(body)
	if err != nil {
		p.t.Error(err)
		return
	}
	err = wait(startLimit, func() (bool, error) {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+path, bytes.NewReader(raw))
		if err != nil {
			return false, err
		}
		request.Header.Set("Authorization", "Token "+p.token)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil // it is dead at the moment
		}
		defer response.Body.Close()
		got, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode >= http.StatusInternalServerError {
			return false, nil
		}
		if response.StatusCode >= http.StatusBadRequest {
			return false, fmt.Errorf("POST %s: %s: %s", path, response.Status, got)
		}
		if answer != nil {
			err = json.Unmarshal(got, answer)
		}
		return true, err
	})
	if err != nil {
		p.t.Error(err)
	}
}

// awaitAll waits until a receiver has as many events about machines as are wanted, and compares them.
func (p *eventPusher) awaitAll(who string, r *receiver, want map[string][]string) {
	p.t.Helper()
	total := 0
	for _, events := range want {
		total += len(events)
	}
	err := wait(deliveryLimit, func() (bool, error) {
		n := 0
		for _, e := range r.events() {
			if e.Serial != "" {
				n++
			}
		}
		return n >= total, nil
	})
	if err != nil {
		p.t.Errorf("%s: %v", who, err)
	}
	p.compare(who, r.events(), want)
}

// compare holds what came about each machine against what is wanted, in order.
func (p *eventPusher) compare(who string, came []received, want map[string][]string) {
	p.t.Helper()
	got := map[string][]string{}
	for _, e := range came {
		switch {
		case e.Serial != "":
			got[e.Serial] = append(got[e.Serial], inShort(e))
		case e.Type != "zentral_audit":
			p.t.Errorf("%s: an event of type %s about no machine", who, e.Type)
		}
	}
	for serial, events := range want {
		if !slices.Equal(got[serial], events) {
			p.t.Errorf("%s: %s: got %d events %q, want %d: %q", who, serial, len(got[serial]), got[serial], len(events), events)
		}
		delete(got, serial)
	}
	for serial, events := range got {
		p.t.Errorf("%s: events about %q, of which nobody spoke: %q", who, serial, events)
	}
}

// inShort is an event's type, and the package that it is about.
func inShort(e received) string {
	pkg, ok := e.Payload["deb_package"].(map[string]any)
	if !ok {
		return e.Type
	}
	return fmt.Sprintf("%s %v %v", e.Type, pkg["name"], pkg["version"])
}

// listed reads all events from the API.
func (p *eventPusher) listed() []received {
	p.t.Helper()
	s := &site{t: p.t, url: p.url}
	var all []received
	for cursor := ""; ; {
		var page struct {
			Events []map[string]any `json:"events"`
			Next   string           `json:"next_cursor"`
		}
		s.get(p.token, "/api/v1/events?limit=1000&tag=machine&cursor="+cursor, &page)
		for _, event := range page.Events {
			e, err := readEvent(event)
			if err != nil {
				p.t.Fatal(err)
			}
			if e.Type != "inventory_heartbeat" {
				all = append(all, e)
			}
		}
		if page.Next == cursor { // that is the end for now
			return all
		}
		cursor = page.Next
	}
}
