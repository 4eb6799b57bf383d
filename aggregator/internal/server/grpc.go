// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // agents compress large pushes
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// Bounds of a gRPC connection.
const (
	readBufferBytes   = 1 << 10 // what is longer is read without it
	writeBufferBytes  = 4 << 10 // borrowed from a pool while something is being written
	handshakeTimeout  = 20 * time.Second
	pingInterval      = 10 * time.Minute // of silence; agents that check in are never pinged
	pingTimeout       = 20 * time.Second
	minClientInterval = 30 * time.Second // between pings of a client
)

// newGRPC returns the native gRPC server, with reflection, so that grpcurl can talk to it without the .proto files.
func newGRPC(options []grpc.ServerOption, register func(*grpc.Server), log *slog.Logger) *grpc.Server {
	r := recoverer{log: log}
	own := []grpc.ServerOption{
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		// Most connections wait for the next check-in most of the time: they hold a small buffer.
		grpc.ReadBufferSize(readBufferBytes),
		grpc.WriteBufferSize(writeBufferBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: idleTimeout, Time: pingInterval, Timeout: pingTimeout,
			MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionGrace,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minClientInterval, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(r.unary),
		grpc.ChainStreamInterceptor(r.stream),
	}
	s := grpc.NewServer(append(own, options...)...)
	register(s)
	reflection.Register(s)
	return s
}

func grpcCredentials(c *certificate, t *tickets) grpc.ServerOption {
	return grpc.Creds(credentials.NewTLS(c.config(t, "h2")))
}

// recoverer keeps a panic in one call from ending the program.
type recoverer struct{ log *slog.Logger }

func (r recoverer) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer r.recover(info.FullMethod, &err)
	return next(ctx, req)
}

func (r recoverer) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer r.recover(info.FullMethod, &err)
	return next(srv, stream)
}

func (r recoverer) recover(method string, err *error) {
	if p := recover(); p != nil {
		r.log.Error("panic in a call", "method", method, "panic", p, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "something went wrong in the aggregator")
	}
}
