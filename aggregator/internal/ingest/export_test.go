// SPDX-License-Identifier: Apache-2.0

package ingest

import "time"

// SetStalled makes slow senders lose their place sooner.
func (s *Service) SetStalled(d time.Duration) {
	s.gates.large.mu.Lock()
	defer s.gates.large.mu.Unlock()
	s.gates.large.stalled = d
}

// Receiving returns how many pushes are being received.
func (s *Service) Receiving() int { busy, _ := s.gates.large.load(); return busy }

// Queued returns how many commits of whole sections are under way, and how many wait for their turn.
func (s *Service) Queued() (busy, waiting int) { return s.gates.sections.load() }

// LargeIntake is how many pushes may be received at once.
const LargeIntake = largeIntake
