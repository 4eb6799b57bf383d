// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // agents compress what is large
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/protoadapt"

	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1grpc"
)

// streamWorkers keep their grown stacks from call to call; growing one anew is a tenth of a check-in's CPU. A call that
// finds all of them waiting for a batch gets a goroutine of its own.
const streamWorkers = 256

// ServerOptions returns what a native gRPC server needs for the service. Other services on it, such as reflection, do
// not notice.
func (s *Service) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessageBytes), grpc.ForceServerCodecV2(newGRPCCodec()), grpc.NumStreamWorkers(streamWorkers),
		grpc.StaticStreamWindowSize(streamWindow), grpc.StaticConnWindowSize(connectionWindow), grpc.InTapHandle(stoppable),
	}
}

const (
	// streamWindow is what a caller may send before it is known, let alone has a place at the intake; once a message is
	// being received, gRPC makes the window as large as that. Windows that follow the line by themselves grow to 16 MB
	// and cost a ping with nearly every call.
	streamWindow = 64 << 10
	// connectionWindow bounds what is on its way: 5 MB/s over a line of 50 ms.
	connectionWindow = 256 << 10
)

// stoppableStream is the context of a stream whose receiving the service can end: gRPC then answers for it, with
// DEADLINE_EXCEEDED.
type stoppableStream struct {
	context.Context
	cancel  context.CancelFunc
	stopped atomic.Bool
}

type streamKey struct{}

// stoppable makes every stream's context one. It ends with the stream.
func stoppable(ctx context.Context, _ *tap.Info) (context.Context, error) {
	ctx, cancel := context.WithCancel(ctx)
	return &stoppableStream{Context: ctx, cancel: cancel}, nil
}

func (s *stoppableStream) stop() {
	s.stopped.Store(true)
	s.cancel()
}

// Err implements context.Context.
func (s *stoppableStream) Err() error {
	if s.stopped.Load() {
		return context.DeadlineExceeded
	}
	return s.Context.Err()
}

// Value implements context.Context.
func (s *stoppableStream) Value(key any) any {
	if key == (streamKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// RegisterGRPC puts the service on a native gRPC server that was made with ServerOptions.
//
// All calls are served as streams, which are the same on the wire: a stream's handler runs before its messages are
// read, so that callers are known and bounded by then.
func (s *Service) RegisterGRPC(server *grpc.Server) {
	desc := grpc.ServiceDesc{
		ServiceName: syncv1grpc.SyncService_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Metadata:    syncv1grpc.SyncService_ServiceDesc.Metadata,
	}
	for _, m := range s.methods() {
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName: m.name, ClientStreams: m.streams,
			Handler: func(_ any, stream grpc.ServerStream) error { return statusOf(s.serveGRPC(m, stream)) },
		})
	}
	server.RegisterService(&desc, s)
}

// serveGRPC runs one call of the native listener.
func (s *Service) serveGRPC(m method, stream grpc.ServerStream) error {
	ctx := stream.Context()
	c := &call{service: s, method: m.name, transport: "grpc", started: time.Now()}
	if values := metadata.ValueFromIncomingContext(ctx, "authorization"); len(values) > 0 {
		c.authorization = values[0]
	}
	if p, ok := peer.FromContext(ctx); ok {
		c.peer = p.Addr.String()
	}
	if s, ok := ctx.Value(streamKey{}).(*stoppableStream); ok {
		c.stop = s.stop
	}
	defer c.end()
	if err := c.admit(ctx); err != nil {
		return c.finish(err)
	}
	message, err := c.serve(context.WithValue(ctx, callKey{}, c), m, func() (*frame, error) {
		if err := c.beginReceiving(ctx); err != nil {
			return nil, err
		}
		f := &frame{}
		return f, received(stream.RecvMsg(f))
	})
	if err := c.finish(err); err != nil {
		return err
	}
	return stream.SendMsg(message)
}

// received gives an error of a gRPC stream the form of the service's own errors.
func received(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	st := status.Convert(err)
	return connect.NewError(connect.Code(st.Code()), errors.New(st.Message()))
}

// statusOf returns an error of the service as gRPC sends it; both protocols number their codes alike.
func statusOf(err error) error {
	var refused *connect.Error
	if !errors.As(err, &refused) {
		return err
	}
	out := status.New(codes.Code(refused.Code()), refused.Message())
	for _, detail := range refused.Details() {
		value, err := detail.Value()
		if err != nil {
			continue // the detail was made from a message
		}
		if with, err := out.WithDetails(protoadapt.MessageV1Of(value)); err == nil {
			out = with
		}
	}
	return out.Err()
}
