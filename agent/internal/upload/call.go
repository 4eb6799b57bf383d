// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"errors"
	"net"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

// maxCalls bounds the calls that are booked and not taken.
const maxCalls = 32

// call is one call of the service. It may run twice with the same request: the aggregator answers a repeat like the
// first time.
type call func(context.Context, syncv1connect.SyncServiceClient) error

// Call is what one call of the service moved over the socket, both ways; a first call also carries the connection's
// set-up.
type Call struct {
	Name          string `json:"call"`
	BytesSent     int64  `json:"bytes_sent"`
	BytesReceived int64  `json:"bytes_received"`
}

// TakeCalls returns the calls made since it was called last.
func (c *Client) TakeCalls() []Call {
	calls := c.calls
	c.calls = nil
	return calls
}

// do makes one call and books its bytes.
func (c *Client) do(ctx context.Context, name string, limit time.Duration, f call) error {
	sent, received := c.Bytes()
	err := c.reach(ctx, limit, f)
	sentAfter, receivedAfter := c.Bytes()
	if len(c.calls) < maxCalls {
		c.calls = append(c.calls, Call{Name: name, BytesSent: sentAfter - sent, BytesReceived: receivedAfter - received})
	}
	return err
}

// reach makes one call, over native gRPC while that works. It falls back to Connect when no native connection comes about,
// and for no other reason: a wrong certificate or credential is an answer, not an obstacle to go around.
func (c *Client) reach(ctx context.Context, limit time.Duration, f call) error {
	way := c.choose()
	err := way.attempt(ctx, limit, f)
	if way == c.native && c.options.Transport != "grpc" && ctx.Err() == nil && connectFailure(err) != nil {
		c.fallBack(connectFailure(err))
		way = c.main
		err = way.attempt(ctx, limit, f)
	} else if way == c.native && connectFailure(err) == nil {
		c.fallback, c.retryPause = "", 0
	}
	return explain(err, way.address)
}

// choose returns the way for the next call.
func (c *Client) choose() *lane {
	if c.native == nil || (c.fallback != "" && c.currentTime().Before(c.retryAt)) {
		return c.main
	}
	return c.native
}

// fallBack notes why native gRPC is not used and when to try it again.
func (c *Client) fallBack(failed *connectError) {
	reason := failed.cause.Error()
	var op *net.OpError
	if errors.As(failed.cause, &op) {
		reason = op.Err.Error()
	}
	if c.fallback == "" {
		c.options.Log.Warn("native gRPC cannot be reached, using Connect", "grpc", c.native.address, "server", c.main.address, "err", reason)
	}
	c.fallback = reason
	c.retryPause = min(max(2*c.retryPause, retryNative), maxRetryNative)
	c.retryAt = c.currentTime().Add(c.retryPause)
}

// attempt makes a call, once more when a connection that was kept open turned out to be dead.
func (l *lane) attempt(ctx context.Context, limit time.Duration, f call) error {
	err := l.once(ctx, limit, f)
	if ctx.Err() == nil && brokenConnection(err) {
		l.http.CloseIdleConnections()
		err = l.once(ctx, limit, f)
	}
	if err != nil && connect.CodeOf(err) == connect.CodeDeadlineExceeded {
		l.http.CloseIdleConnections() // it may be dead without anybody having noticed
	}
	return err
}

func (l *lane) once(ctx context.Context, limit time.Duration, f call) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx, l.service)
}

// brokenConnection tells whether a connection came about and broke without an answer.
func brokenConnection(err error) bool {
	return err != nil && connect.CodeOf(err) == connect.CodeUnavailable && !connect.IsWireError(err) &&
		connectFailure(err) == nil && certificateTrouble(err) == ""
}

// connectFailure returns the reason why no connection came about, nil when that is not the error.
func connectFailure(err error) *connectError {
	var failed *connectError
	errors.As(err, &failed)
	return failed
}
