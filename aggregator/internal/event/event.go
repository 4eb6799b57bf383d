// SPDX-License-Identifier: Apache-2.0

// Package event is what happened, as others are told of it: names, tags, payloads and the envelope of the outside
// contract, and the filters that choose among them. It is pure: what it tells it was given. It refuses to know where
// things come from and where they go: internal/feed reads them, internal/notify delivers them.
package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Event is one thing that happened. Whoever gets one shares it with others and changes nothing of it.
type Event struct {
	Batch     uuid.UUID // of all events of one cause; the same however often they are read
	Index     int       // place in the batch, from 0
	Type      string
	Namespace string
	Tags      []string // in order

	At    time.Time
	Naive bool // At is the event's own time, written without an offset

	MachineID    int64           // 0: about no machine
	SerialNumber string          // "": about no machine
	Machine      json.RawMessage // what is known of the machine; nil: nothing
	Objects      map[string][]string
	Request      json.RawMessage // who asked for it, and how; nil: nobody, or it is not known
	Payload      json.RawMessage // an object

	// What filters go by, beside type, tags and payload. They are not sent.
	Source      string // name of the source; "": of none
	Platform    string
	MachineTags []int64
}

// ID names an event for ever: a receiver that has seen it has seen the event.
func (e *Event) ID() string { return fmt.Sprintf("%s:%d", e.Batch, e.Index) }
