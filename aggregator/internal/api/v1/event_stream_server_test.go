// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/server"
)

// clientOf speaks one version of HTTP, without TLS.
func clientOf(http2 bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	return &http.Client{Transport: &http.Transport{Protocols: protocols}}
}

func TestStreamsGoThroughTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	listeners, err := server.Listen(t.Context(), "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{
		Listeners: listeners, Mux: w.Mux, OnShutdown: w.Doors.Stop, Register: func(*grpc.Server) {},
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(stop)

	w.Settle()
	var streams []*live
	for _, http2 := range []bool{false, true} {
		streams = append(streams, w.listenWith(clientOf(http2), "http://"+listeners.HTTP.Addr().String(), w.Tokens[auth.Admin], ""))
	}
	w.rename("S1", "one")
	for _, l := range streams {
		l.want("add_machine S1")
	}
	stop()
	for _, l := range streams {
		l.want("")
	}
	if err := <-done; err != nil {
		t.Errorf("the server ends with %v", err)
	}
}

func TestStreamsOutliveTheLimitsOfAnswers(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second // of a server that is stricter than ours
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2: ", http2), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			strict := httptest.NewUnstartedServer(w.Mux)
			strict.Config.ReadTimeout, strict.Config.WriteTimeout = limit, limit
			strict.Config.Protocols = new(http.Protocols)
			strict.Config.Protocols.SetHTTP1(true)
			strict.Config.Protocols.SetUnencryptedHTTP2(true)
			strict.Start()
			t.Cleanup(strict.Close)
			t.Cleanup(w.Doors.Stop)
			w.Settle()
			began := time.Now()
			l := w.listenWith(clientOf(http2), strict.URL, w.Tokens[auth.Admin], "type=add_machine")
			for i := 0; time.Since(began) < 2*limit; i++ {
				serial := fmt.Sprint("S", i)
				w.rename(serial, "one")
				l.want("add_machine " + serial)
			}
		})
	}
}
