// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"testing"
	"time"
)

func TestWhoeverIsStoredLateIsAskedForAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	tests := []struct {
		name        string
		since, last time.Duration // before now
		full        bool
		want        time.Duration // before now
	}{
		{"long ago", time.Hour, time.Minute, false, time.Minute},
		{"just now", time.Hour, 0, false, settling},
		{"just now, and there are more", time.Hour, time.Second, true, time.Second},
		{"asked just now", time.Second, 0, false, time.Second},
	}
	for _, test := range tests {
		got := nextBeat(now.Add(-test.since), now.Add(-test.last), now, test.full)
		if want := now.Add(-test.want); !got.Equal(want) {
			t.Errorf("%s: got %s before, want %s", test.name, now.Sub(got), test.want)
		}
	}
}
