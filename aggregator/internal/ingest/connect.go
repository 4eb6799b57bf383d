// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

const (
	// maxMessageBytes bounds a message after decompression; agents cut sections into parts below it.
	maxMessageBytes = 4 << 20
	// maxCall bounds a call, waiting for other writers included.
	maxCall = time.Minute
)

// Handler returns the path and the handler of the Connect listener.
func (s *Service) Handler() (string, http.Handler) {
	return syncv1connect.NewSyncServiceHandler(connectDoor{s},
		connect.WithReadMaxBytes(maxMessageBytes), connect.WithInterceptors(connectInterceptor{s}))
}

// connectDoor gives the service the signature that generated Connect code expects.
type connectDoor struct{ *Service }

// PushSections reads the stream of a Connect client.
func (d connectDoor) PushSections(ctx context.Context, stream *connect.ClientStream[syncv1.PushSectionsRequest]) (*syncv1.PushSectionsResponse, error) {
	return d.pushSections(ctx, func() (*syncv1.PushSectionsRequest, error) {
		if stream.Receive() {
			return stream.Msg(), nil
		}
		if err := stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	})
}

// connectInterceptor authenticates, counts, bounds and logs the calls of the Connect listener.
type connectInterceptor struct{ service *Service }

func (i connectInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (response connect.AnyResponse, err error) {
		call := callInfo{req.Spec().Procedure, "connect", req.Header().Get("Authorization"), req.Peer().Addr}
		err = i.service.serve(ctx, call, func(ctx context.Context) error {
			response, err = next(ctx, req)
			return err
		})
		if err != nil {
			return nil, err
		}
		return response, nil
	}
}

func (i connectInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (i connectInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		call := callInfo{conn.Spec().Procedure, "connect", conn.RequestHeader().Get("Authorization"), conn.Peer().Addr}
		return i.service.serve(ctx, call, func(ctx context.Context) error { return next(ctx, conn) })
	}
}

// callInfo is what both listeners know of a call.
type callInfo struct{ procedure, transport, authorization, peer string }

// serve runs one call: the frame that both listeners share. Its error is fit for the agent.
func (s *Service) serve(ctx context.Context, call callInfo, run func(context.Context) error) error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	method := call.procedure[strings.LastIndexByte(call.procedure, '/')+1:]
	ctx, err := s.authenticate(ctx, call.authorization, call.peer, method == "Enroll")
	if err == nil {
		err = run(ctx)
	}
	var internal *internalError
	if errors.As(err, &internal) {
		s.log.Error("call failed", "method", method, "serial_number", callerOf(ctx).Serial, "err", internal.cause)
		err = internal.public
	}
	s.metrics.calls.WithLabelValues(method, call.transport, code(err)).Inc()
	s.metrics.durations.WithLabelValues(method).Observe(time.Since(started).Seconds())
	return err
}
