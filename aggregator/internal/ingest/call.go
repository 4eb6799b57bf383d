// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
)

const (
	// maxCall bounds a call, waiting for other writers included.
	maxCall = time.Minute
	// maxStream bounds a push of whole sections: a first snapshot over a slow line.
	maxStream = 5 * time.Minute
)

// call is one call of the service, whichever listener it came to.
type call struct {
	service       *Service
	method        string // for example CheckIn
	transport     string // grpc or connect
	authorization string
	peer          string // host:port
	started       time.Time

	caller   caller
	admitted bool
	bytes    int64 // of the service's memory that the call has taken
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func callerOf(ctx context.Context) caller { return callOf(ctx).caller }

// admit finds out who calls and makes room for the call, before anything of its messages is read.
func (c *call) admit(ctx context.Context) error {
	found, err := c.service.authenticate(ctx, c)
	if err != nil {
		return err
	}
	c.caller = found
	if !c.service.room.enter(found.digest) {
		return refuseBusy(retryBusy, "too many calls at once with this credential")
	}
	c.admitted = true
	return nil
}

// take makes room for bytes that came with the call; the room is given back when it ends.
func (c *call) take(bytes int) error {
	if !c.service.room.take(int64(bytes)) {
		return refuseBusy(retryBusy, "too much is being received at once")
	}
	c.bytes += int64(bytes)
	return nil
}

// end gives back what the call holds.
func (c *call) end() {
	c.service.room.give(c.bytes)
	c.bytes = 0
	if c.admitted {
		c.service.room.leave(c.caller.digest)
		c.admitted = false
	}
}

// limit returns how long the call may take.
func (c *call) limit() time.Duration {
	if c.method == pushSectionsMethod {
		return maxStream
	}
	return maxCall
}

// finish counts the call, logs what is for operators only, and returns the error as the agent may see it.
func (c *call) finish(err error) error {
	s := c.service
	var internal *internalError
	if errors.As(err, &internal) {
		s.log.Error("call failed", "method", c.method, "serial_number", c.caller.Serial, "err", internal.cause)
		err = internal.public
	}
	s.metrics.calls.WithLabelValues(c.method, c.transport, code(err)).Inc()
	s.metrics.durations.WithLabelValues(c.method).Observe(time.Since(c.started).Seconds())
	return err
}

// code returns the label of a call's result.
func code(err error) string {
	if err == nil {
		return "ok"
	}
	return connect.CodeOf(err).String()
}
