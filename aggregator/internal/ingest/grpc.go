// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// RegisterGRPC puts the service on a native gRPC server that was made with ServerOptions.
func (s *Service) RegisterGRPC(server *grpc.Server) {
	syncv1.RegisterSyncServiceServer(server, grpcDoor{Service: s})
}

// ServerOptions returns what a native gRPC server needs for the service: limits, authentication, counting. Calls of
// other services, such as reflection, pass.
func (s *Service) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.UnaryInterceptor(s.grpcUnary),
		grpc.StreamInterceptor(s.grpcStream),
	}
}

// grpcDoor gives the service the signatures that generated gRPC code expects.
type grpcDoor struct {
	*Service
	syncv1.UnsafeSyncServiceServer
}

// PushSections reads the stream of a native gRPC client.
func (d grpcDoor) PushSections(stream grpc.ClientStreamingServer[syncv1.PushSectionsRequest, syncv1.PushSectionsResponse]) error {
	response, err := d.pushSections(stream.Context(), stream.Recv)
	if err != nil {
		return err
	}
	return stream.SendAndClose(response)
}

func (s *Service) grpcUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (response any, err error) {
	if _, ours := info.Server.(grpcDoor); !ours {
		return next(ctx, req)
	}
	err = s.serve(ctx, callOf(ctx, info.FullMethod), func(ctx context.Context) error {
		response, err = next(ctx, req)
		return err
	})
	if err != nil {
		return nil, statusOf(err)
	}
	return response, nil
}

func (s *Service) grpcStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if _, ours := srv.(grpcDoor); !ours {
		return next(srv, stream)
	}
	err := s.serve(stream.Context(), callOf(stream.Context(), info.FullMethod), func(ctx context.Context) error {
		return next(srv, callerStream{stream, ctx})
	})
	return statusOf(err)
}

// callerStream is a stream whose context knows the caller.
type callerStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // grpc.ServerStream hands its context out by a method
}

func (s callerStream) Context() context.Context { return s.ctx }

func callOf(ctx context.Context, method string) callInfo {
	call := callInfo{procedure: method, transport: "grpc"}
	if values := metadata.ValueFromIncomingContext(ctx, "authorization"); len(values) > 0 {
		call.authorization = values[0]
	}
	if p, ok := peer.FromContext(ctx); ok {
		call.peer = p.Addr.String()
	}
	return call
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
