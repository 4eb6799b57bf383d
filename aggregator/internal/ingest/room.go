// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const (
	// maxRoom bounds the memory of all calls that are under way, in bytes; smallRoom of it is not for pushes. The largest
	// push fits into the rest.
	maxRoom   = 128 << 20
	smallRoom = 16 << 20
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
	// maxCallsUnknown is the same for all callers without a credential together, maxCallsAddress for those of one address.
	maxCallsUnknown = 512
	maxCallsAddress = 64
)

// room bounds what calls hold in memory. Whoever finds none is sent away and comes back, so nobody waits for anybody.
type room struct {
	mu        sync.Mutex
	free      int64
	calls     map[auth.Digest]int // the zero digest stands for callers without a credential
	addresses map[string]int      // of these
}

func newRoom() *room {
	return &room{free: maxRoom, calls: map[auth.Digest]int{}, addresses: map[string]int{}}
}

// enter counts a call. It answers with the reason why there may be no other now, empty when there may.
func (r *room) enter(c *caller) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.digest != (auth.Digest{}) {
		if r.calls[c.digest] >= maxCallsEach {
			return reasonCredential
		}
		r.calls[c.digest]++
		return ""
	}
	if r.calls[c.digest] >= maxCallsUnknown || r.addresses[c.ip] >= maxCallsAddress {
		return reasonAddress
	}
	r.calls[c.digest]++
	r.addresses[c.ip]++
	return ""
}

func (r *room) leave(c *caller) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls[c.digest]--; r.calls[c.digest] <= 0 {
		delete(r.calls, c.digest)
	}
	if c.digest != (auth.Digest{}) {
		return
	}
	if r.addresses[c.ip]--; r.addresses[c.ip] <= 0 {
		delete(r.addresses, c.ip)
	}
}

// taken returns the bytes in use.
func (r *room) taken() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maxRoom - r.free
}

// take takes so many bytes if so many others are free then.
func (r *room) take(bytes, others int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes > r.free-others {
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
