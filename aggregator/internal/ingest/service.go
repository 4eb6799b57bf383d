// SPDX-License-Identifier: Apache-2.0

// Package ingest is the sync protocol in front of commit: it knows who calls, reads messages within their limits and
// says no in a way that an agent can act on. One Service stands behind both listeners. docs/protocol.md has the rules.
package ingest

import (
	"log/slog"
	"net/netip"
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
	// TrustedProxies are believed when they say for whom they forward a call to the Connect listener.
	TrustedProxies []netip.Prefix
	Registerer     prometheus.Registerer
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
	secrets *expiring[auth.Digest, struct{}] // of enrolments, that were good
	offers  *offers
	room    *room
	gates   *gates
	pace    *pace
	outage  *outage
	ended   ended

	refusals refusals

	configurations configurations

	metrics *metrics
}

// headKey names a head.
type headKey struct {
	machine int64
	source  int32
}

// knownHead is what a check-in has to know of its head to be written without reading it.
type knownHead struct {
	id   int64
	ip   string
	unit int64 // meta business unit in the head's tree; 0: none
}

const (
	headLifetime   = time.Hour
	sourceLifetime = time.Hour
	cachedCallers  = 200_000
	cachedSecrets  = 1000
)

// New returns the service over a store and a committer.
func New(s *store.Store, committer *commit.Committer, options Options, log *slog.Logger) *Service {
	service := &Service{
		store: s, committer: committer, options: options, log: log,
		callers: newExpiring[auth.Digest, caller](cachedCallers, watchedLifetime),
		sources: newExpiring[string, store.Source](1000, sourceLifetime),
		heads:   newExpiring[headKey, knownHead](cachedCallers, headLifetime),
		secrets: newExpiring[auth.Digest, struct{}](cachedSecrets, callerLifetime),
		offers:  newOffers(),
		room:    newRoom(),
		pace:    newPace(options.Interval),
		outage:  &outage{log: log},
		metrics: newMetrics(options.Registerer),
	}
	service.gates = newGates(int(s.PoolStats().Max), service.metrics.watch)
	service.metrics.observe(options.Registerer, service)
	return service
}

// Forget drops what was read from the database before: another one is behind its address now, and ids of the one
// before may name something else in it.
func (s *Service) Forget() {
	s.callers.clear()
	s.sources.clear()
	s.heads.clear()
	s.secrets.clear()
	s.offers.clear()
	s.configurations.Store(nil)
}
