// SPDX-License-Identifier: Apache-2.0

package store

import "time"

// PoolStats is how busy the connections to the database are.
type PoolStats struct {
	Max, Open, InUse int32
	Acquired         int64         // since the start
	Waited           int64         // acquisitions that found no free connection
	WaitTime         time.Duration // of all acquisitions together
}

// PoolStats returns the state of the connections as it is now.
func (s *Store) PoolStats() PoolStats {
	st := s.pool.Stat()
	return PoolStats{
		Max: st.MaxConns(), Open: st.TotalConns(), InUse: st.AcquiredConns(),
		Acquired: st.AcquireCount(), Waited: st.EmptyAcquireCount(), WaitTime: st.AcquireDuration(),
	}
}
