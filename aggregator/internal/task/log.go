// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// failures logs each run that failed, once.
type failures struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (f *failures) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	f.failed(job, "err", err)
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (f *failures) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	f.failed(job, "err", fmt.Sprintf("panic: %v", value), "stack", trace)
	return nil
}

func (f *failures) failed(job *rivertype.JobRow, attrs ...any) {
	attrs = append([]any{"task", job.Kind, "id", job.ID, "attempt", job.Attempt}, attrs...)
	if job.Attempt < job.MaxAttempts {
		f.log.Warn("task failed, and will be tried again", attrs...)
		return
	}
	f.log.Error("task failed", attrs...)
}

// quietFor is how long River is not listened to after it had something to say: while the database is away each of its
// parts complains every second.
const quietFor = time.Minute

// warnings passes on what River warns of, its daily work left out, and of many warnings in a row the first.
func warnings(log *slog.Logger) *slog.Logger {
	return slog.New(&warningHandler{to: log.Handler(), last: &atomic.Int64{}})
}

type warningHandler struct {
	to   slog.Handler
	last *atomic.Int64 // when something was passed on, in Unix nanoseconds
}

// Enabled implements slog.Handler.
func (h *warningHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.to.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *warningHandler) Handle(ctx context.Context, r slog.Record) error {
	last := h.last.Load()
	if r.Time.UnixNano()-last < int64(quietFor) || !h.last.CompareAndSwap(last, r.Time.UnixNano()) {
		return nil
	}
	passed := slog.NewRecord(r.Time, slog.LevelWarn, "task queue in trouble", r.PC)
	passed.AddAttrs(slog.String("what", r.Message))
	r.Attrs(func(a slog.Attr) bool { passed.AddAttrs(a); return true })
	return h.to.Handle(ctx, passed)
}

// WithAttrs implements slog.Handler.
func (h *warningHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &warningHandler{to: h.to.WithAttrs(attrs), last: h.last}
}

// WithGroup implements slog.Handler.
func (h *warningHandler) WithGroup(name string) slog.Handler {
	return &warningHandler{to: h.to.WithGroup(name), last: h.last}
}
