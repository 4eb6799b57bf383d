// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Limits bound a submitted tree. They hold while it is read, before anything
// large is built from it. A zero limit allows nothing.
type Limits struct {
	Bytes       int // of the whole text
	Rows        int // elements of all lists together
	StringBytes int // of one string after its escapes are resolved; free JSON has its body's limit
	Depth       int // of objects in objects
}

// DefaultLimits returns what the open door allows: the contract's largest
// request, and several times the rows of the largest known machine.
func DefaultLimits() Limits {
	return Limits{Bytes: 10 << 20, Rows: 100_000, StringBytes: 64 << 10, Depth: 16}
}

// Source says who reported a tree.
type Source struct {
	Module string
	Name   string
	Config string // canonical JSON of an object; "" when there is none
}

// Submitted is a tree that was read and found good.
type Submitted struct {
	Source       Source
	SerialNumber string
	Reference    string
	PublicIP     string     // canonical; "" when not given
	Platform     string     // as submitted; Infer comes first
	Type         string     // as submitted; Infer comes first
	LastSeen     *time.Time // nil when not given or not a time: the server's time counts then
	SystemUptime *int64     // seconds
	// Snapshot is the message that was read, rows in the order submitted and with
	// repetitions. Sections is what it means.
	Snapshot *inventoryv1.Snapshot
	Sections snapshot.Sections
}

// Parse reads one tree: valid UTF-8 without NUL, every key known, of its type
// and given once, required keys there. Nulls, empty lists and empty objects
// outside free JSON count as not given. Integers may be written as strings of
// digits, datetimes in any spelling. Every refusal is an *Error.
func Parse(raw []byte, limits Limits) (*Submitted, error) {
	if len(raw) > limits.Bytes {
		return nil, tooLarge("", "%d bytes, the limit is %d", len(raw), limits.Bytes)
	}
	if !utf8.Valid(raw) {
		return nil, refuse("", "not valid UTF-8")
	}
	p := &parser{decoder: json.NewDecoder(bytes.NewReader(raw)), limits: limits}
	p.decoder.UseNumber()
	s := &Submitted{Snapshot: &inventoryv1.Snapshot{}}
	p.extra = map[string]func() error{
		"last_seen":     func() error { return p.lastSeen(s) },
		"system_uptime": func() error { return p.systemUptime(s) },
	}
	if err := p.document(s.Snapshot.ProtoReflect()); err != nil {
		return nil, err
	}
	if err := s.identify(); err != nil {
		return nil, err
	}
	return s, s.split()
}

// document reads the top-level object and sees that nothing follows.
func (p *parser) document(m protoreflect.Message) error {
	open, err := p.next()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return p.wrongType("an object", open)
	}
	if _, err := p.object(m); err != nil {
		return err
	}
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return refuse("", "text after the object")
	}
	return nil
}

// split cuts the message into sections.
func (s *Submitted) split() error {
	sections, err := snapshot.Split(s.Snapshot)
	if err != nil {
		return refuseFact("", err)
	}
	s.Sections = sections
	return nil
}
