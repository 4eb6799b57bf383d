// SPDX-License-Identifier: Apache-2.0

//go:build unix

package postgres

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

const (
	tailLines    = 8    // lines of the server kept for an error message
	maxLineBytes = 4096 // a longer line is cut
)

// serverLog passes what the server writes to the log, line by line, and keeps the last lines for error messages.
type serverLog struct {
	log *slog.Logger

	mu      sync.Mutex
	partial []byte
	last    []string
}

// Write never fails: the server must not stall on its log.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := p
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if room := maxLineBytes - len(l.partial); len(line) > room {
			line = line[:max(room, 0)]
		}
		l.partial = append(l.partial, line...)
		if !found {
			return len(p), nil
		}
		l.line(string(l.partial))
		l.partial, rest = l.partial[:0], after
	}
}

func (l *serverLog) line(text string) {
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	l.last = append(l.last, text)
	if len(l.last) > tailLines {
		l.last = l.last[1:]
	}
	switch severity, _, _ := strings.Cut(text, ":"); severity {
	case "PANIC", "WARNING":
		l.log.Warn("postgres", "line", text)
	default: // an ERROR or FATAL reaches the client that caused it
		l.log.Debug("postgres", "line", text)
	}
}

func (l *serverLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, " | ")
}

func (l *serverLog) contains(text string) bool { return strings.Contains(l.tail(), text) }
