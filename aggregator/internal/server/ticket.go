// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// ticketPeriod is how long one key encrypts the tickets with which clients resume their TLS session. A ticket can be
	// used for ticketPeriods of them: Go's own life-time of a ticket is seven days.
	ticketPeriod  = 24 * time.Hour
	ticketPeriods = 7
	// minTicketSecret is the least that a secret for tickets holds, in bytes.
	minTicketSecret = 32
)

// tickets are the keys of session tickets, made from a secret and the time. Whoever has the secret has the same keys:
// a client resumes the session at any aggregator, before and after its restart.
type tickets struct{ secret []byte }

// openTickets reads the secret; an empty file name gives none.
func openTickets(file string) (*tickets, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // without a secret each listener draws keys of its own
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("secret of TLS session tickets: %w", err)
	}
	if raw = bytes.TrimSpace(raw); len(raw) < minTicketSecret {
		return nil, fmt.Errorf("secret of TLS session tickets: %s holds %d bytes, at least %d random ones are needed", file, len(raw), minTicketSecret)
	}
	return &tickets{secret: raw}, nil
}

// keys returns the keys that are good at a time: that of its period first, which encrypts, then the ones before, and the
// next one, which another aggregator's clock may have come to.
func (t *tickets) keys(now time.Time) ([][32]byte, error) {
	period := now.Unix() / int64(ticketPeriod/time.Second)
	keys := make([][32]byte, 0, ticketPeriods+1)
	for age := range int64(ticketPeriods) {
		key, err := t.key(period - age)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	next, err := t.key(period + 1)
	return append(keys, next), err
}

func (t *tickets) key(period int64) (key [32]byte, err error) {
	raw, err := hkdf.Key(sha256.New, t.secret, nil, "rollcall TLS session ticket "+strconv.FormatInt(period, 10), len(key))
	copy(key[:], raw)
	return key, err
}

// renewed returns a function for tls.Config.GetConfigForClient that answers with config, whose keys follow the time.
// The config is always the same one, since keys belong to it and libraries copy what they are given.
func (t *tickets) renewed(config *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	var mu sync.Mutex
	var made int64 // period of the keys in use
	return func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if period := now.Unix() / int64(ticketPeriod/time.Second); period != made {
			keys, err := t.keys(now)
			if err != nil {
				return nil, err
			}
			config.SetSessionTicketKeys(keys)
			made = period
		}
		return config, nil
	}
}
