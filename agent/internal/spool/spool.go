// SPDX-License-Identifier: Apache-2.0

// Package spool remembers, in the state folder, what the aggregator has acknowledged and what it has not: the digests
// and asset ids of acknowledged sections, at most one pending snapshot per source, and the request counter.
//
// It survives a kill at any point. A file that is damaged counts as missing: then whole sections travel next time,
// which costs bytes and loses nothing. It does not talk to anybody and never decides what to send.
package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
)

const (
	// folder is the spool's place in the state folder.
	folder = "spool/"
	// counterName is the file that holds the highest reserved counter.
	counterName = folder + "counter"
	// block is how many counters one write to disk reserves.
	block = 64
	// maxFileBytes bounds every file of the spool.
	maxFileBytes = 64 << 20
)

// Spool is safe for concurrent use. It belongs to the process that holds the state folder's lock.
type Spool struct {
	dir *state.Dir
	log *slog.Logger

	mu       sync.Mutex
	last     uint64 // last counter handed out
	reserved uint64 // highest counter that the disk knows
}

// Open returns the spool inside a locked state folder. Counters go on above the highest one reserved before.
func Open(dir *state.Dir, log *slog.Logger) (*Spool, error) {
	s := &Spool{dir: dir, log: log}
	payload, err := s.read(counterName)
	if err != nil {
		return nil, err
	}
	if len(payload) == 8 {
		s.reserved = binary.BigEndian.Uint64(payload)
	}
	s.last = s.reserved
	return s, nil
}

// Next returns a counter above every one returned before, by this process or an earlier one: when it returns, the disk
// knows of it. Most calls touch no disk, because counters are reserved in blocks.
func (s *Spool) Next() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last >= s.reserved {
		if err := s.reserve(s.last + block); err != nil {
			return 0, err
		}
	}
	s.last++
	return s.last, nil
}

// Raise makes the next counter lie above the one given.
func (s *Spool) Raise(above uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if above <= s.last {
		return nil
	}
	if err := s.reserve(above + block); err != nil {
		return err
	}
	s.last = above
	return nil
}

// reserve stores a new upper bound of counters.
func (s *Spool) reserve(upTo uint64) error {
	if upTo < s.last {
		return errors.New("counters are used up")
	}
	if err := s.dir.Write(counterName, seal(binary.BigEndian.AppendUint64(nil, upTo))); err != nil {
		return fmt.Errorf("reserve counters: %w", err)
	}
	s.reserved = upTo
	return nil
}

// read returns a file's payload, nil when the file is missing or damaged.
func (s *Spool) read(name string) ([]byte, error) {
	raw, err := s.dir.Read(name, maxFileBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, state.ErrTooLarge):
		s.damaged(name, err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("spool: %w", err)
	}
	payload, err := unseal(raw)
	if err != nil {
		s.damaged(name, err)
		return nil, nil
	}
	return payload, nil
}

// damaged reports a file that is passed over.
func (s *Spool) damaged(name string, err error) {
	s.log.Warn("spool file is damaged and counts as missing", "file", name, "err", err)
}
