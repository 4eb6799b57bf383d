// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// endedInterval is how soon a credential that another aggregator froze or revoked is refused at a check-in; pushes ask
	// the database.
	// Collection configurations are asked for as often.
	endedInterval = 5 * time.Second
	// callerLifetime is how long a credential counts as it was read while nobody hears of its end.
	callerLifetime = 30 * time.Second
	// watchedLifetime is the same while somebody does. What else belongs to it may change meanwhile: its business unit.
	watchedLifetime = time.Hour
)

// ended notes when the ends of credentials were last asked for. It is safe for concurrent use.
type ended struct{ heard atomic.Int64 } // Unix nanoseconds

// fresh tells whether nothing can have ended long ago without having been heard of.
func (e *ended) fresh() bool {
	return time.Since(time.Unix(0, e.heard.Load())) < callerLifetime
}

// Run watches for credentials that were ended and configurations that were changed elsewhere, until ctx ends. Without it they are looked up at every second
// check-in or so, which costs more than the check-in.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(endedInterval)
	defer tick.Stop()
	var since time.Time
	failing := false
	for {
		next, err := s.dropEnded(ctx, since)
		if err == nil {
			err = s.Reconfigure(ctx)
		}
		switch {
		case err == nil:
			since, failing = next, false
		case !failing && ctx.Err() == nil:
			s.log.Warn("ends of credentials and collection configurations not read", "err", err)
			failing = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// dropEnded forgets the credentials that ended since a moment, and returns the moment to ask from next time.
func (s *Service) dropEnded(ctx context.Context, since time.Time) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, maxAuthentication)
	defer cancel()
	asked := time.Now()
	digests, next, err := s.store.EndedCredentials(ctx, since)
	if err != nil {
		return time.Time{}, err
	}
	for _, digest := range digests {
		s.callers.drop(digest)
	}
	s.ended.heard.Store(asked.UnixNano())
	return next, nil
}
