// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
)

const (
	// maxCall bounds a call, waiting for other writers included: a little less than an agent waits, so that it hears why.
	maxCall = 25 * time.Second
	// maxStream bounds a push of whole sections: a first snapshot over a slow line.
	maxStream = 5 * time.Minute
)

// call is one call of the service, whichever listener it came to.
type call struct {
	service       *Service
	method        string // for example CheckIn
	transport     string // grpc or connect
	authorization string
	peer          string // host:port, or the address that a trusted proxy named
	proxied       bool   // somebody forwarded the call
	started       time.Time

	caller   caller
	admitted bool
	bytes    int64 // of the service's memory that the call has taken

	slot      slot // at the gate of check-ins
	intake    *intake
	receiving receiving
	stop      func()      // ends the receiving of messages; not to be called once the call has ended
	arriving  atomic.Bool // a message is being received
	late      atomic.Bool // it was cut off
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func callerOf(ctx context.Context) caller { return callOf(ctx).caller }

// admit finds out who calls and makes room for the call, before anything of its messages is read.
func (c *call) admit(ctx context.Context) (err error) {
	if c.caller, err = c.service.authenticate(ctx, c); err != nil {
		return err
	}
	switch reason := c.service.room.enter(&c.caller); reason {
	case "":
		c.admitted = true
	case reasonCredential:
		return c.busy(reason, "too many calls at once with this credential")
	default:
		return c.busy(reason, "too many calls at once without a credential")
	}
	c.intake = c.service.gates.intake(c.method)
	gate := c.service.gates.work(c.method)
	if gate != c.service.gates.checkIns {
		return gate.full()
	}
	c.slot, err = gate.enter(ctx)
	return err
}

// take makes room for bytes that came with the call; the room is given back when it ends.
func (c *call) take(bytes int) error {
	others := int64(0)
	if c.service.gates.intake(c.method) == c.service.gates.large {
		others = smallRoom // so that pushes leave room for check-ins
	}
	if !c.service.room.take(int64(bytes), others) {
		return c.busy(reasonRoom, "too much is being received at once")
	}
	c.bytes += int64(bytes)
	return nil
}

// beginReceiving waits until the next message may be received.
func (c *call) beginReceiving(ctx context.Context) error {
	if err := c.intake.begin(ctx, c); err != nil {
		return err
	}
	c.arriving.Store(true)
	return nil
}

// endReceiving gives the place at the intake back, once.
func (c *call) endReceiving() {
	if c.arriving.Swap(false) {
		c.intake.end(c)
	}
}

// cut ends the receiving of a message. Its place at the intake must not become free meanwhile.
func (c *call) cut() {
	if c.stop == nil || c.late.Swap(true) {
		return
	}
	c.count(reasonSlow)
	c.stop()
}

// tooSlow is the answer to a caller that was cut off.
func tooSlow() error {
	return refuseBusy(spread(minRetry, rand.Float64()), "the message came too slowly")
}

// end gives back what the call holds.
func (c *call) end() {
	c.endReceiving()
	c.slot.leave()
	c.service.room.give(c.bytes)
	c.slot, c.bytes = slot{}, 0
	if c.admitted {
		c.service.room.leave(&c.caller)
		c.admitted = false
	}
}

// busy refuses the call for a reason that will have passed soon.
func (c *call) busy(reason, text string) error {
	c.count(reason)
	return refuseBusy(spread(minRetry, rand.Float64()), text)
}

// count books a refusal.
func (c *call) count(reason string) {
	c.service.metrics.refusals.WithLabelValues(c.service.gates.work(c.method).name, reason).Inc()
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
	switch {
	case errors.As(err, &internal):
		s.outage.failed(c, internal.cause)
		c.count(reasonDatabase)
		err = refuseUntil(connect.CodeUnavailable, s.outage.retry(), internal.Error())
	case err == nil:
		s.outage.served(c)
	case c.late.Load():
		err = tooSlow()
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
