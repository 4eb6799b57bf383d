// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"io"

	"google.golang.org/protobuf/proto"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// Names of calls that are not treated like the others.
const (
	enrollMethod       = "Enroll"
	checkInMethod      = "CheckIn"
	goodbyeMethod      = "Goodbye"
	pushDeltaMethod    = "PushDelta"
	pushSectionsMethod = "PushSections"
)

// receiver returns the messages of a call one after the other, io.EOF behind the last.
type receiver func() (*frame, error)

// method is one call of the service as both listeners serve it.
type method struct {
	name    string
	streams bool // the client sends more than one message
	run     func(context.Context, receiver) (proto.Message, error)
}

// methods returns all of them.
func (s *Service) methods() []method {
	return []method{
		unary(enrollMethod, s.Enroll),
		unary(checkInMethod, s.CheckIn),
		unary("Missing", s.Missing),
		unary(pushDeltaMethod, s.PushDelta),
		{name: pushSectionsMethod, streams: true, run: s.runPushSections},
		unary(goodbyeMethod, s.Goodbye),
	}
}

// unary makes a method of a function from one message to another.
func unary[Q any, A proto.Message, P interface {
	*Q
	proto.Message
}](name string, f func(context.Context, P) (A, error)) method {
	return method{name: name, run: func(ctx context.Context, receive receiver) (proto.Message, error) {
		request := P(new(Q))
		if err := callOf(ctx).receive(receive, request); err != nil {
			return nil, err
		}
		return f(ctx, request)
	}}
}

func (s *Service) runPushSections(ctx context.Context, receive receiver) (proto.Message, error) {
	return s.pushSections(ctx, func() (*syncv1.PushSectionsRequest, error) {
		message := &syncv1.PushSectionsRequest{}
		if err := callOf(ctx).receive(receive, message); err != nil {
			return nil, err
		}
		return message, nil
	})
}

// receive reads the next message of a call into m. Only of a stream the end, io.EOF, is no error.
func (c *call) receive(receive receiver, m proto.Message) error {
	f, err := receive()
	c.endReceiving()
	switch {
	case errors.Is(err, io.EOF) && c.method == pushSectionsMethod:
		return io.EOF
	case errors.Is(err, io.EOF):
		return invalid("the call holds no message")
	case err != nil:
		return err
	}
	if err := c.take(messageWeight * len(f.raw)); err != nil {
		return err
	}
	return f.decode(m)
}

// serve runs one call that was admitted.
func (c *call) serve(ctx context.Context, m method, receive receiver) (proto.Message, error) {
	if c.method == checkInMethod { // a thousand times as frequent as the others; it bounds what is not answered by a batch
		return m.run(ctx, receive)
	}
	ctx, cancel := context.WithTimeout(ctx, c.limit())
	defer cancel()
	defer context.AfterFunc(ctx, func() { // receiving a message knows nothing of this ctx
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			c.intake.cut(c)
		}
	})()
	return m.run(ctx, receive)
}
