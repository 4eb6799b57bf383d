// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// maxIdentityBytes bounds serial numbers, references and the names of sources.
const maxIdentityBytes = 256

// canonicalLayout reads what normal.ParseDatetime returns.
const canonicalLayout = "2006-01-02T15:04:05.999999"

// identify takes the keys that name machine and source out of the message and
// checks that they can.
func (s *Submitted) identify() error {
	snap := s.Snapshot
	s.Source = Source{Module: snap.GetSource().GetModule(), Name: snap.GetSource().GetName(), Config: snap.GetSource().GetConfig()}
	s.SerialNumber = snap.GetSerialNumber()
	s.Reference = snap.GetReference()
	s.Platform = snap.GetPlatform()
	s.Type = snap.GetType()
	for _, id := range []struct {
		path, text string
		required   bool
	}{
		{"source.module", s.Source.Module, true},
		{"source.name", s.Source.Name, true},
		{"serial_number", s.SerialNumber, true},
		{"reference", s.Reference, false},
	} {
		if err := checkIdentity(id.path, id.text, id.required); err != nil {
			return err
		}
	}
	if snap.GetPublicIpAddress() == "" {
		return nil
	}
	ip, err := netip.ParseAddr(snap.GetPublicIpAddress())
	if err != nil {
		return refuse("public_ip_address", "not an IP address")
	}
	s.PublicIP = ip.Unmap().WithZone("").String()
	return nil
}

func checkIdentity(path, text string, required bool) error {
	switch {
	case required && strings.TrimSpace(text) == "":
		return refuse(path, "must not be empty")
	case len(text) > maxIdentityBytes:
		return tooLarge(path, "string of %d bytes, the limit is %d", len(text), maxIdentityBytes)
	case strings.ContainsFunc(text, unicode.IsControl):
		return refuse(path, "holds a control character")
	}
	return nil
}

// lastSeen reads the moment of the report. As the contract has it, whatever is
// not a time is passed over.
func (p *parser) lastSeen(s *Submitted) error {
	var raw json.RawMessage
	if err := p.decoder.Decode(&raw); err != nil {
		return p.syntax(err)
	}
	if at, ok := momentOf(raw); ok {
		s.LastSeen = &at
	}
	return nil
}

// momentOf returns the moment that a JSON value spells, false when it spells none.
func momentOf(raw json.RawMessage) (time.Time, bool) {
	var text string
	if len(raw) > maxIdentityBytes || json.Unmarshal(raw, &text) != nil {
		return time.Time{}, false
	}
	canonical, err := normal.ParseDatetime(text)
	if err != nil {
		return time.Time{}, false
	}
	at, err := time.Parse(canonicalLayout, canonical)
	return at, err == nil
}

// systemUptime reads seconds since the machine started.
func (p *parser) systemUptime(s *Submitted) error {
	token, err := p.next()
	if err != nil || token == nil {
		return err
	}
	if _, open := token.(json.Delim); open {
		return p.wrongType("an integer", token)
	}
	seconds, err := p.integer(token)
	if err != nil {
		return err
	}
	if seconds < 0 {
		return p.refuse("must not be negative")
	}
	s.SystemUptime = &seconds
	return nil
}
