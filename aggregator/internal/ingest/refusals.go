// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

const (
	// refusalPause lies between two refused enrolments of one network for one reason that are recorded.
	refusalPause = time.Minute
	// mostRefusals is how many are recorded in a pause altogether, however many networks somebody has.
	mostRefusals = 60
	// refusalMemory is how long the refusals of a network are remembered that were not recorded.
	refusalMemory = time.Hour
)

// refusals chooses which refused enrolments are recorded: whoever guesses secrets must not fill the journal. The zero
// refusals is ready, and safe for concurrent use.
type refusals struct {
	mu       sync.Mutex
	seen     map[refusalKey]seenRefusal
	began    time.Time // of the pause
	recorded int       // in the pause
}

type refusalKey struct {
	reason  string
	network netip.Prefix
}

type seenRefusal struct {
	recorded time.Time
	since    int // how many there were since
}

// count tells how many refusals like it there were since the last one that was recorded, this one included, when it is
// to be recorded; else 0.
func (r *refusals) count(key refusalKey, now time.Time) (times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.began) >= refusalPause {
		r.began, r.recorded = now, 0
		r.forget(now)
	}
	seen, known := r.seen[key]
	if known && now.Sub(seen.recorded) < refusalPause || r.recorded >= mostRefusals {
		if known {
			seen.since++
			r.seen[key] = seen
		}
		return 0
	}
	r.recorded++
	r.seen[key] = seenRefusal{recorded: now}
	return seen.since + 1
}

// forget drops what says nothing any more.
func (r *refusals) forget(now time.Time) {
	if r.seen == nil {
		r.seen = map[refusalKey]seenRefusal{}
	}
	for key, seen := range r.seen {
		age := now.Sub(seen.recorded)
		if age >= refusalMemory || age >= refusalPause && seen.since == 0 {
			delete(r.seen, key)
		}
	}
}

// networkOf is what refusals are counted by: an address, and of IPv6 the network that one customer has.
func networkOf(ip string) netip.Prefix {
	address := addressOf(ip)
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits) // no address is the zero prefix
	return network
}

// tellRefusal counts a refused enrolment, and records it unless there were too many. Other errors it passes over.
func (s *Service) tellRefusal(ctx context.Context, err error, n store.NewCredential, req *syncv1.EnrollRequest) {
	reason := store.RefusalReason(err)
	if reason == "" {
		return
	}
	s.metrics.refusedEnrollments.WithLabelValues(reason).Inc()
	times := s.refusals.count(refusalKey{reason, networkOf(callerOf(ctx).ip)}, time.Now())
	if times == 0 {
		return
	}
	serial, _ := normal.Identity(req.GetEvidence()) // "" is none
	s.logged(ctx, "record a refused enrolment", s.store.RecordRefusal(ctx, store.RefusedEnrollment{
		Reason: reason, Secret: n.Secret, Enrollment: n.Enrollment, Serial: serial, Times: times, Request: callOf(ctx).request(),
	}))
}

// request is how the caller asked, for events.
func (c *call) request() *auth.Request {
	return auth.NewRequest("", addressOf(c.peer), http.MethodPost, "/"+syncv1connect.SyncServiceName+"/"+c.method, "")
}
