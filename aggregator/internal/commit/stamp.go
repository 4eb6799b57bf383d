// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Stamp is the order of an agent's request, as received.
type Stamp struct {
	Instance []byte
	Counter  uint64
	Resync   bool   // the agent was told that it is behind and raised its counter
	Resumes  []byte // with Resync: the instance that was told so
}

// verdict is what a stamp means for a head.
type verdict int

const (
	accept   verdict = iota // follows the last accepted request of the same process
	takeOver                // the first request of another process
	repeat                  // the last accepted request again
	stale                   // overtaken: a delayed duplicate, or a machine that was set back
	conflict                // a process that was taken over from is still alive: a clone
)

// judge compares a stamp with the head.
//
// An agent stores its counter before a request leaves, so a process that starts anew begins above everything that its
// predecessors sent. A request of a predecessor that arrives late is therefore below the first counter of the process
// that took over; one at or above it was sent by a process that lives on beside it.
func judge(head *store.Head, s Stamp) verdict {
	switch {
	case head.ID == 0:
		return takeOver
	case bytes.Equal(head.Instance, s.Instance):
		return judgeSame(head.Counter, s.Counter)
	}
	for _, old := range head.Superseded {
		if bytes.Equal(old.Instance, s.Instance) {
			if s.Counter >= old.Since {
				return conflict
			}
			return stale
		}
	}
	switch {
	case s.Counter <= head.Counter:
		return stale
	case alternates(head, s):
		return conflict
	default:
		return takeOver
	}
}

func judgeSame(last, counter uint64) verdict {
	switch {
	case counter > last:
		return accept
	case counter == last:
		return repeat
	default:
		return stale
	}
}

// resumed returns the process that a resynchronising one goes on from, when the head knew it: then it is the machine
// that was there first, and whoever took over from it is the one made from its image. It is nil for a process that the
// head never knew: that one comes from an old image itself.
func resumed(head *store.Head, s Stamp) []byte {
	if !s.Resync || len(s.Resumes) == 0 { // a head whose process was let go has an empty name too
		return nil
	}
	if bytes.Equal(head.Instance, s.Resumes) {
		return s.Resumes
	}
	for _, old := range head.Superseded {
		if bytes.Equal(old.Instance, s.Resumes) {
			return s.Resumes
		}
	}
	return nil
}

// alternates tells whether two machines take turns in coming back: the head's process came back as an older line, and
// now another line does that it had displaced. A machine that is set back again and again comes back as one line.
func alternates(head *store.Head, s Stamp) bool {
	back := resumed(head, s)
	return back != nil && len(head.Resumed) > 0 && !bytes.Equal(back, head.Resumed) && !bytes.Equal(back, head.Instance)
}

// newcomer returns the process that has to enrol under another identity when instance conflicts with the head's: the
// head's, since it took over last, unless it came back as the older line.
func newcomer(head *store.Head, instance []byte) []byte {
	if len(head.Resumed) > 0 {
		return instance
	}
	return head.Instance
}
