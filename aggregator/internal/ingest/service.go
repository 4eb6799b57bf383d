// SPDX-License-Identifier: Apache-2.0

// Package ingest is the sync protocol in front of commit: it knows who calls, reads messages within their limits and
// says no in a way that an agent can act on. One Service stands behind both listeners. docs/protocol.md has the rules.
package ingest

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Options are what an operator decides.
type Options struct {
	Interval      time.Duration // between check-ins of one agent
	GRPCAdvertise string        // host:port of the native listener; an empty host is the one the agent calls anyway
	Registerer    prometheus.Registerer
}

// Service answers the calls of rollcall.sync.v1.SyncService. It is safe for concurrent use.
type Service struct {
	store     *store.Store
	committer *commit.Committer
	options   Options
	log       *slog.Logger

	callers *expiring[auth.Digest, caller]
	sources *expiring[string, store.Source]
	heads   *expiring[headKey, knownHead]
	offers  *offers
	room    *room
	metrics *metrics
}

// headKey names a head.
type headKey struct {
	machine int64
	source  int32
}

// knownHead is what a check-in has to know of its head to be written without reading it.
type knownHead struct {
	id int64
	ip string
}

const (
	// A frozen or revoked credential of another aggregator's doing is noticed after this long at a check-in; pushes ask
	// the database.
	callerLifetime = 30 * time.Second
	headLifetime   = 10 * time.Minute
	sourceLifetime = time.Hour
	cachedCallers  = 200_000
)

// New returns the service over a store and a committer.
func New(s *store.Store, committer *commit.Committer, options Options, log *slog.Logger) *Service {
	return &Service{
		store: s, committer: committer, options: options, log: log,
		callers: newExpiring[auth.Digest, caller](cachedCallers, callerLifetime),
		sources: newExpiring[string, store.Source](1000, sourceLifetime),
		heads:   newExpiring[headKey, knownHead](cachedCallers, headLifetime),
		offers:  newOffers(),
		room:    newRoom(),
		metrics: newMetrics(options.Registerer),
	}
}

// Forget drops what was read from the database before: another one is behind its address now, and ids of the one
// before may name something else in it.
func (s *Service) Forget() {
	s.callers.clear()
	s.sources.clear()
	s.heads.clear()
	s.offers.clear()
}

// interval returns the seconds until an agent's next check-in, spread by a tenth each way so that agents that started
// together drift apart.
func (s *Service) interval() uint32 {
	spread := 0.9 + 0.2*rand.Float64()
	return uint32(max(1, s.options.Interval.Seconds()*spread))
}
