// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// outage notices that the database does not do its part, and that it does again, and says each once. Meanwhile agents
// are told to come back within a time as long as it has lasted, so that they come evenly when it is over. It is safe for
// concurrent use.
type outage struct {
	log *slog.Logger

	on      atomic.Bool
	mu      sync.Mutex
	since   time.Time // zero: none
	latest  time.Time // failure
	refused int
}

// retryUnavailable is the least that agents are asked to wait for the database.
const retryUnavailable = 5 * time.Second

// failed books a call that failed for the database's sake.
func (o *outage) failed(c *call, cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.latest = time.Now()
	o.refused++
	if !o.since.IsZero() {
		return
	}
	o.since = o.latest
	o.on.Store(true)
	o.log.Error("call failed; others that fail until one succeeds are only counted",
		"method", c.method, "serial_number", c.caller.Serial, "err", cause)
}

// served books a call that needed the database and got what it needed. One that began before the latest failure says
// nothing.
func (o *outage) served(c *call) {
	if !o.on.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || c.started.Before(o.latest) {
		return
	}
	if o.refused > 1 {
		o.log.Info("calls succeed again", "failed", o.refused, "after", time.Since(o.since).Round(time.Millisecond))
	}
	o.since, o.refused = time.Time{}, 0
	o.on.Store(false)
}

// retry returns how long the next agent is to wait.
func (o *outage) retry() time.Duration {
	o.mu.Lock()
	lasted := time.Duration(0)
	if !o.since.IsZero() {
		lasted = time.Since(o.since)
	}
	o.mu.Unlock()
	return retryUnavailable + time.Duration(rand.Float64()*float64(min(max(lasted, retryUnavailable), maxRetry-retryUnavailable)))
}
