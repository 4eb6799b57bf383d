// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"testing"
	"time"
)

func TestRefusalsAreRecordedOnceAMinuteAndCounted(t *testing.T) {
	t.Parallel()
	var r refusals
	now := time.Unix(1_000_000, 0)
	key := func(reason, ip string) refusalKey { return refusalKey{reason, networkOf(ip)} }
	steps := []struct {
		after  time.Duration
		key    refusalKey
		repeat int
		want   int // of the last one
	}{
		{0, key("revoked", "192.0.2.1"), 1, 1},
		{time.Second, key("revoked", "192.0.2.1"), 41, 0},
		{0, key("expired", "192.0.2.1"), 1, 1},
		{0, key("revoked", "192.0.2.2"), 1, 1},
		{0, key("revoked", "2001:db8::1"), 1, 1},
		{0, key("revoked", "2001:db8::ffff"), 1, 0}, // the same customer
		{0, key("revoked", ""), 1, 1},
		{59 * time.Second, key("revoked", "192.0.2.1"), 1, 42 + 0},
		{time.Minute, key("revoked", "192.0.2.1"), 1, 1},
		{2 * time.Hour, key("revoked", "2001:db8::1"), 1, 1}, // forgotten meanwhile
	}
	for i, s := range steps {
		now = now.Add(s.after)
		got := 0
		for range s.repeat {
			got = r.count(s.key, now)
		}
		if got != s.want {
			t.Errorf("step %d: got %d, want %d", i, got, s.want)
		}
	}
}

func TestManyNetworksDoNotFillTheJournal(t *testing.T) {
	t.Parallel()
	var r refusals
	now, recorded := time.Unix(1_000_000, 0), 0
	for minute := range 10 {
		for n := range 5000 {
			recorded += min(1, r.count(refusalKey{"unknown secret", networkOf(fmt.Sprintf("10.%d.%d.%d", minute, n/250, n%250))}, now))
		}
		now = now.Add(refusalPause)
	}
	if recorded != 10*mostRefusals || len(r.seen) > 2*mostRefusals {
		t.Errorf("%d are recorded, %d remembered", recorded, len(r.seen))
	}
}
