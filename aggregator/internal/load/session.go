// SPDX-License-Identifier: Apache-2.0

package load

import (
	"crypto/tls"
	"sync"
)

// maxSessions bounds the TLS sessions that are kept: one for each machine of a large fleet.
const maxSessions = 100_000

// sessions keeps TLS sessions of earlier connections, each for one later one. Machines take whichever there is: a server
// cannot tell. It is safe for concurrent use.
type sessions struct {
	mu   sync.Mutex
	kept []*tls.ClientSessionState
}

// Get implements tls.ClientSessionCache.
func (s *sessions) Get(string) (*tls.ClientSessionState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == 0 {
		return nil, false
	}
	last := len(s.kept) - 1
	session := s.kept[last]
	s.kept = s.kept[:last]
	return session, true
}

// Put implements tls.ClientSessionCache. A nil session says that one is not good for anything more; it has left already.
func (s *sessions) Put(_ string, session *tls.ClientSessionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session != nil && len(s.kept) < maxSessions {
		s.kept = append(s.kept, session)
	}
}
