// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/server"
)

func TestStandardOutputHasNothingButEventsWhenASinkWritesThere(t *testing.T) {
	t.Parallel()
	listeners, err := server.Listen(t.Context(), "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = listeners.HTTP.Close(), listeners.GRPC.Close() })
	for path, quiet := range map[string]bool{"-": true, "/events.jsonl": false} {
		var out, beside bytes.Buffer
		p := &program{out: &out, err: &beside, log: slog.New(slog.DiscardHandler)}
		c := &config.Serve{}
		c.Sinks = config.Sinks{{Name: "a", Kind: config.FileSink, Path: path}}
		p.announce(c, listeners)
		if (out.Len() == 0) != quiet || (beside.Len() == 0) == quiet {
			t.Errorf("%s: printed %q, and beside it %q", path, &out, &beside)
		}
	}
}
