// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// memo remembers what one collector made of single files, as long as size, times and inode of a file stay the same, or
// of anything else that has a version. The zero memo is ready. It belongs to one run of the collector at a time and is not
// safe for concurrent use.
type memo struct {
	entries map[string]memoEntry
	round   int
}

// memoEntry is what was made of one version of something.
type memoEntry struct {
	version any
	value   any
	round   int // that used it last
}

// remember returns what parse makes of the file name, from memory while the file is the one that was parsed before. An
// error is not remembered. The value is shared between rounds: nobody may change it.
func remember[T any](m *memo, h host.Host, name string, parse func() (T, error)) (T, error) {
	stamp, err := host.StampOf(h.FS(), name)
	if err != nil {
		var none T
		return none, err
	}
	if !stamp.Before(time.Now().Add(-settle)) {
		return parse() // it may be written again within one tick of the clock, unseen
	}
	return rememberAs(m, name, stamp, parse)
}

// rememberAs returns what produce makes of a version of something, from memory while the version is the same.
func rememberAs[T any, V comparable](m *memo, name string, version V, produce func() (T, error)) (T, error) {
	if e, ok := m.entries[name]; ok && e.version == any(version) {
		e.round = m.round
		m.entries[name] = e
		return e.value.(T), nil
	}
	value, err := produce()
	if err != nil {
		return value, err
	}
	if m.entries == nil {
		m.entries = map[string]memoEntry{}
	}
	m.entries[name] = memoEntry{version: version, value: value, round: m.round}
	return value, nil
}

// sweep ends a round: files that nobody asked for in it are forgotten.
func (m *memo) sweep() {
	for name, e := range m.entries {
		if e.round != m.round {
			delete(m.entries, name)
		}
	}
	m.round++
}
