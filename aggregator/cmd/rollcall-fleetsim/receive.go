// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// receiveShutdown is how long requests under way may take once the program is to end.
const receiveShutdown = 5 * time.Second

// receive is the other end of a webhook: it takes every event, and says at its end how many came. It verifies nothing.
func (c *cli) receive(ctx context.Context, stdout io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Receive.Listen)
	if err != nil {
		return err
	}
	var events, size atomic.Int64
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if err == nil {
				events.Add(1)
				size.Add(n)
			}
		}),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "Events are taken at http://%s/.\n", listener.Addr())
	select {
	case err = <-ended:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveShutdown)
		defer cancel()
		err = server.Shutdown(stop)
	}
	fmt.Fprintf(stdout, "%d events, %d bytes.\n", events.Load(), size.Load())
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
