// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// message is one event on its way to a webhook. It is spelled out for each attempt, so that what waits takes no more
// room than the event itself.
type message struct {
	event  *event.Event
	letter *store.DeadLetter // instead: given up before, and to be delivered again
}

func (m *message) id() string {
	if m.letter != nil {
		return m.letter.EventID
	}
	return m.event.ID()
}

// lane is what events are kept in order by: the machine, or 0 for all that are about none.
func (m *message) lane() int64 {
	if m.letter != nil {
		return m.letter.Machine
	}
	return m.event.MachineID
}

// size is about how much memory the message holds, in bytes.
func (m *message) size() int {
	const rest = 512
	if m.letter != nil {
		return rest + len(m.letter.Event)
	}
	return rest + len(m.event.Payload) + len(m.event.Machine) + len(m.event.Request)
}

// data is the event as receivers get it, on one line.
func (m *message) data(probes json.RawMessage) []byte {
	if m.letter != nil {
		return m.letter.Event
	}
	return line(m.event, probes)
}

// line spells an event out on one line, without the end of it.
func line(e *event.Event, probes json.RawMessage) []byte {
	raw := e.AppendJSON(nil)
	if bytes.IndexByte(raw, '\n') >= 0 {
		var compact bytes.Buffer
		if json.Compact(&compact, raw) == nil { // payloads are valid JSON; a break in one would end the line
			raw = compact.Bytes()
		}
	}
	// The envelope comes last.
	if open, ok := bytes.CutSuffix(raw, []byte("}}")); ok && probes != nil {
		raw = append(open, `,"probes":`...)
		raw = append(append(raw, probes...), "}}"...)
	}
	return raw
}

// body is what a receiver is sent, as Standard Webhooks recommends it.
func (m *message) body(probes json.RawMessage) []byte {
	var name string
	var at time.Time
	if m.letter != nil {
		name, at = m.letter.Type, m.letter.HappenedAt
	} else {
		name, at = m.event.Type, m.event.At
	}
	data := m.data(probes)
	body := make([]byte, 0, len(data)+len(name)+64)
	body = append(body, `{"type":"`...) // types are made of lower-case letters and _
	body = append(body, name...)
	body = append(body, `","timestamp":"`...)
	body = at.UTC().AppendFormat(body, time.RFC3339Nano)
	body = append(body, `","data":`...)
	body = append(body, data...)
	return append(body, '}')
}

// dead is the message as it is kept when it is given up.
func (m *message) dead(sink string, probes json.RawMessage, attempts int, why string) store.DeadLetter {
	if m.letter != nil {
		again := *m.letter
		again.Attempts, again.LastError = attempts, why
		return again
	}
	return store.DeadLetter{
		Sink: sink, EventID: m.event.ID(), Type: m.event.Type, Machine: m.event.MachineID, SerialNumber: m.event.SerialNumber,
		HappenedAt: m.event.At, Attempts: attempts, LastError: why, Event: m.data(probes),
	}
}
