// SPDX-License-Identifier: Apache-2.0

package task

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestOfManyWarningsTheFirstIsPassedOn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := warnings(slog.New(slog.NewTextHandler(&out, nil))).With("client", 7).Handler()
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, r := range []struct {
		after   time.Duration
		level   slog.Level
		message string
	}{
		{0, slog.LevelInfo, "daily"},
		{0, slog.LevelError, "first"},
		{time.Second, slog.LevelError, "second"},
		{quietFor + time.Second, slog.LevelWarn, "later"},
	} {
		if h.Enabled(t.Context(), r.level) {
			if err := h.Handle(t.Context(), slog.NewRecord(start.Add(r.after), r.level, r.message, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := out.String()
	for message, want := range map[string]bool{"daily": false, "what=first": true, "what=second": false, "what=later": true, "client=7": true} {
		if strings.Contains(got, message) != want {
			t.Errorf("%s is there: %v, want %v in\n%s", message, !want, want, got)
		}
	}
}
