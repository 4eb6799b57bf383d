// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const (
	// maxRoom bounds the memory of all calls that are under way, in bytes. The largest push fits with some to spare.
	maxRoom = 96 << 20
	// messageWeight is how often the bytes of a message are in memory while it is being committed: as received, as
	// decoded, as written to the database.
	messageWeight = 4
	// idWeight is what an asset id weighs beside that, for its entry in the dictionary's answer.
	idWeight = 160
	// bodyWeight is what a body weighs beside its bytes.
	bodyWeight = 200
	// maxCallsEach bounds the calls that one credential has under way. An agent makes one at a time; a call that it gave
	// up may still wait for the database.
	maxCallsEach = 4
	// maxCallsUnknown is the same for all callers without a credential together.
	maxCallsUnknown = 64
	// retryBusy is how long an agent waits when there is no room.
	retryBusy = 2 * time.Second
)

// room bounds what calls hold in memory. Whoever finds none is sent away and comes back, so nobody waits for anybody.
type room struct {
	mu    sync.Mutex
	free  int64
	calls map[auth.Digest]int
}

func newRoom() *room { return &room{free: maxRoom, calls: map[auth.Digest]int{}} }

// enter counts a call of a credential; the zero digest stands for callers without one.
func (r *room) enter(credential auth.Digest) bool {
	most := maxCallsEach
	if credential == (auth.Digest{}) {
		most = maxCallsUnknown
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[credential] >= most {
		return false
	}
	r.calls[credential]++
	return true
}

func (r *room) leave(credential auth.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[credential]--; r.calls[credential] <= 0 {
		delete(r.calls, credential)
	}
}

func (r *room) take(bytes int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes > r.free {
		return false
	}
	r.free -= bytes
	return true
}

func (r *room) give(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += bytes
}
