// SPDX-License-Identifier: Apache-2.0

package load

import (
	"crypto/tls"
	"testing"
)

func TestEverySessionServesOneConnection(t *testing.T) {
	t.Parallel()
	var s sessions
	first, second := &tls.ClientSessionState{}, &tls.ClientSessionState{}
	s.Put("server", first)
	s.Put("server", second)
	s.Put("server", nil)
	seen := map[*tls.ClientSessionState]bool{}
	for range 2 {
		session, ok := s.Get("server")
		if !ok || seen[session] {
			t.Errorf("got %v, %v a second time", session, ok)
		}
		seen[session] = true
	}
	if _, ok := s.Get("server"); ok {
		t.Error("there was a third session")
	}
}
