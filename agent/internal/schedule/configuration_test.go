// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"testing"
	"time"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestTheWatchdogWaitsForWhatCollectorsAreGranted(t *testing.T) {
	t.Parallel()
	c := configurationOf(&syncv1.Configuration{Deadlines: []*syncv1.CollectorDeadline{
		{Collector: "disks", Seconds: 60},
		{Collector: "jvms", Seconds: 1 << 31}, // no aggregator may stop the agent by waiting
	}})
	if got := c.Options(nil).Deadlines; got["disks"] != time.Minute || got["jvms"] != longestDeadline {
		t.Errorf("deadlines: got %v", got)
	}
	if got, want := c.longest(), time.Minute+longestDeadline; got != want {
		t.Errorf("promised on top of a cycle: got %s, want %s", got, want)
	}
}
