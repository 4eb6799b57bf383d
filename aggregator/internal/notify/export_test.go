// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net/http"
	"net/netip"
	"time"
)

// Hurry has a notifier look after things all the time.
func (n *Notifier) Hurry() {
	n.pace = pace{tail: 2 * time.Millisecond, survey: 5 * time.Millisecond, save: 5 * time.Millisecond, lease: 5 * time.Second, beat: 10 * time.Millisecond}
}

// Backoff is backoff.
func Backoff(first, last time.Duration, attempt int) time.Duration {
	return backoff(first, last, attempt)
}

// CheckAddr is checkAddr.
func CheckAddr(ip netip.Addr, plain bool) error { return checkAddr(ip, plain) }

// RetryAfter is retryAfter.
func RetryAfter(got *http.Response, now time.Time) time.Duration { return retryAfter(got, now) }

// File writes lines to a file that is rotated.
type File struct{ f file }

// NewFile returns one.
func NewFile(path string, most int64, keep int) *File {
	return &File{file{path: path, max: most, keep: keep}}
}

// Write appends lines.
func (f *File) Write(lines ...string) error {
	var all [][]byte
	for _, l := range lines {
		all = append(all, []byte(l))
	}
	return f.f.write(all)
}

// Close closes it.
func (f *File) Close() { f.f.close() }

// UntilTail is untilTail of a look each 250 ms.
func UntilTail(sinks int) time.Duration {
	return pace{tail: 250 * time.Millisecond, survey: time.Second}.untilTail(sinks)
}

// UntilBeat is untilBeat of a minute.
func UntilBeat(answered int) time.Duration { return pace{beat: time.Minute}.untilBeat(answered) }
