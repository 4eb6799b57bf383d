// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	// healthEvery is how long an unchanged health is not told again.
	healthEvery = time.Hour
	// noticeable is the shortest run, in milliseconds, whose duration is of interest to anybody; otherMagnitude is how
	// many times longer or shorter it has to become to be news.
	noticeable     = 1000
	otherMagnitude = 4
	// longestMessage bounds the text of one trouble, in bytes.
	longestMessage = 500
)

// HealthOf returns the health that a collection and a transport make.
func HealthOf(troubles []collect.Trouble, runs []*syncv1.CollectorRun, configuration uint64, transport, version string) *syncv1.Health {
	health := &syncv1.Health{Transport: transport, AgentVersion: version, Runs: runs, ConfigurationVersion: configuration}
	for _, t := range troubles {
		message := t.Err.Error()
		if len(message) > longestMessage {
			message = message[:longestMessage]
		}
		health.Troubles = append(health.Troubles, &syncv1.CollectorTrouble{
			Collector: t.Collector, Message: toValid(message), Denied: t.Denied,
		})
	}
	return health
}

// alike tells whether there is nothing in a health that was not told before: the same troubles, and runs that ended in
// the same way and took about as long. How many facts there are is the snapshot's news, not that of the run.
func alike(before, now *syncv1.Health) bool {
	if len(before.GetRuns()) != len(now.GetRuns()) {
		return false
	}
	for i, run := range now.GetRuns() {
		was := before.GetRuns()[i]
		if was.GetCollector() != run.GetCollector() || was.GetState() != run.GetState() ||
			(was.GetItems() == 0) != (run.GetItems() == 0) ||
			!sameMagnitude(was.GetDurationMilliseconds(), run.GetDurationMilliseconds()) {
			return false
		}
	}
	return proto.Equal(withoutRuns(before), withoutRuns(now))
}

// withoutRuns returns a health without what alike compares by itself.
func withoutRuns(h *syncv1.Health) *syncv1.Health {
	return &syncv1.Health{
		Troubles: h.GetTroubles(), Transport: h.GetTransport(), AgentVersion: h.GetAgentVersion(),
		ConfigurationVersion: h.GetConfigurationVersion(),
	}
}

// sameMagnitude tells whether a duration is about the one that was told.
func sameMagnitude(before, now uint32) bool {
	was, is := uint64(max(before, noticeable)), uint64(max(now, noticeable))
	return is <= otherMagnitude*was && was <= otherMagnitude*is
}
