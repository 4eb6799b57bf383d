// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bufio"
	"context"
	"io"
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/feed"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// lines writes events as JSON, one on each line. It implements outlet. It gives nothing up: what cannot be written is
// written when it can be.
type lines struct {
	*runner
	out sink

	mu sync.Mutex
	at store.Position
}

// sink is a file that is rotated, or a stream.
type sink interface {
	// write appends whole lines, and returns once they are durable. After an error a line may be torn; the next call
	// ends it first.
	write(lines [][]byte) error
	close()
}

func (r *runner) openLines() *lines {
	l := &lines{runner: r, at: r.lease.Position}
	if r.sink.Path == "-" {
		l.out = &stream{out: r.options.Stdout}
	} else {
		l.out = &file{path: r.sink.Path, max: int64(r.sink.MaxMiB) << 20, keep: r.sink.Keep}
	}
	return l
}

func (l *lines) settled() store.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

func (l *lines) wait() { l.out.close() }

// push implements outlet.
func (l *lines) push(ctx context.Context, batches []feed.Batch, next store.Position) error {
	var all [][]byte
	for i := range batches {
		for j := range batches[i].Events {
			all = append(all, line(&batches[i].Events[j], l.probes))
		}
	}
	if err := l.write(ctx, all); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = next
	return nil
}

func (l *lines) beat(ctx context.Context, events []event.Event) error {
	all := make([][]byte, len(events))
	for i := range events {
		all[i] = line(&events[i], l.probes)
	}
	return l.write(ctx, all)
}

// replay implements outlet: there are no dead letters of a file.
func (*lines) replay(context.Context, []store.DeadLetter) bool { return false }

// write tries until it works; the error is that of ctx.
func (l *lines) write(ctx context.Context, all [][]byte) error {
	for attempt := 1; len(all) > 0; attempt++ {
		done := l.meters.time(l.name)
		err := l.out.write(all)
		done(err == nil)
		l.tally.count(err)
		if err == nil {
			l.tally.delivered(len(all))
			break
		}
		if attempt == 1 {
			l.log.Error("events cannot be written", "sink", l.name, "err", err)
		}
		if err := sleep(ctx, backoff(l.sink.FirstRetry, l.sink.LastRetry, attempt)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// stream is standard output, or what stands for it.
type stream struct {
	out  io.Writer
	torn bool
}

func (s *stream) write(all [][]byte) error {
	out := bufio.NewWriterSize(s.out, 64<<10)
	if s.torn {
		_ = out.WriteByte('\n') // bufio keeps the error
	}
	s.torn = true
	for _, line := range all {
		_, _ = out.Write(line) // bufio keeps the error
		_ = out.WriteByte('\n')
	}
	if err := out.Flush(); err != nil {
		return err
	}
	s.torn = false
	if file, ok := s.out.(interface{ Sync() error }); ok {
		_ = file.Sync() // a pipe or a terminal has nothing to sync
	}
	return nil
}

func (*stream) close() {}
